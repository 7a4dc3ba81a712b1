"""What a user of `Client` was promised, on a stand-in and on a real cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import itertools
import math
import threading
from functools import partial
from pathlib import Path
from typing import Any

import client_tasks as tasks
import pytest
from client_support import StandIns, eventually

import isthmus
from isthmus import Client

WAIT = 30.0


def test_a_call_returns_its_value(client: Client) -> None:
    assert client.submit(pow, 2, 10).result(WAIT) == 1024
    assert client.submit(tasks.add, left="a", right="b").result(WAIT) == "ab"


def test_what_has_no_name_travels_by_value(client: Client) -> None:
    offset = 5
    shifted = client.submit(lambda value: value + offset, 1)
    offset = 7
    again = client.submit(lambda value: value + offset, 1)
    assert (shifted.result(WAIT), again.result(WAIT)) == (6, 8)
    assert client.submit(partial(pow, 2), 5).result(WAIT) == 32
    assert client.submit("-".join, ["a", "b"]).result(WAIT) == "a-b"
    assert client.submit(str.upper, "x").result(WAIT) == "X"


def test_a_captured_value_is_that_of_the_submit(client: Client) -> None:
    box = [1]
    futures = []
    for number in range(3):
        box[0] = number
        futures.append(client.submit(lambda: list(box)))
    assert [future.result(WAIT) for future in futures] == [[0], [1], [2]]


def test_an_exception_arrives_as_itself(client: Client) -> None:
    future = client.submit(tasks.refuse, 3)
    with pytest.raises(ValueError) as caught:
        future.result(WAIT)
    assert caught.value.args == ("refused", 3)
    assert "in refuse" in str(caught.value.__cause__)
    assert future.exception() is caught.value
    assert future.done()
    assert not future.running()


def test_an_exception_that_cannot_be_rebuilt_arrives_as_text(client: Client) -> None:
    error = client.submit(tasks.raise_unpicklable).exception(WAIT)
    assert isinstance(error, isthmus.RemoteError)
    assert "Unpicklable" in error.class_name
    assert error.message == "stays where it is"
    assert "raise_unpicklable" in error.traceback


def test_an_exception_with_a_constructor_of_its_own_arrives_as_itself(client: Client) -> None:
    error = client.submit(tasks.raise_two_arguments).exception(WAIT)
    assert isinstance(error, tasks.TwoArguments)
    assert (error.args, error.second) == (("first",), "second")


def test_a_result_that_leaves_the_program_when_it_is_read_is_an_error(client: Client) -> None:
    error = client.submit(tasks.leaves_when_read).exception(WAIT)
    assert error is not None
    assert "SystemExit" in f"{error!r} {error.__cause__!r}"


def test_a_task_leaves_at_once_though_nobody_waits_for_it(client: Client) -> None:
    # The first task of a function takes the function's definition along.
    client.submit(tasks.add, 1, 1).result(WAIT)
    engine, told = client._engine, []
    for name in ("push", "ring"):
        plain = getattr(engine, name)
        setattr(engine, name, lambda plain=plain: (told.append(threading.get_ident()), plain()))
    engine.link.pushed_at = 0.0
    future = client.submit(tasks.total, [1, 2])
    assert threading.get_ident() in told
    assert future.result(WAIT) == 3


def test_an_argument_that_cannot_be_pickled_is_named(client: Client) -> None:
    future = client.submit(tasks.add, 1, tasks.RefusesPickle())
    with pytest.raises(TypeError, match=r"refuses to be pickled.*argument 2 of add"):
        future.result(WAIT)
    assert future.done()
    with pytest.raises(TypeError, match="argument 'right' of add"):
        client.submit(tasks.add, 1, right=threading.Lock()).result(WAIT)


def test_a_future_as_an_argument_is_an_edge(client: Client) -> None:
    one, two = client.submit(int, "1"), client.submit(int, "2")
    assert client.submit(tasks.add, one, two).result(WAIT) == 3
    assert client.submit(tasks.total, [one, two, one]).result(WAIT) == 4
    nested = client.submit(lambda value: value["deep"][0][1] + 1, {"deep": [(one, two)]})
    assert nested.result(WAIT) == 3
    chain = one
    for _ in range(50):
        chain = client.submit(tasks.add, chain, 1)
    assert chain.result(WAIT) == 51


def test_a_failed_dependency_fails_what_depends_on_it(client: Client) -> None:
    failed = client.submit(tasks.refuse, 1)
    with pytest.raises(Exception, match="refused"):
        client.submit(tasks.add, failed, 1).result(WAIT)
    unsent = client.submit(tasks.add, threading.Lock(), 1)
    with pytest.raises(TypeError, match="pickle"):
        client.submit(tasks.add, unsent, 1).result(WAIT)


def test_a_future_belongs_to_its_client(client: Client, stand_ins: StandIns) -> None:
    with Client(stand_ins.start()) as other:
        foreign = other.submit(int, "1")
        with pytest.raises(TypeError, match="another client"):
            client.submit(tasks.add, foreign, 1).result(WAIT)
    import pickle

    with pytest.raises(TypeError, match="only as an argument"):
        pickle.dumps(client.submit(int, "1"))


def test_map_is_ordered_and_takes_several_iterables(client: Client) -> None:
    assert list(client.map(pow, range(1_000), itertools.repeat(2))) == [n * n for n in range(1_000)]
    assert list(client.map(math.sqrt, [])) == []
    assert list(client.map(tasks.add, "ab", "cde")) == ["ac", "bd"]
    assert list(client.map(lambda value: value * 2, range(10), chunksize=3)) == list(range(0, 20, 2))


def test_map_delivers_what_came_before_an_exception(client: Client) -> None:
    results = client.map(partial(tasks.fail_at, 25), range(40), chunksize=10)
    assert [next(results) for _ in range(25)] == list(range(25))
    with pytest.raises(IndexError, match="25 is too much") as caught:
        next(results)
    assert "fail_at" in str(caught.value.__cause__)
    assert list(results) == []


def test_map_delivers_what_came_before_an_error_of_its_input(client: Client) -> None:
    def source() -> Any:
        yield from range(3)
        raise LookupError("no more")

    results = client.map(tasks.nap, itertools.repeat(0.0), source())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="no more"):
        next(results)


def test_map_over_an_endless_generator_reads_a_bounded_way_ahead(client: Client) -> None:
    drawn = itertools.count()
    results = client.map(math.sqrt, (next(drawn) for _ in itertools.repeat(None)))
    taken = [next(results) for _ in range(20_000)]
    assert taken == [math.sqrt(n) for n in range(20_000)]
    results.close()  # type: ignore[attr-defined]
    assert next(drawn) < 500_000


def test_map_honours_its_timeout(client: Client) -> None:
    results = client.map(tasks.nap, [0.0, 2.0], timeout=0.5)
    assert next(results) is None
    with pytest.raises(concurrent.futures.TimeoutError):
        next(results)


def test_map_of_futures_and_buffersize(client: Client) -> None:
    futures = [client.submit(int, str(n)) for n in range(5)]
    assert list(client.map(tasks.add, futures, futures)) == [0, 2, 4, 6, 8]
    assert list(client.map(math.sqrt, [1, 4, 9], buffersize=1)) == [1, 2, 3]
    with pytest.raises(ValueError, match="chunksize"):
        client.map(math.sqrt, [1], chunksize=0)


def test_wait_and_as_completed_of_the_standard_library(client: Client) -> None:
    futures = [client.submit(pow, n, 2) for n in range(200)]
    assert sum(future.result() for future in concurrent.futures.as_completed(futures, WAIT)) == 2646700
    failing = client.submit(tasks.refuse, 1)
    done, _ = concurrent.futures.wait([failing, *futures], WAIT, concurrent.futures.FIRST_EXCEPTION)
    assert failing in done
    done, missing = concurrent.futures.wait(futures, WAIT)
    assert len(done) == 200
    assert not missing


def test_a_wait_may_time_out(client: Client) -> None:
    slow = client.submit(tasks.nap, 0.4, "late")
    with pytest.raises(concurrent.futures.TimeoutError):
        slow.result(0.01)
    assert slow.result(WAIT) == "late"


def test_callbacks_never_run_in_the_thread_that_waits(client: Client) -> None:
    lock = threading.Lock()
    called: list[tuple[int, Any]] = []

    def callback(future: Any) -> None:
        with lock:
            called.append((threading.get_ident(), future.result()))

    with lock:
        future = client.submit(tasks.nap, 0.02, 5)
        future.add_done_callback(callback)
        assert future.result(WAIT) == 5
    eventually(lambda: called, "the callback runs")
    assert called[0][0] != threading.get_ident()
    assert called[0][1] == 5
    future.add_done_callback(callback)
    assert called[1][0] == threading.get_ident()


def test_a_callback_may_submit_and_wait(client: Client) -> None:
    found: list[Any] = []
    client.submit(int, "1").add_done_callback(
        lambda future: found.append(client.submit(tasks.add, future.result(), 1).result(WAIT))
    )
    eventually(lambda: found == [2], "the callback has waited for its own task")


def test_a_failing_callback_harms_nobody(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    called: list[Any] = []
    future = client.submit(tasks.nap, 0.02)
    future.add_done_callback(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    future.add_done_callback(called.append)
    eventually(lambda: called, "the second callback runs")
    assert "exception calling callback" in caplog.text


def test_what_has_not_started_can_be_cancelled(client: Client, tmp_path: Path) -> None:
    gate, trace = tmp_path / "gate", tmp_path / "trace"
    blockers = [client.submit(tasks.until_file, str(gate)) for _ in range(4)]
    waiting = client.submit(tasks.leave_a_trace, str(trace), "ran")
    assert waiting.cancel()
    assert waiting.cancelled()
    assert waiting.done()
    assert waiting.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        waiting.result(WAIT)
    gate.touch()
    assert [blocker.result(WAIT) for blocker in blockers] == [None] * 4
    assert client.submit(tasks.add, 1, 1).result(WAIT) == 2
    assert not trace.exists()
    assert not blockers[0].cancel()


def test_futures_can_be_awaited(client: Client) -> None:
    async def run() -> list[int]:
        first = await client.submit(pow, 2, 3)
        rest = await asyncio.gather(*[client.submit(pow, n, 2) for n in range(50)])
        wrapped = await asyncio.wrap_future(client.submit(tasks.add, 1, 1))
        with pytest.raises(ValueError, match="refused"):
            await client.submit(tasks.refuse, 1)
        return [first, *rest, wrapped]

    assert asyncio.run(run()) == [8, *[n * n for n in range(50)], 2]


def test_many_threads_share_a_client(client: Client) -> None:
    def work(base: int) -> int:
        return sum(client.submit(tasks.add, base, n).result(WAIT) for n in range(50))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [50 * base + 1225 for base in range(8)]


def test_large_values_travel(client: Client) -> None:
    data = bytes(range(256)) * 8_192
    assert client.submit(tasks.add, data, b"!").result(WAIT) == data + b"!"
    import numpy as np

    array = np.arange(300_000, dtype="f8")
    doubled = client.submit(tasks.add, array, array).result(WAIT)
    assert (doubled == array * 2).all()
    doubled[0] = 1.0


def test_what_is_too_large_is_refused_at_submit(client: Client) -> None:
    with pytest.raises(isthmus.LimitExceeded, match=r"payload_bytes_max.*file.*same limit"):
        client.submit(len, bytes(300 << 20))
    assert client.submit(len, b"1").result(WAIT) == 1


def test_options_are_checked_at_once(client: Client) -> None:
    assert client.options(timeout=30, retries=1, name="sum").submit(tasks.add, 1, 2).result(WAIT) == 3
    with pytest.raises(TypeError, match="unheard_of"):
        client.options(unheard_of=1)
    with pytest.raises(ValueError, match="result is one of"):
        client.options(result="json")
    with pytest.raises(TypeError, match="timeout is a number"):
        client.options(timeout="1")
    assert list(client.options(timeout=30).map(math.sqrt, [1, 4])) == [1, 2]


def test_an_outcome_tells_where_and_how_long(client: Client) -> None:
    future = client.submit(tasks.nap, 0.05)
    future.result(WAIT)
    outcome = future.outcome
    assert outcome is not None
    assert (outcome.status, outcome.reason, outcome.attempt) == ("value", "none", 1)
    assert 0.04 < outcome.ran < 10
    assert future.task_id.rpartition("-")[2].isdigit()
    assert client.submit(tasks.refuse, 1).exception(WAIT) is not None


def test_a_future_says_what_it_is(client: Client) -> None:
    future = client.submit(int, "1")
    assert future.task_id in repr(future)
    future.result(WAIT)
    assert "finished" in repr(future)


def test_a_future_is_set_by_the_cluster_only(client: Client) -> None:
    future = client.submit(tasks.nap, 0.1, "awake")
    for change in (
        partial(future.set_result, "set"),
        partial(future.set_exception, ValueError("set")),
        future.set_running_or_notify_cancel,
    ):
        with pytest.raises(concurrent.futures.InvalidStateError, match="set by the cluster only"):
            change()
    assert future.result(WAIT) == "awake"
    with pytest.raises(concurrent.futures.InvalidStateError):
        future.set_result("late")


def test_a_shut_down_client_takes_nothing(stand_ins: StandIns) -> None:
    client = Client(stand_ins.start())
    slow = client.submit(tasks.nap, 0.2, "done")
    client.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        client.submit(int, "1")
    assert slow.result(WAIT) == "done"
    client.shutdown()


def test_shutdown_waits_and_may_cancel(stand_ins: StandIns, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with Client(stand_ins.start()) as client:
        client.submit(tasks.nap, 0.1)
        client.submit(tasks.leave_a_trace, str(trace), "ran")
    assert trace.exists()
    client = Client(stand_ins.start())
    futures = [client.submit(tasks.nap, 0.05) for _ in range(50)]
    client.shutdown(cancel_futures=True)
    assert all(future.done() for future in futures)
    assert sum(future.cancelled() for future in futures) > 30


def test_submit_blocks_when_the_credit_is_used_up(stand_ins: StandIns, tmp_path: Path) -> None:
    with Client(stand_ins.start("--credit", "10")) as client:
        gate = tmp_path / "gate"
        futures = [client.submit(tasks.until_file, str(gate), n) for n in range(10)]
        blocked = threading.Thread(target=lambda: futures.append(client.submit(int, "7")))
        blocked.start()
        blocked.join(0.2)
        assert blocked.is_alive()
        assert len(futures) == 10
        gate.touch()
        blocked.join(WAIT)
        assert futures[10].result(WAIT) == 7
        assert len([f.result(WAIT) for f in [client.submit(int, str(n)) for n in range(500)]]) == 500


def test_swift_functions_speak_neutral(stand_ins: StandIns) -> None:
    with Client(stand_ins.start()) as client:
        name = client.submit(isthmus.swift("upper"), "abc")
        assert name.result(WAIT) == "ABC"
        assert client.submit(isthmus.swift("upper"), name).result(WAIT) == "ABC"
        assert list(client.map(isthmus.swift("upper"), ["a", "b"])) == ["A", "B"]
        with pytest.raises(TypeError, match="object"):
            client.submit(isthmus.swift("upper"), object()).result(WAIT)
        with pytest.raises(TypeError, match="Swift executor"):
            isthmus.swift("upper")("abc")


def test_a_dropped_client_ends_by_itself(stand_ins: StandIns) -> None:
    client = Client(stand_ins.start())
    future = client.submit(tasks.nap, 0.1, "done")
    thread = client._engine._thread
    del client
    gc.collect()
    assert future.result(WAIT) == "done"
    eventually(lambda: not thread.is_alive(), "its thread ends")


def test_a_task_knows_its_id_and_attempt(cluster: Client) -> None:
    def at_last() -> tuple[str, int]:
        running = isthmus.get_task()
        assert running is not None
        if running.attempt < 2:
            raise ValueError("once more")
        return running

    assert isthmus.get_task() is None
    future = cluster.submit(isthmus.get_task)
    assert future.result(WAIT) == isthmus.RunningTask(future.task_id, 1)
    again = cluster.options(retries=1).submit(at_last)
    assert again.result(WAIT) == isthmus.RunningTask(again.task_id, 2)
