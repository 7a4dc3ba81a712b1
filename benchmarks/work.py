"""The functions that every engine runs. Importable by name, so that no engine pickles them by value."""

from __future__ import annotations

import time
from typing import Any


def nothing(value: int) -> int:
    """The smallest task: what remains is the engine's own cost."""
    return value


def spin(iterations: int) -> int:
    """A fixed amount of computation, not of time: a task that waits for a core does not count as work."""
    total = 0
    for number in range(iterations):
        total += number & 7
    return total


def echo(array: Any) -> Any:
    """Sends an array back."""
    return array


def iterations_per_second(seconds: float = 0.5) -> float:
    """How fast a bare process spins, on average: the neighbours' noise belongs to the peak as well."""
    block = 20_000
    done = 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        spin(block)
        done += block
    return done / elapsed
