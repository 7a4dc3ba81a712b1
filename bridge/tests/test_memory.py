"""What an executor keeps of large payloads: nothing. Watched from outside, over ten thousand tasks."""

from __future__ import annotations

import pickle
from pathlib import Path

import executor_driver as driver
from executor_driver import NEUTRAL, PICKLE, ROOT, Executor, Payload, pickled

from isthmus_bridge import chunks, dependencies, neutral

TASKS = 10_000
AHEAD = 16
LARGE = b"x" * (72 << 10)
"""A little more than what travels inside a record."""
GROWTH_MAX = 24 << 20
"""A thirtieth of what keeping all of them would take, with room for the allocator."""

Kind = tuple[int, Payload, list[Payload]]
"""Function, arguments, and values of dependencies."""


def resident(executor: Executor) -> int:
    """Resident bytes of the process, as the kernel counts them."""
    pages = Path(f"/proc/{executor.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def flood(executor: Executor, tasks: int, kinds: list[Kind], result: int) -> None:
    """Run so many tasks, of each kind in turn, a few of them ahead of the answers, which are not kept."""
    waiting: list[int] = []
    for number in range(tasks + AHEAD):
        if number < tasks:
            function, arguments, values = kinds[number % len(kinds)]
            waiting.append(executor.assign(arguments, function, result=result, dependencies=values))
        if number >= AHEAD:
            outcome = executor.outcome(waiting[0])
            assert outcome.status == driver.VALUE, (outcome.detail, outcome.traceback)
            del executor.outcomes[waiting.pop(0)]
    executor.order.clear()


class _Dependency:
    """Pickles itself as a client's future does."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return dependencies.dependency, (0,)


def outside(value: bytes) -> Payload:
    """Arguments whose bytes travel beside the pickle."""
    return pickled(((pickle.PickleBuffer(bytearray(value)),), {}))


def assert_flat(executor: Executor, kinds: list[Kind], result: int) -> None:
    flood(executor, 500, kinds, result)
    before = resident(executor)
    flood(executor, TASKS, kinds, result)
    assert resident(executor) - before < GROWTH_MAX


def test_a_python_executor_keeps_no_large_payload(one_python: Path) -> None:
    with Executor(one_python) as executor:
        executor.ready()
        for number, function in enumerate((len, bytes, chunks.run_chunk), 1):
            executor.define(number, Payload(PICKLE, pickle.dumps(function)))
        kinds: list[Kind] = [
            (1, pickled(((LARGE,), {})), []),
            (2, outside(LARGE), []),
            (1, Payload(PICKLE, pickle.dumps(((_Dependency(),), {}))), [pickled(LARGE)]),
            (2, pickled(((LARGE,), {})), []),
            (3, pickled(((len, [[LARGE, LARGE]]), {})), []),
        ]
        assert_flat(executor, kinds, PICKLE)


def test_a_swift_executor_keeps_no_large_payload() -> None:
    command = [str(ROOT / ".build" / "release" / "TestFunctions"), "--isthmus-executor"]
    with Executor("", "", command=command) as executor:
        executor.ready()
        executor.define(1, Payload(NEUTRAL, neutral.pack("echo")), kind=driver.SWIFT)
        dependency = neutral.pack([_Dependency()], dependency=_place)
        kinds: list[Kind] = [
            (1, Payload(NEUTRAL, neutral.pack([LARGE])), []),
            (1, Payload(NEUTRAL, dependency), [Payload(NEUTRAL, neutral.pack(LARGE))]),
        ]
        assert_flat(executor, kinds, NEUTRAL)


def _place(value: object) -> int | None:
    return 0 if isinstance(value, _Dependency) else None
