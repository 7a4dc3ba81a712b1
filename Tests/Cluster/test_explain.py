"""`isthmus explain`, `tasks` and `status` in each state in which a task can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cluster_tasks as tasks
from cluster_kit import Cluster, eventually

import isthmus


def summary(cluster: Cluster, future: isthmus.Future[Any]) -> str:
    """What is said of a task; empty while the scheduler does not know it."""
    done = cluster.verb("explain", str(future.task_id))
    return done.stdout if done.returncode == 0 else ""


def says(cluster: Cluster, future: isthmus.Future[Any], words: str) -> str:
    told: str = eventually(
        lambda: words in summary(cluster, future) and summary(cluster, future),
        f"{words!r} is said of the task; now: {summary(cluster, future)!r}",
        20,
    )
    return told


def state(cluster: Cluster, future: isthmus.Future[Any]) -> str:
    listed = cluster.listing("tasks", "--limit", "1000")["tasks"]
    return next(str(entry["state"]) for entry in listed if entry["task"] == str(future.task_id))


def test_without_a_worker_it_says_how_to_start_one(cluster: Cluster) -> None:
    cluster.scheduler("--unservable-grace", "1")
    future = cluster.client().submit(tasks.double, 1)
    assert "isthmus worker --connect" in says(cluster, future, "no worker is connected")
    assert state(cluster, future) == "ready"
    cluster.worker()
    assert future.result(30) == 2


def test_each_reason_for_waiting_has_its_words(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler("--unservable-grace", "never")
    cluster.worker("--resource", "tape=1", slots=1)
    client = cluster.client()
    gate = tmp_path / "gate"
    taped = client.options(resources={"tape": 1})
    running = taped.submit(tasks.wait_for_file, str(gate), 1)
    eventually(running.running, "it runs")
    wants_tape = taped.submit(tasks.double, 1)
    wants_slot = client.submit(tasks.double, 1)
    after_one = client.submit(tasks.double, running)
    after_two = client.submit(tasks.slow_sum, [running, wants_slot])
    wants_gpu = client.options(resources={"gpu": 2}).submit(tasks.double, 1)
    wants_zone = client.options(affinity={"zone": "a"}).submit(tasks.double, 1)
    avoids_zone = client.options(anti_affinity={"zone": "b"}, priority=-1).submit(tasks.double, 1)
    held = [client.submit(tasks.double, n) for n in range(20)]
    eventually(lambda: summary(cluster, held[-1]), "all are accepted")

    assert "the worker has it for" in says(cluster, running, "runs on worker worker")
    assert "1 tape" in says(cluster, wants_tape, "waits for")
    says(cluster, wants_slot, "waits for a free slot")
    assert str(running.task_id) in says(cluster, after_one, "waits for task")
    assert "which runs on worker worker" in summary(cluster, after_one)
    says(cluster, after_two, "waits for 2 tasks")
    says(cluster, wants_gpu, "2 gpu, which the only connected worker does not have")
    says(cluster, wants_zone, "the label zone=a")
    says(cluster, avoids_zone, "waits for a free slot")

    states = {
        running: "running",
        wants_tape: "ready",
        after_one: "waiting",
        after_two: "waiting",
        wants_gpu: "ready",
    }
    assert {future: state(cluster, future) for future in states} == states
    counts = cluster.listing("status")["tasks"]
    assert counts["running"] == 1
    assert counts["waiting"] == 2
    assert counts["unfinished"] == 8 + len(held)
    assert (
        counts["waiting"] + counts["ready"] + counts["assigned"] + counts["running"] == counts["unfinished"]
    )

    for future in (wants_gpu, wants_zone):
        assert future.cancel()
    gate.touch()
    assert [future.result(30) for future in held] == [2 * n for n in range(20)]
    says(cluster, running, "ended: with a value")


def test_a_task_between_attempts_counts_as_waiting_and_says_for_how_long(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.scheduler()
    cluster.worker()
    patient = cluster.client().options(retries=1, backoff=3600)
    futures = [
        patient.submit(tasks.raise_until, str(tmp_path / f"trace{n}"), 9, ValueError) for n in range(3)
    ]
    for future in futures:
        assert "before attempt 2" in says(cluster, future, "its backoff is not over")
        assert state(cluster, future) == "waiting"
    counts = cluster.listing("status")["tasks"]
    assert (counts["waiting"], counts["ready"], counts["running"]) == (3, 0, 0)
    assert counts["unfinished"] == 3
    listed = cluster.listing("tasks", "--state", "waiting")["tasks"]
    assert {entry["task"] for entry in listed} == {str(future.task_id) for future in futures}
    assert cluster.listing("cancel", str(futures[0].task_id))["cancelled"] is True
    eventually(futures[0].cancelled, "it is cancelled between its attempts")


def test_what_is_being_stopped_says_why(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    client = cluster.client()
    stubborn = client.options(grace=3600).submit(tasks.swallow_everything, str(tmp_path / "a"))
    expiring = client.options(grace=3600, deadline=2).submit(tasks.swallow_everything, str(tmp_path / "b"))
    eventually(lambda: (tmp_path / "a").exists() and (tmp_path / "a").read_text(), "it runs")
    eventually(stubborn.running, "the client knows that it runs")
    stubborn.cancel(running=True)
    says(cluster, stubborn, "cancellation was requested")
    says(cluster, expiring, "its deadline has passed")
    cluster.kill("worker")


def test_an_ended_task_says_how(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler("--unservable-grace", "1")
    cluster.worker()
    client = cluster.client()
    failed = client.submit(tasks.double, None)
    behind = client.submit(tasks.double, client.submit(tasks.double, failed))
    refused = client.options(resources={"unicorn": 1}).submit(tasks.double, 1)
    late = client.options(timeout=0.1).submit(tasks.wait_for_file, str(tmp_path / "never"))
    for future in (failed, behind, refused, late):
        future.exception(30)
    says(cluster, failed, "TypeError")
    says(cluster, behind, "a task that it depends on failed")
    assert str(failed.task_id) in summary(cluster, behind)
    assert "unicorn" in says(cluster, refused, "refused (no worker can run it)")
    says(cluster, late, "it ran longer than its timeout")


def test_an_ended_task_keeps_its_name(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    named = client.options(name="brew tea").submit(tasks.double, 1)
    plain = client.submit(tasks.double, 1)
    by_value = client.submit(lambda: 1)
    futures = {"brew tea": named, "cluster_tasks.double": plain, "<lambda>": by_value}
    for future in futures.values():
        future.result(30)

    def names() -> dict[str, str]:
        return {entry["task"]: entry["name"] for entry in cluster.listing("tasks")["tasks"]}

    expected = {str(future.task_id): name for name, future in futures.items()}
    for _ in range(2):
        assert {task: name.split(".<locals>.")[-1] for task, name in names().items()} == expected
        for task, name in expected.items():
            assert f"{name}) ended: with a value" in cluster.verb("explain", task).stdout
        # The names outlive the client.
        client.shutdown()


def test_what_is_ahead_of_a_waiting_task_is_counted(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker(slots=1)
    client = cluster.client()
    gate = tmp_path / "gate"
    running = client.submit(tasks.wait_for_file, str(gate))
    eventually(running.running, "it runs")
    urgent = [client.options(priority=1).submit(tasks.wait_for_file, str(gate)) for _ in range(38)]
    last = client.submit(tasks.double, 1)
    told = says(cluster, last, "waits for a free slot")
    held = cluster.listing("status")["tasks"]
    assert held["running"] + held["assigned"] + held["ready"] == 40
    assert f"holds {counted(held['running'] + held['assigned'], 'task')}, as many as it may" in told
    assert f"ahead of it are {held['ready'] - 1} with a higher priority" in told
    assert "at most 0" not in told
    gate.touch()
    for future in [*urgent, last]:
        future.result(60)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def test_errors_name_deadlines_and_amounts(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler("--unservable-grace", "1")
    cluster.worker(slots=1)
    client = cluster.client()
    gate = tmp_path / "gate"
    running = client.submit(tasks.wait_for_file, str(gate), 1)
    eventually(running.running, "it runs")
    unstarted = client.options(deadline=0.25).submit(tasks.double, 1)
    assert "its deadline of 0.25 s" in str(unstarted.exception(30))
    gate.touch()
    stopped = client.options(deadline=1).submit(tasks.wait_for_file, str(tmp_path / "never"))
    assert "its deadline of 1 s" in str(stopped.exception(30))
    for asked, words in (("2GiB", "2 GiB"), ("1.5GB", "1.5 GB"), (1_000_001, "1000001 bytes")):
        refused = client.options(resources={"memory": asked}).submit(tasks.double, 1)
        assert f"{words} of memory" in str(refused.exception(30))
