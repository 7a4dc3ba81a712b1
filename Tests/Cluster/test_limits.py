"""Load and bad input: bounded memory, named limits, an error for the one who caused it."""

from __future__ import annotations

import itertools
import os
import random
import socket
import sys
import types
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually, resident_bytes

import isthmus

MEGABYTE = 1 << 20


def test_200_000_tasks_for_one_slot(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    futures = [client.submit(tasks.double, n) for n in range(200_000)]
    highest = resident_bytes(scheduler.pid)
    total = 0
    for number, future in enumerate(futures):
        total += future.result(120)
        if number % 1_000 == 0:
            highest = max(highest, resident_bytes(scheduler.pid))
    assert total == sum(2 * n for n in range(200_000))
    assert highest < 300 * MEGABYTE


def test_map_over_an_endless_generator_is_lazy_and_bounded(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    drawn = itertools.count()
    endless = (next(drawn) for _ in itertools.repeat(None))
    before = resident_bytes(os.getpid())
    results = cluster.client().map(tasks.double, endless)
    assert list(itertools.islice(results, 10)) == [2 * n for n in range(10)]
    del results
    assert next(drawn) < 1_000_000
    assert resident_bytes(os.getpid()) - before < 100 * MEGABYTE


def test_a_gigabyte_is_refused_at_submit_by_a_named_limit(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    with pytest.raises(isthmus.LimitExceeded, match="payload_bytes_max"):
        client.submit(tasks.double, bytes(1 << 30))
    assert client.submit(tasks.double, 1).result(60) == 2


def test_an_argument_that_cannot_be_pickled_is_named(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    with pytest.raises(TypeError, match="refuses to be pickled"):
        client.submit(tasks.double, tasks.RefusesPickle()).result(60)
    assert client.submit(tasks.double, 1).result(60) == 2


def test_a_result_that_cannot_be_pickled_is_an_error_of_its_task(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    future = cluster.client().submit(tasks.make_unpicklable)
    with pytest.raises(TypeError, match="refuses to be pickled") as caught:
        future.result(60)
    assert "make_unpicklable returned cluster_tasks.RefusesPickle" in str(caught.value)
    assert future.outcome.reason == "notSerializable"


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "text", "list"])
def test_a_result_over_the_limit_is_an_error_of_its_task(cluster: Cluster, tmp_path: Path, kind: str) -> None:
    scheduler = cluster.scheduler()
    worker = cluster.worker()
    client = cluster.client()
    executor = client.submit(tasks.pid).result(60)
    trace = tmp_path / "trace"
    future = client.options(retries=3).submit(tasks.make_and_count, str(trace), kind, 300 * MEGABYTE)
    with pytest.raises(isthmus.LimitExceeded, match=r"payload_bytes_max \(268435456 bytes\)") as caught:
        future.result(60)
    assert "make_and_count returned 3145" in str(caught.value)
    assert "return less" in str(caught.value)
    assert (future.outcome.status, future.outcome.reason) == ("exception", "limitExceeded")
    assert (future.outcome.attempt, trace.read_text()) == (1, f"{kind}\n")
    assert client.submit(tasks.pid).result(60) == executor
    assert resident_bytes(worker.pid) < 200 * MEGABYTE
    assert resident_bytes(scheduler.pid) < 200 * MEGABYTE


def test_an_exception_with_a_constructor_of_its_own_arrives_as_itself(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    with pytest.raises(tasks.TwoArgumentError, match=r"^first and second$") as caught:
        cluster.client().submit(tasks.raise_two_argument_error).result(60)
    assert caught.value.second == "second"
    assert "raise_two_argument_error" in str(caught.value.__cause__)
    assert "KeyError: 'the cause'" in str(caught.value.__cause__)


def test_an_exception_that_cannot_travel_arrives_as_text(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    with pytest.raises(isthmus.RemoteError, match="HeldLockError: held") as caught:
        cluster.client().submit(tasks.raise_unrebuildable).result(60)
    assert "raise_unrebuildable" in str(caught.value.__cause__)


def test_a_module_that_the_worker_lacks_is_named(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    module = types.ModuleType("only_here")
    exec("def function(): return 1", module.__dict__)
    sys.modules["only_here"] = module
    try:
        with pytest.raises(Exception, match="only_here"):
            cluster.client().submit(module.function).result(60)
    finally:
        del sys.modules["only_here"]


def test_random_bytes_harm_nobody(cluster: Cluster) -> None:
    cluster.scheduler()
    worker = cluster.worker()
    client = cluster.client()
    noise = random.Random(7)
    for path in (cluster.directory / "scheduler.ipc", cluster.directory / "control.sock"):
        for _ in range(200):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(path))
                try:
                    peer.sendall(noise.randbytes(noise.randrange(1, 4_000)))
                except (BrokenPipeError, ConnectionResetError):
                    continue
    assert client.submit(tasks.double, 5).result(60) == 10
    assert worker.poll() is None


def test_malformed_messages_are_refused_and_harm_nobody(cluster: Cluster) -> None:
    import zmq

    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    noise = random.Random(11)
    context = zmq.Context()
    for turn in range(300):
        with context.socket(zmq.DEALER) as peer:
            peer.linger = 0
            peer.connect(cluster.address)
            message = noise.randbytes(noise.randrange(0, 200))
            peer.send_multipart([bytes([turn % 3]) + message] * noise.randrange(1, 4))
    context.term()
    assert client.submit(tasks.double, 5).result(60) == 10


def test_a_client_of_another_wire_version_is_told_which_ones_fit(cluster: Cluster) -> None:
    import struct

    import zmq

    cluster.scheduler()
    hello = struct.pack("<BBHHBB8sQQQI", 0, 1, 90, 99, 1, 0, b"ISTHMUS\0", 77, 0, 0, 0)
    context = zmq.Context()
    with context.socket(zmq.DEALER) as peer:
        peer.linger = 0
        peer.connect(cluster.address)
        peer.send(hello)
        assert peer.poll(10_000), "the refusal arrives"
        answer = peer.recv()
    context.term()
    assert answer[1] == 3
    assert b"version" in answer
    assert b"90" in answer


def test_output_is_found_by_task(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    future = client.submit(tasks.talk, "hello")
    quiet = client.submit(tasks.double, 1)
    assert future.result(60) == "hello"
    assert future.output.stdout.split("\n")[:3] == ["printed hello", "written hello", "child hello"]
    assert "complained hello" in future.output.stderr
    assert "logged hello" in future.output.log
    assert quiet.result(60) == 2
    assert quiet.output.stdout == ""
    shown = cluster.verb("output", str(future.task_id))
    assert "printed hello" in shown.stdout


def test_a_waiting_task_is_explained_in_words(cluster: Cluster) -> None:
    cluster.scheduler()
    client = cluster.client()
    future = client.submit(tasks.double, 1)
    words = eventually(
        lambda: (done := cluster.verb("explain", str(future.task_id))).returncode == 0 and done.stdout,
        "the task is known",
    )
    assert "no worker" in words.lower()
