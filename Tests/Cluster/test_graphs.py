"""Graphs by futures as arguments: values travel through the scheduler, failures along the edges."""

from __future__ import annotations

import os
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, resident_bytes

import isthmus


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
    assert f"task {first.task_id} (cluster_tasks.double) failed: TypeError: unsupp" in link.outcome.detail
    assert "stopped while" not in link.outcome.detail
    assert "NoneType" in str(first.exception())
    assert resident_bytes(scheduler.pid) < 150 << 20


def test_the_first_cause_arrives_with_type_message_and_traceback(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler("--unservable-grace", "0")
    cluster.worker()
    client = cluster.client()

    failed = client.submit(tasks.double, None)
    for behind in (client.submit(tasks.double, failed), client.submit(tasks.double, [failed])):
        with pytest.raises(TypeError, match="unsupported operand") as raised:
            client.submit(tasks.double, behind).result(30)
        told = str(raised.value.__cause__)
        assert "in double" in told
        assert f"task {failed.task_id} (cluster_tasks.double) failed: TypeError: unsupported" in told

    never = str(tmp_path / "never")
    late = client.options(timeout=0.1, name="too slow").submit(tasks.wait_for_file, never)
    refused = client.options(resources={"unicorn": 1}).submit(tasks.double, 1)
    dead = client.submit(os._exit, 3)
    for first, kind, words in (
        (late, isthmus.TaskTimeout, "ran longer than its timeout"),
        (refused, isthmus.TaskRefused, "unicorn"),
        (dead, isthmus.ExecutorCrashed, "exit"),
    ):
        last = client.submit(tasks.double, client.submit(tasks.double, client.submit(tasks.double, first)))
        with pytest.raises(isthmus.DependencyFailed, match=str(first.task_id)) as failure:
            last.result(60)
        assert type(failure.value.__cause__) is kind
        assert words in str(failure.value.__cause__)
        assert words in str(failure.value)
    assert "(too slow), which it depends on, failed: " in str(client.submit(tasks.double, late).exception(30))


def test_explain_and_output_tell_which_exception_it_was(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    future = cluster.client().submit(tasks.double, None)
    future.exception(60)
    task = str(future.task_id)
    assert "TypeError: unsupported operand" in cluster.verb("explain", task).stdout
    shown = cluster.verb("output", task, "--stream", "traceback")
    assert "in double" in shown.stdout + shown.stderr
