"""Graphs give the right result while executors and workers are killed in the middle of them."""

from __future__ import annotations

import itertools
import operator
import os
import random
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cluster_tasks as tasks
import dask.bag
import pytest
from cluster_kit import Cluster, children_of, eventually

import isthmus


def submit_graph(
    client: isthmus.Client, seed: int, count: int
) -> tuple[list[isthmus.Future[int]], list[int]]:
    """Tasks that each depend on up to four earlier ones, and what they have to give."""
    chance = random.Random(seed)
    futures: list[isthmus.Future[int]] = []
    expected: list[int] = []
    for number in range(count):
        chosen = [chance.randrange(max(0, number - 50), number) for _ in range(min(number, 4))]
        futures.append(client.submit(tasks.slow_sum, [number, *(futures[n] for n in chosen)], 0.001))
        expected.append(number + sum(expected[n] for n in chosen))
    return futures, expected


def executors_of(cluster: Cluster, name: str) -> list[int]:
    return children_of(cluster.processes[name].pid)


@pytest.mark.parametrize("victim", ["executor", "worker"])
def test_a_graph_of_2000_tasks_survives(cluster: Cluster, victim: str) -> None:
    cluster.scheduler()
    cluster.worker(name="one", slots=2)
    cluster.worker(name="two", slots=2)
    client = cluster.client()
    futures, expected = submit_graph(client, 1, 2_000)
    for round_, at in enumerate((100, 500, 900)):
        eventually(futures[at].done, f"task {at} ends")
        if victim == "executor":
            os.kill(eventually(lambda: executors_of(cluster, "one"), "it has executors")[0], signal.SIGKILL)
        else:
            cluster.kill(("one", "two", "three0")[round_])
            cluster.worker(name=f"three{round_}", slots=2)
    assert [future.result(60) for future in futures] == expected
    assert cluster.listing("status")["tasks"]["unfinished"] == 0


def test_every_value_arrives_when_a_task_kills_its_own_executor(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    client = cluster.client()
    layer = [client.submit(tasks.double, n) for n in range(20)]
    for depth in range(10):
        killer = client.submit(tasks.kill_own_executor_once, str(tmp_path / f"killed{depth}"), layer[0])
        layer = [killer, *(client.submit(operator.add, a, b) for a, b in itertools.pairwise(layer))]
    expected = [2 * n for n in range(20)]
    for _ in range(10):
        expected = [expected[0], *(a + b for a, b in itertools.pairwise(expected))]
    assert [future.result(60) for future in layer] == expected
    assert len(list(tmp_path.glob("killed*"))) == 10


@pytest.fixture
def kill_soon(cluster: Cluster) -> Iterator[Callable[[int], None]]:
    """Kills worker `one` once that many tasks have ended, while the test's thread computes."""
    with ThreadPoolExecutor(1) as pool:

        def kill(ended: int) -> None:
            eventually(
                lambda: cluster.listing("status")["totals"]["values"] >= ended, "the graph is under way"
            )
            cluster.kill("one")

        waiting = []
        yield lambda ended: waiting.append(pool.submit(kill, ended))
        for future in waiting:
            future.result(60)


def test_get_survives_a_killed_worker(cluster: Cluster, kill_soon: Callable[[int], None]) -> None:
    cluster.scheduler()
    cluster.worker(name="one", slots=2)
    cluster.worker(name="two", slots=2)
    client = cluster.client()
    graph: dict[object, object] = {("x", n): (tasks.sleep_then, 0.003, n) for n in range(1_000)}
    graph.update({("y", n): (sum, [("x", m) for m in range(10 * n, 10 * n + 10)]) for n in range(100)})
    graph["z"] = (sum, [("y", n) for n in range(100)])
    kill_soon(200)
    assert client.get(graph, ["z", ("y", 0)]) == (sum(range(1_000)), 45)


def test_dask_survives_a_killed_worker(cluster: Cluster, kill_soon: Callable[[int], None]) -> None:
    cluster.scheduler()
    cluster.worker(name="one", slots=2)
    cluster.worker(name="two", slots=2)
    client = cluster.client()
    bag = dask.bag.from_sequence(range(3_000), npartitions=300).map(tasks.nap_and_square)
    kill_soon(60)
    assert bag.sum(split_every=4).compute(scheduler=client.dask_get) == sum(n * n for n in range(3_000))
