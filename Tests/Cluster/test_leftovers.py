"""What tasks leave behind, and what executors are started with."""

from __future__ import annotations

import os
import signal

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually, is_alive

import isthmus


def gone(pid: int) -> bool:
    return not is_alive(pid)


@pytest.mark.parametrize("how", ["session", "daemon"])
def test_what_left_its_executors_group_ends_with_it(cluster: Cluster, how: str) -> None:
    cluster.scheduler()
    cluster.worker(slots=1)
    client = cluster.client()
    pid = client.submit(tasks.leave_behind, how).result(60)
    # It stays as long as its executor does.
    assert client.submit(tasks.double, 2).result(60) == 4
    assert is_alive(pid)
    with pytest.raises(isthmus.ExecutorCrashed):
        client.options(retries=0, idempotent=False).submit(os._exit, 3).result(60)
    eventually(lambda: gone(pid), "what the executor left behind ends")
    assert client.submit(tasks.double, 3).result(60) == 6


@pytest.mark.parametrize("how", ["session", "daemon"])
def test_what_left_its_executors_group_ends_with_its_worker(cluster: Cluster, how: str) -> None:
    cluster.scheduler()
    worker = cluster.worker(slots=2)
    client = cluster.client()
    pid = client.submit(tasks.leave_behind, how).result(60)
    cluster.expected_dead.add("worker")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert gone(pid)


def test_a_killed_workers_executors_take_along_what_they_started(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(slots=1)
    client = cluster.client()
    pid = client.submit(tasks.leave_behind, "session").result(60)
    executor = client.submit(os.getpid).result(60)
    cluster.kill("worker")
    eventually(lambda: gone(executor) and gone(pid), "executor and what it started end")


def test_native_threads_are_limited_to_the_cpus_of_a_slot(cluster: Cluster) -> None:
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"]
    cluster.environment = {"MKL_NUM_THREADS": "3"}
    cluster.scheduler()
    cluster.worker(name="plain", slots=2)
    client = cluster.client()
    assert [client.submit(os.getenv, name).result(60) for name in names] == ["1", "1", "3", "1"]
    cluster.kill("plain")
    cluster.worker("--resource", "cpu=8", name="wide", slots=2)
    assert [client.submit(os.getenv, name).result(60) for name in names] == ["4", "4", "3", "4"]
    cluster.kill("wide")
    cluster.environment = {"OMP_NUM_THREADS": "5"}
    cluster.worker(name="said", slots=2)
    assert [client.submit(os.getenv, name).result(60) for name in names] == ["5", None, None, None]
