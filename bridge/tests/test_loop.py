"""The executor's loop without Swift: a fake `_isthmus` that hands out work and keeps what comes back."""

from __future__ import annotations

import importlib
import logging
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from isthmus_bridge import neutral
from isthmus_bridge.cancellation import TaskCancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN, CALL, FUNCTION, SETUP, FORGET_SESSION, FORGET_FUNCTION = range(6)


class Fake(types.ModuleType):
    """`_isthmus` with a list instead of a socket."""

    STOP_SIGNAL = 23

    def __init__(self, work: list[tuple[Any, ...]]) -> None:
        super().__init__("_isthmus")
        self.work = work
        self.outcomes: list[tuple[int, int, str, dict[int, Any]]] = []
        self.current: tuple[int, int, int] | None = None

    def next(self) -> tuple[Any, ...] | None:
        assert self.current is None, "the last task was not ended"
        if not self.work:
            return None
        item = self.work.pop(0)
        if item[0] in {PLAIN, CALL}:
            self.current = (1, len(self.outcomes) + 1, 1)
        return item

    def value(self, data: bytes) -> None:
        self.finish(0, 0, "", ((0, 1, data, ()),))

    def finish(self, status: int, reason: int, detail: str, parts: tuple[Any, ...]) -> None:
        assert self.current is not None
        self.current = None
        kept = {kind: _load(codec, data, buffers) for kind, codec, data, buffers in parts}
        self.outcomes.append((status, reason, detail, kept))

    def changed(self) -> int | None:
        return None

    def watch_state(self) -> None: ...

    def clear_environment(self) -> None: ...

    def running(self) -> tuple[int, int, int] | None:
        return self.current


def _load(codec: int, data: Any, buffers: Any) -> Any:
    if codec == 1:
        return pickle.loads(data, buffers=[bytearray(buffer) for buffer in buffers])
    return neutral.unpack(data) if codec == 2 else bytes(data).decode()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a list of work to its end and give the outcomes: `(status, reason, detail, parts by kind)`."""
    factory = logging.getLogRecordFactory()

    def run(*work: tuple[Any, ...]) -> list[tuple[int, int, str, dict[int, Any]]]:
        fake = Fake(list(work))
        monkeypatch.setitem(sys.modules, "_isthmus", fake)
        module = importlib.import_module("isthmus_bridge.executor")
        monkeypatch.setattr(module, "_isthmus", fake)
        module.Executor().run()
        return fake.outcomes

    yield run
    logging.setLogRecordFactory(factory)


def plain(call: Any, *args: Any, session: int = 1) -> tuple[Any, ...]:
    return (PLAIN, session, 0, pickle.dumps((call, args, {})), None)


def coded(codec: int, call: Any, *args: Any) -> tuple[Any, ...]:
    """A call whose result is wanted in another codec."""
    return (CALL, 1, 0, pickle.dumps((call, args, {})), (1, codec, 0, (), ()))


def named(path: str, number: int = 1, session: int = 1) -> tuple[Any, ...]:
    return (FUNCTION, session, number, neutral.pack(path), (2, ()))


def test_a_plain_call(run: Any) -> None:
    assert run(plain(pow, 2, 5)) == [(0, 0, "", {0: 32})]


def test_a_function_is_loaded_when_it_is_called_and_only_then(run: Any) -> None:
    outcomes = run(
        named("no_such_module:f"), named("math:sqrt", 2), (PLAIN, 1, 2, pickle.dumps(((9,), {})), None)
    )
    assert outcomes == [(0, 0, "", {0: 3.0})]


def raise_base() -> None:
    raise BaseException("base")


def cancelled() -> None:
    raise TaskCancelled(1)


def out_of_time() -> None:
    raise TaskCancelled(2)


@pytest.mark.parametrize(
    ("call", "status", "reason"),
    [(raise_base, 1, 0), (sys.exit, 1, 0), (cancelled, 2, 12), (out_of_time, 4, 11)],
)
def test_whatever_a_task_raises_ends_that_task_only(run: Any, call: Any, status: int, reason: int) -> None:
    first, second = run(plain(call), plain(abs, -1))
    assert first[:2] == (status, reason)
    assert second == (0, 0, "", {0: 1})


def test_an_interrupt_between_two_operations_of_the_loop_ends_the_task_that_was_taken(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Fake.next

    def interrupted(self: Fake) -> Any:
        item = taken(self)
        if item is not None and not self.outcomes:
            raise TaskCancelled(1)
        return item

    monkeypatch.setattr(Fake, "next", interrupted)
    first, second = run(plain(abs, -1), plain(abs, -2))
    assert first[:2] == (2, 12)
    assert second == (0, 0, "", {0: 2})


def test_an_interrupt_while_nothing_runs_is_forgotten(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Fake.next
    interrupts = [KeyboardInterrupt()]

    def interrupted(self: Fake) -> Any:
        if interrupts:
            raise interrupts.pop()
        return taken(self)

    monkeypatch.setattr(Fake, "next", interrupted)
    assert run(plain(abs, -2)) == [(0, 0, "", {0: 2})]


def log() -> None:
    logging.getLogger("name").error("problem %d", 5)


def test_log_records_go_with_their_task(run: Any) -> None:
    first, second = run(plain(log), plain(abs, -1))
    assert first[3][3].endswith("ERROR name: problem 5\n")
    assert 3 not in second[3]


def test_a_broken_initializer_breaks_its_session_until_it_is_forgotten(run: Any) -> None:
    outcomes = run(
        (SETUP, 1, 0, pickle.dumps((divmod, (1, 0), {})), (1, ())),
        plain(abs, -1),
        plain(abs, -1, session=2),
        (FORGET_SESSION, 1, 0, None, None),
        plain(abs, -1),
    )
    assert [(status, reason) for status, reason, _, _ in outcomes] == [(3, 6), (0, 0), (0, 0)]
    assert "ZeroDivisionError" in outcomes[0][2]


def test_a_result_over_the_limit_names_it(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_bridge.results.PAYLOAD_BYTES_MAX", 100_000)
    for call in (
        plain(list, range(100_000)),
        plain(bytes, 200_000),
        plain(bytearray, 200_000),
        plain("x".__mul__, 200_000),
        plain((10).__pow__, 500_000),
        coded(2, bytes, 200_000),
        coded(3, bytearray, 200_000),
    ):
        (status, reason, detail, parts), after = run(call, plain(abs, -1))
        assert (status, reason) == (1, 8)
        assert "payload_bytes_max (100000 bytes)" in detail
        assert "return less" in detail
        assert 0 not in parts
        assert after == (0, 0, "", {0: 1})


def test_a_result_at_the_limit_travels(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_bridge.results.PAYLOAD_BYTES_MAX", 100_000)
    assert run(coded(3, bytes, 100_000))[0][0] == 0


def test_large_buffers_stay_outside_of_the_pickle(run: Any) -> None:
    import numpy as np

    outcome = run(plain(np.ones, 100_000))[0]
    assert (outcome[3][0] == 1).all()


def test_a_dependency_outside_of_its_task_says_so() -> None:
    from isthmus_bridge.dependencies import dependency

    with pytest.raises(LookupError, match="outside of the task"):
        dependency(0)
