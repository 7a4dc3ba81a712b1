"""Large values come to the client when somebody asks for them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
from pathlib import Path

import pytest

import isthmus
from isthmus import Client
from isthmus import _limits as limits

LARGE = 8 * limits.VALUE_BYTES_UNASKED_MAX


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_what_only_a_dependent_needs_does_not_come_here(cluster: Client) -> None:
    gc.collect()
    before = resident_bytes()
    futures = [cluster.submit(bytes, LARGE) for _ in range(32)]
    lengths = [cluster.submit(len, future) for future in futures]
    assert sum(length.result() for length in lengths) == 32 * LARGE
    assert all(future.done() for future in futures)
    assert concurrent.futures.wait(futures, timeout=30).not_done == set()
    assert futures[0].exception() is None
    outcome = futures[0].outcome
    assert outcome is not None
    assert outcome.status == "value"
    assert resident_bytes() - before < 8 * LARGE
    assert len(futures[3].result()) == LARGE
    assert futures[3].result() is futures[3].result()


def test_a_value_arrives_by_every_road(cluster: Client) -> None:
    futures = [cluster.submit(bytes, LARGE) for _ in range(4)]
    assert {len(future.result()) for future in concurrent.futures.as_completed(futures)} == {LARGE}
    assert [len(value) for value in cluster.map(bytes, [LARGE] * 3)] == [LARGE] * 3

    async def both(done: isthmus.Future[bytes]) -> list[bytes]:
        return list(await asyncio.gather(asyncio.wrap_future(done), cluster.submit(bytes, LARGE)))

    done = cluster.submit(bytes, LARGE)
    concurrent.futures.wait([done])
    assert [len(value) for value in asyncio.run(both(done))] == [LARGE] * 2


@pytest.mark.parametrize("is_done", [False, True])
def test_a_callback_finds_the_value(cluster: Client, is_done: bool) -> None:
    found: list[int] = []
    called = threading.Event()

    def note(future: concurrent.futures.Future[bytes]) -> None:
        found.append(len(future.result()))
        called.set()

    cluster.submit(bytes, LARGE).result()
    future = cluster.submit(bytes, LARGE)
    if is_done:
        concurrent.futures.wait([future])
    future.add_done_callback(note)
    assert called.wait(30)
    assert found == [LARGE]


def test_two_threads_ask_for_one_value(cluster: Client) -> None:
    future = cluster.submit(bytes, LARGE)
    concurrent.futures.wait([future])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda _: future.result(timeout=30), range(4)))
    assert all(value is values[0] for value in values)


def test_values_that_are_held_come_before_the_session_ends() -> None:
    with Client(slots=1) as client:
        futures = [client.submit(bytes, LARGE) for _ in range(3)]
        concurrent.futures.wait(futures)
    assert [len(future.result()) for future in futures] == [LARGE] * 3


def test_what_only_other_tasks_got_does_not_come_at_the_end() -> None:
    before = resident_bytes()
    with Client(slots=1) as client:
        parts = [client.submit(bytes, LARGE) for _ in range(16)]
        small = client.submit(abs, -1)
        lengths = [client.submit(len, part) for part in parts]
        both = client.submit(max, small, small)
        ends = [client.submit(with_another_end, parts[0]) for _ in range(2)]
        concurrent.futures.wait([*parts, *ends])
        assert len(parts[1].result()) == LARGE
    assert resident_bytes() - before < 8 * LARGE
    assert [len(end.result()) for end in ends] == [LARGE] * 2
    assert sum(length.result() for length in lengths) == 16 * LARGE
    assert (small.result(), both.result(), len(parts[1].result())) == (1, 1, LARGE)
    with pytest.raises(isthmus.ClusterError, match=r"stayed with the scheduler.*shut down"):
        parts[0].result()
    assert parts[0].exception() is not None


def test_a_failure_is_never_taken_for_a_large_value(cluster: Client) -> None:
    cluster.submit(bytes, LARGE).result()
    large = cluster.submit(fail_with, LARGE)
    after = cluster.submit(len, large)
    for future in (large, after, *concurrent.futures.wait([cluster.submit(fail_with, LARGE)]).done):
        error = future.exception(timeout=30)
        assert isinstance(error, ValueError)
        assert len(error.args[0]) == LARGE
        with pytest.raises(ValueError):
            future.result()


def test_a_value_that_can_not_be_had_any_more_is_an_error() -> None:
    with Client(slots=1) as client:
        future = client.submit(bytes, LARGE)
        concurrent.futures.wait([future])
        client._engine._fail(isthmus.ClusterError("the cluster is gone"))
        with pytest.raises(isthmus.ClusterError, match=r"stayed with the scheduler.*the cluster is gone"):
            future.result(timeout=30)


def fail_with(size: int) -> None:
    raise ValueError(bytes(size))


def with_another_end(value: bytes) -> bytes:
    return value[:-1] + b"x"


def test_the_heap_of_an_executor_has_no_holes_of_large_values() -> None:
    # Of 20 MB: glibc takes larger ones from the system anew.
    with Client(slots=1) as client:
        future = client.submit(bytes, 20_000_000)
        for _ in range(50):
            future = client.submit(with_another_end, future)
        assert client.submit(len, future).result() == 20_000_000
        assert client.submit(resident_bytes).result() < 350 << 20
