"""Nobody starves: priorities with aging, and shares of sessions."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import CancelledError
from pathlib import Path

import cluster_tasks as tasks
from cluster_kit import Cluster, eventually

import isthmus


def test_what_is_urgent_goes_first(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    gate, trace = tmp_path / "gate", tmp_path / "trace"
    blocker = client.submit(tasks.wait_for_file, str(gate))
    eventually(blocker.running, "the slot is taken")
    futures = [
        client.options(priority=priority).submit(tasks.append, str(trace), f"{priority}")
        for priority in [3, 3, 0, -3, 1, 2, 0, 2, 9, -9]
    ]
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] == 11, "all are accepted")
    gate.touch()
    for future in futures:
        future.result(30)
    # Also before what the worker has in front of its executor already.
    assert trace.read_text().split() == ["9", "3", "3", "2", "2", "1", "0", "0", "-3", "-9"]


def test_a_task_of_low_priority_ends_while_urgent_ones_keep_coming(cluster: Cluster, tmp_path: Path) -> None:
    """It takes longer than `agingInterval`, 10 s."""
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    urgent = client.options(priority=1)
    enough = threading.Semaphore(0)
    stop = threading.Event()

    def submit_another(_: isthmus.Future[None] | None = None) -> None:
        if not stop.is_set():
            urgent.submit(tasks.sleep_then, 0.02, None).add_done_callback(submit_another)
        enough.release()

    for _ in range(20):
        submit_another()
    for _ in range(60):
        assert enough.acquire(timeout=30)
    humble = client.options(priority=0).submit(tasks.sleep_then, 0.02, "done")
    try:
        assert humble.result(50) == "done"
        assert humble.outcome is not None
        assert humble.outcome.waited > 5, "it was not urgent"
    finally:
        stop.set()


def test_one_task_is_not_behind_another_clients_50_000(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    greedy, modest = cluster.client(), cluster.client()
    futures = [greedy.submit(tasks.sleep_then, 0.002, n) for n in range(50_000)]
    eventually(lambda: futures[200].done(), "they run")
    for n in range(5):
        assert modest.submit(tasks.double, n).result(30) == 2 * n
    ended = sum(future.done() for future in futures)
    assert ended < 10_000
    for future in reversed(futures):
        future.cancel()
    assert modest.submit(tasks.double, 1).result(30) == 2


def test_two_clients_share_the_slots_by_time(cluster: Cluster) -> None:
    """One has tasks that are ten times as long, and three times as many waiting."""
    cluster.scheduler()
    cluster.worker(slots=2)
    long, short = cluster.client(), cluster.client()
    ran = {"long": 0.0, "short": 0.0}
    longs = [long.submit(tasks.sleep_then, 0.1, None) for _ in range(300)]
    eventually(lambda: longs[3].done(), "the long ones run")
    shorts = [short.submit(tasks.sleep_then, 0.01, None) for _ in range(100)]
    before = sum(future.done() for future in longs)
    for future in shorts:
        future.result(60)
    after = sum(future.done() for future in longs)
    ran["short"] = sum(future.outcome.ran for future in shorts if future.outcome)
    ran["long"] = (after - before) * 0.1
    assert ran["long"] < 3 * ran["short"] + 0.5
    for future in itertools.chain(longs, shorts):
        future.cancel()


def test_cancel_of_a_graph_reaches_all_that_depends_on_it(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    client = cluster.client()
    gate = tmp_path / "gate"
    root = client.submit(tasks.wait_for_file, str(tmp_path / "never"), 1)
    other = client.submit(tasks.wait_for_file, str(gate), 2)
    eventually(lambda: root.running() and other.running(), "both run")
    layers = [[client.submit(tasks.slow_sum, [root, other]) for _ in range(20)]]
    for _ in range(5):
        layers.append([client.submit(tasks.slow_sum, layers[-1]) for _ in range(20)])
    aside = client.submit(tasks.double, other)
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] == 123, "all are accepted")
    assert root.cancel(running=True)
    for future in itertools.chain(*layers):
        assert isinstance(raised(future), CancelledError)
        assert future.cancelled()
    words = cluster.listing("explain", str(layers[-1][0].task_id))
    assert words["task"]["status"] == "cancelled"
    told = cluster.verb("explain", str(layers[-1][0].task_id)).stdout
    assert str(root.task_id) in str(raised(layers[-1][0])) + told, "the first cause is named"
    gate.touch()
    assert aside.result(30) == 4


def raised(future: isthmus.Future[int]) -> BaseException | None:
    try:
        future.result(30)
    except (CancelledError, Exception) as error:
        return error
    return None
