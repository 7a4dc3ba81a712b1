"""A process that has no memory for a message: the task fails that it belongs to, and nothing else."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cluster_tasks as tasks
import pytest

import isthmus

if TYPE_CHECKING:
    from cluster_kit import Cluster

ROOM = 64 << 20
LARGE = 180 << 20


def leave_room(pid: int) -> None:
    """From now on the process gets so much more address space."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def test_a_worker_without_memory_for_an_argument_fails_that_task_only(cluster: Cluster) -> None:
    cluster.scheduler()
    worker = cluster.worker()
    client = cluster.client()
    assert client.submit(len, b"1234").result(60) == 4
    leave_room(worker.pid)
    large = client.submit(len, bytes(LARGE))
    with pytest.raises(isthmus.TaskLost, match="no memory for 18"):
        large.result(60)
    assert [client.submit(len, bytes(n)).result(60) for n in range(20)] == list(range(20))
    assert cluster.log("worker").count("joined") == 1
    assert "connection to the scheduler is gone" not in cluster.log("worker")


def test_a_worker_without_memory_for_a_dependency_fails_that_task_only(cluster: Cluster) -> None:
    cluster.scheduler()
    maker = cluster.worker("--label", "is=maker", name="maker")
    other = cluster.worker("--label", "is=other", name="other")
    client = cluster.client()
    assert client.options(affinity={"is": "other"}).submit(len, b"1234").result(60) == 4
    leave_room(other.pid)
    made = client.options(affinity={"is": "maker"}).submit(tasks.repeated, "a", LARGE >> 20)
    there = client.options(affinity={"is": "other"})
    with pytest.raises(isthmus.TaskLost, match="no memory for 18"):
        there.submit(len, made).result(60)
    assert there.submit(len, b"1234").result(60) == 4
    assert client.options(affinity={"is": "maker"}).submit(len, made).result(60) == LARGE
    assert maker.poll() is None


def test_a_scheduler_without_memory_for_an_argument_refuses_that_task_only(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    assert client.submit(len, b"1234").result(60) == 4
    leave_room(scheduler.pid)
    with pytest.raises(isthmus.LimitExceeded, match="no memory for 18"):
        client.submit(len, bytes(LARGE)).result(60)
    assert client.submit(len, b"1234").result(60) == 4


def test_a_client_without_memory_for_a_result_fails_that_future_only(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    program = f"""
import os, sys
import cluster_tasks as tasks, isthmus
from test_memory import leave_room
with isthmus.Client({cluster.address!r}) as client:
    assert client.submit(len, b"1234").result() == 4
    leave_room(os.getpid())
    large = client.submit(tasks.repeated, "a", {LARGE >> 20})
    try:
        large.result(60)
    except MemoryError as error:
        assert "no memory for" in str(error), str(error)
    else:
        raise AssertionError("the value came though there is no memory for it")
    assert client.submit(len, b"1234").result(60) == 4
    assert client.submit(len, large).result(60) == {LARGE}
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
