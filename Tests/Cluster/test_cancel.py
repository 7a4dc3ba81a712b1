"""A task that is cancelled or out of time is gone, whatever it does about it, and its slot is free."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import cluster_tasks as tasks
import pytest
from cluster_kit import eventually, is_alive

import isthmus

if TYPE_CHECKING:
    from pathlib import Path

    from cluster_kit import Cluster

STUBBORN = [tasks.swallow_everything, tasks.derive_a_key, tasks.add_holding_the_gil]


def running(future: isthmus.Future[Any], trace: Path) -> int:
    """The process that runs the task."""
    text = eventually(lambda: trace.exists() and trace.read_text(), "the task runs")
    eventually(future.running, "the client knows that it runs")
    return int(text.split()[0])


@pytest.mark.parametrize("task", STUBBORN)
def test_a_task_that_does_not_stop_is_killed_after_its_grace(
    cluster: Cluster, tmp_path: Path, task: Any
) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    trace = tmp_path / "trace"
    future = client.options(grace=0.3).submit(task, str(trace))
    behind = client.submit(tasks.double, 21)
    executor = running(future, trace)
    assert is_alive(executor)
    future.cancel(running=True)
    with pytest.raises(CancelledError):
        future.result(30)
    assert behind.result(30) == 42
    assert client.submit(tasks.pid).result(30) != executor
    eventually(lambda: not is_alive(executor), "the executor is gone")
    # It was run once, and its end is nobody else's.
    assert trace.read_text().count("\n") == 1
    assert behind.outcome.attempt == 1


@pytest.mark.parametrize("task", STUBBORN)
def test_a_task_that_outstays_its_time_is_killed_after_its_grace(
    cluster: Cluster, tmp_path: Path, task: Any
) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    trace = tmp_path / "trace"
    future = client.options(timeout=0.3, grace=0.3).submit(task, str(trace))
    executor = running(future, trace)
    with pytest.raises(isthmus.TaskTimeout):
        future.result(30)
    assert client.submit(tasks.pid).result(30) != executor
    assert trace.read_text().count("\n") == 1


def test_a_task_that_tidies_up_keeps_its_executor(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    trace = tmp_path / "trace"
    future = client.options(grace=30).submit(tasks.tidy_up, str(trace))
    executor = running(future, trace)
    future.cancel(running=True)
    with pytest.raises(CancelledError):
        future.result(30)
    assert client.submit(tasks.pid).result(30) == executor
    assert trace.read_text().splitlines()[1:] == ["tidied up"]
