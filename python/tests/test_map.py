"""`map` that is read late, in part, or never; over what is slow, large or endless."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from typing import Any

import client_tasks as tasks
import pytest
from client_support import StandIns, eventually

from isthmus import Client
from isthmus._limits import LOOKAHEAD_BYTES_MAX, LOOKAHEAD_ELEMENTS_MAX

WAIT = 30.0
INPUTS: list[Callable[[int], Iterable[int]]] = [range, lambda count: (n for n in range(count))]


def lines(trace: Path) -> int:
    return len(trace.read_text().split()) if trace.exists() else 0


@pytest.mark.parametrize("options", [{}, {"retries": 1}])
@pytest.mark.parametrize("made", INPUTS, ids=["sized", "unsized"])
def test_a_map_that_nobody_reads_is_run(
    stand_ins: StandIns, tmp_path: Path, made: Callable[[int], Iterable[int]], options: dict[str, Any]
) -> None:
    trace, other = tmp_path / "trace", tmp_path / "other"
    with Client(stand_ins.start()) as client:
        view = client.options(**options)
        view.map(partial(tasks.leave_a_trace, str(trace)), made(1_000))
        eventually(lambda: lines(trace) == 1_000, "all calls are made while the client is open")
        view.map(partial(tasks.leave_a_trace, str(other)), made(1_000))
    assert lines(other) == 1_000
    assert not client._engine.feeds


@pytest.mark.parametrize("options", [{}, {"retries": 1}])
@pytest.mark.parametrize("made", INPUTS, ids=["sized", "unsized"])
def test_a_map_is_read_after_the_shutdown(
    stand_ins: StandIns, made: Callable[[int], Iterable[int]], options: dict[str, Any]
) -> None:
    address = stand_ins.start()
    with Client(address) as client:
        results = client.options(**options).map(abs, made(2_000))
        begun = client.options(**options).map(abs, range(2_000))
        assert next(begun) == 0
    assert list(results) == list(range(2_000))
    assert list(begun) == list(range(1, 2_000))
    client = Client(address)
    results = client.options(**options).map(abs, made(2_000))
    client.shutdown(wait=False)
    assert list(results) == list(range(2_000))
    client.shutdown()


def test_a_failure_is_raised_after_the_shutdown_too(stand_ins: StandIns) -> None:
    def source() -> Iterator[int]:
        yield from range(500)
        raise LookupError("no more")

    with Client(stand_ins.start()) as client:
        failing = client.map(partial(tasks.fail_at, 300), range(1_000), chunksize=7)
        broken = client.map(abs, source())
    assert [next(failing) for _ in range(300)] == list(range(300))
    with pytest.raises(IndexError, match="300"):
        next(failing)
    assert [next(broken) for _ in range(500)] == list(range(500))
    with pytest.raises(LookupError, match="no more"):
        next(broken)


def test_a_shutdown_does_not_wait_for_what_is_endless(stand_ins: StandIns) -> None:
    address = stand_ins.start()
    with Client(address) as client:
        results = client.map(abs, itertools.count())
        bounded = client.map(abs, range(1_000), buffersize=10)
        assert [next(results) for _ in range(100)] == list(range(100))
    rest = []
    with pytest.raises(RuntimeError, match=r"without a length .* Take its results before the shutdown"):
        rest += results
    with pytest.raises(RuntimeError, match="with buffersize"):
        rest.append(list(bounded))
    client = Client(address)
    results = client.map(tasks.nap, itertools.repeat(0.01, 1_000))
    client.shutdown(cancel_futures=True)
    with pytest.raises(CancelledError):
        list(results)


def test_an_endless_map_that_nobody_reads_takes_bounded_memory(stand_ins: StandIns) -> None:
    with Client(stand_ins.start("--echo")) as client:
        drawn = itertools.count()
        client.map(abs, (next(drawn) for _ in itertools.repeat(None)))
        [feed] = client._engine.feeds
        most = 0

        def has_passed_the_window() -> bool:
            nonlocal most
            most = max(most, feed._elements)
            return next(drawn) > 2 * LOOKAHEAD_ELEMENTS_MAX or most > LOOKAHEAD_ELEMENTS_MAX

        try:
            eventually(has_passed_the_window, "it goes on", 60)
            assert most <= LOOKAHEAD_ELEMENTS_MAX
        finally:
            # The end of `with` would wait for it.
            client.cancel_all(running=True)
        eventually(lambda: not client._engine.feeds, "it has ended")
        assert client.map(abs, [-1]) is not None


def made(trace: str, size: int) -> bytes:
    with Path(trace).open("a") as file:
        file.write("made\n")
    return bytes(size)


def test_large_results_are_made_only_as_far_ahead_as_they_fit(cluster: Client, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    size = LOOKAHEAD_BYTES_MAX // 8
    results = cluster.map(partial(made, str(trace)), [size] * 48)
    for taken, result in enumerate(results, 1):
        assert len(result) == size
        if taken in (1, 8):
            # All that was sent before this one has begun when it ends.
            cluster.submit(abs, -1).result(WAIT)
            # Those that fit, and what was sent before the size was known.
            assert lines(trace) <= taken + 8 + 8
    assert lines(trace) == 48


def test_an_iterator_that_was_used_and_dropped_cancels_the_rest(client: Client, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    results = client.map(partial(tasks.leave_a_trace, str(trace)), range(5_000), chunksize=1)
    next(results)
    del results
    gc.collect()
    eventually(lambda: not client._engine.feeds, "the map is given up")
    client.submit(tasks.add, 1, 1).result(WAIT)
    assert lines(trace) < 5_000


def test_each_element_costs_the_same_however_many_are_pending(stand_ins: StandIns) -> None:
    count = 20_000
    with Client(stand_ins.start("--echo")) as client:
        marks: dict[int, float] = {}

        def source() -> Iterator[int]:
            for n in range(count):
                if n % (count // 4) == 0:
                    marks[n] = time.perf_counter()
                yield n

        results = client.map(abs, source(), chunksize=1)
    # The first quarter includes what is done once; all four have been kept.
    second, third, fourth = (marks[n * count // 4] for n in (1, 2, 3))
    assert time.perf_counter() - fourth < 4 * (third - second) + 0.5
    del results


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_the_input_is_raised_at_once(client: Client, kind: type, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def source(before: int) -> Iterator[str]:
        for _ in range(before):
            yield str(gate)
        raise kind

    with pytest.raises(kind):
        client.map(tasks.until_file, source(1))
    with pytest.raises(kind):
        list(client.map(tasks.until_file, itertools.chain([__file__] * 500, source(1)), chunksize=1))
    gate.touch()
    eventually(lambda: not client._engine.feeds, "nothing is left of it")
    assert client.submit(tasks.add, 1, 1).result(WAIT) == 2
