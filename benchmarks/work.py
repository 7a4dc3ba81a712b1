"""The functions that every engine runs. Importable by name, so that no engine pickles them by value."""

from __future__ import annotations

import time
from typing import Any


def nothing(value: int) -> int:
    """The smallest task: what remains is the engine's own cost."""
    return value


def add_one(value: int) -> int:
    """A step of a chain; there is the same in Swift."""
    return value + 1


def add_up(*values: int) -> int:
    """A task of a graph: one more than its values together."""
    return 1 + sum(values) % 1_000_003


def spin(iterations: int) -> int:
    """A fixed amount of computation, not of time: a task that waits for a core does not count as work."""
    total = 0
    for number in range(iterations):
        total += number & 7
    return total


def echo(array: Any) -> Any:
    """Sends an array back."""
    return array


def report_speed(together: Any, speeds: Any, seconds: float = 1.0) -> None:
    """How fast a bare process spins while the others do; an average, since noise belongs to the peak too.

    `together` is a barrier of all of them, `speeds` a queue for the iterations per second.
    """
    block = 20_000
    spin(50 * block)
    together.wait()
    done = 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        spin(block)
        done += block
    speeds.put(done / elapsed)
