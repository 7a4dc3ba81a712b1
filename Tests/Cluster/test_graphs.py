"""Graphs by futures as arguments: values travel through the scheduler, failures along the edges."""

from __future__ import annotations

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, resident_bytes


def test_futures_at_any_depth_are_edges(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    client = cluster.client()
    parts = [client.submit(tasks.double, n) for n in range(100)]
    nested = {"list": parts[:50], "pair": (parts[50], [{"deep": parts[51:]}])}
    found = client.submit(tasks.sleep_then, 0, nested).result(60)
    assert found == {
        "list": [2 * n for n in range(50)],
        "pair": (100, [{"deep": [2 * n for n in range(51, 100)]}]),
    }


def test_a_failure_travels_along_a_chain_and_keeps_its_words_short(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    link = first = client.submit(tasks.double, None)
    for _ in range(3_000):
        link = client.submit(tasks.double, link)
    with pytest.raises(TypeError, match="NoneType"):
        link.result(60)
    assert link.outcome.reason == "dependencyFailed"
    assert len(link.outcome.detail) < 1_000
    assert "NoneType" in str(first.exception())
    assert resident_bytes(scheduler.pid) < 150 << 20


def test_explain_and_output_tell_which_exception_it_was(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    future = cluster.client().submit(tasks.double, None)
    future.exception(60)
    task = str(future.task_id)
    assert "TypeError: unsupported operand" in cluster.verb("explain", task).stdout
    shown = cluster.verb("output", task, "--stream", "traceback")
    assert "in double" in shown.stdout + shown.stderr
