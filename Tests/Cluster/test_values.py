"""Large values cross to a worker once, stay there while they are needed, and are gone afterwards."""

from __future__ import annotations

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually, resident_bytes

import isthmus

MEGABYTE = 1 << 20


def metric(cluster: Cluster, name: str) -> int:
    """A counter of the scheduler; it adds them up once a second."""
    found = [entry["value"] for entry in cluster.listing("status")["metrics"] if entry["name"] == name]
    return int(sum(found))


def sent(cluster: Cluster) -> int:
    return metric(cluster, "isthmus_dependency_bytes_sent_total")


def saved(cluster: Cluster) -> int:
    return metric(cluster, "isthmus_dependency_bytes_saved_total")


def test_a_chain_stays_on_one_worker_and_moves_nothing(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(name="one", slots=1)
    cluster.worker(name="two", slots=1)
    client = cluster.client()
    value = client.submit(tasks.repeated, "a", 1)
    for _ in range(20):
        value = client.submit(tasks.next_letter, value)
    assert value.result(60) == b"u" * MEGABYTE
    eventually(lambda: saved(cluster) >= 20 * MEGABYTE, "twenty values are referred to")
    assert sent(cluster) == 0


def test_a_broadcast_value_crosses_once_to_each_worker(cluster: Cluster) -> None:
    cluster.scheduler()
    for name in ("one", "two", "three"):
        cluster.worker(name=name, slots=2)
    client = cluster.client()
    value = client.submit(tasks.repeated, "b", 10)
    counts = [client.submit(tasks.count_after, 0.01, value, number) for number in range(120)]
    assert [future.result(60) for future in counts] == [10 * MEGABYTE + number for number in range(120)]
    eventually(lambda: saved(cluster) >= 117 * 10 * MEGABYTE, "the others refer to it")
    assert sent(cluster) <= 2 * 10 * MEGABYTE + 1024


@pytest.mark.parametrize("victim", ["holder", "other"])
def test_equal_results_when_a_holder_is_killed(cluster: Cluster, victim: str) -> None:
    cluster.scheduler()
    cluster.worker(name="holder", slots=1)
    client = cluster.client()
    value = client.submit(tasks.repeated, "c", 1)
    assert client.submit(len, value).result(60) == MEGABYTE
    cluster.worker(name="other", slots=1)
    chains: list[isthmus.Future[bytes]] = []
    for _ in range(8):
        link = client.submit(tasks.next_letter, value)
        for _ in range(10):
            link = client.submit(tasks.next_letter, link)
        chains.append(link)
    counts = [client.submit(tasks.count_after, 0.01, value, number) for number in range(100)]
    eventually(counts[10].done, "some of them have ended")
    cluster.kill(victim)
    cluster.worker(name="late", slots=1)
    assert [future.result(60) for future in counts] == [MEGABYTE + number for number in range(100)]
    assert {future.result(60) for future in chains} == {b"n" * MEGABYTE}


def test_workers_let_go_of_what_nobody_needs(cluster: Cluster) -> None:
    cluster.scheduler()
    worker = cluster.worker(slots=1)
    client = cluster.client()

    def chain() -> None:
        value = client.submit(tasks.repeated, "d", 8)
        for _ in range(4):
            value = client.submit(tasks.next_letter, value)
        assert value.result(60)[:1] == b"h"

    chain()
    before = resident_bytes(worker.pid)
    for _ in range(30):
        chain()
    # 1.2 GB have been made meanwhile.
    assert resident_bytes(worker.pid) < before + 300 * MEGABYTE
    eventually(lambda: cluster.listing("status")["tasks"]["kept"] == 0, "every value was let go")


def test_more_than_a_worker_may_hold_still_arrives(cluster: Cluster) -> None:
    cluster.scheduler()
    worker = cluster.worker(slots=1)
    client = cluster.client()
    # Of what it makes a worker holds 256 MB: seven of these, with the few bytes around each.
    values = [client.submit(tasks.repeated, letter, 32) for letter in "abcdefghij"]
    lengths = [client.submit(len, value) for value in values]
    assert [future.result(60) for future in lengths] == [32 * MEGABYTE] * 10
    assert resident_bytes(worker.pid) < 700 * MEGABYTE
    # All ten may have been made before the first is needed; then three have to be sent.
    assert sent(cluster) <= 3 * (32 * MEGABYTE + 1_000)
