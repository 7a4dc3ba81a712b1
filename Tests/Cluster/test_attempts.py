"""Deadlines, timeouts and further attempts, as a user of `Client.options` meets them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually

import isthmus


def instants(trace: Path) -> list[float]:
    return [float(line) for line in trace.read_text().split()] if trace.exists() else []


def test_a_deadline_ends_a_task_that_waits_and_it_never_starts(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    gate, trace = tmp_path / "gate", tmp_path / "trace"
    blocker = client.submit(tasks.wait_for_file, str(gate))
    eventually(blocker.running, "the slot is taken")
    late = client.options(deadline=0.3).submit(tasks.append, str(trace), "ran")
    behind = client.submit(tasks.double, late)
    with pytest.raises(isthmus.DeadlineExceeded, match=r"its deadline of 0\.3 s"):
        late.result(30)
    with pytest.raises(isthmus.DependencyFailed):
        behind.result(30)
    assert not blocker.done()
    gate.touch()
    assert client.submit(tasks.double, 1).result(30) == 2
    assert not trace.exists()


def test_a_deadline_stops_a_task_that_runs(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    late = client.options(deadline=0.5, retries=5).submit(tasks.wait_for_file, str(tmp_path / "never"))
    with pytest.raises(isthmus.DeadlineExceeded):
        late.result(30)
    assert client.submit(tasks.double, 1).result(30) == 2


def test_a_deadline_ends_a_task_between_two_attempts(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    patient = cluster.client().options(retries=9, backoff=60, deadline=0.5)
    late = patient.submit(tasks.raise_until, str(trace), 99, ValueError)
    with pytest.raises(isthmus.DeadlineExceeded):
        late.result(30)
    assert len(instants(trace)) == 1


def test_retries_wait_longer_each_time(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    patient = cluster.client().options(retries=3, backoff=0.2)
    future = patient.submit(tasks.raise_until, str(trace), 3, ValueError)
    assert future.result(30) == 3
    assert future.outcome is not None
    assert future.outcome.attempt == 4
    first, second, third, fourth = instants(trace)
    # Of each delay (0.2, 0.4, 0.8 s) a random half may be missing; how much longer it takes is not promised.
    assert second - first >= 0.1
    assert third - second >= 0.2
    assert fourth - third >= 0.4


def test_the_longest_delay_is_kept(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    patient = cluster.client().options(retries=5, backoff=0.05, backoff_max=0.05)
    assert patient.submit(tasks.raise_until, str(trace), 5, ValueError).result(30) == 5


def test_retries_end_with_the_last_exception(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    future = cluster.client().options(retries=2).submit(tasks.raise_until, str(trace), 99, ValueError)
    with pytest.raises(ValueError, match="not yet"):
        future.result(30)
    assert len(instants(trace)) == 3


@pytest.mark.parametrize(
    ("wanted", "attempts"),
    [
        (ConnectionError, 3),  # the base class
        (tasks.OutOfStock, 3),
        ("cluster_tasks.OutOfStock", 3),
        ((KeyError, "OSError"), 3),  # a base of the base
        ((KeyError, "cluster_tasks.Other"), 1),
    ],
)
def test_only_what_retry_on_names_is_tried_again(
    cluster: Cluster, tmp_path: Path, wanted: Any, attempts: int
) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    chosen = cluster.client().options(retries=2, retry_on=wanted)
    with pytest.raises(tasks.OutOfStock):
        chosen.submit(tasks.raise_until, str(trace), 99, tasks.OutOfStock).result(30)
    assert len(instants(trace)) == attempts


def test_retry_on_knows_classes_of_the_users_program(cluster: Cluster, tmp_path: Path) -> None:
    """By class, by the name that a traceback shows, and by the name with its module."""
    cluster.scheduler()
    cluster.worker()
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            from isthmus import Client

            class Flaky(RuntimeError):
                pass

            class VeryFlaky(Flaky):
                pass

            def work(path):
                with open(path, "a") as file:
                    file.write("x")
                raise VeryFlaky("not yet")

            if __name__ == "__main__":
                with Client({cluster.address!r}) as client:
                    wanted_ones = [Flaky, "Flaky", "__main__.Flaky", "VeryFlaky", KeyError]
                    for number, wanted in enumerate(wanted_ones):
                        path = {str(tmp_path)!r} + f"/trace{{number}}"
                        chosen = client.options(retries=2, retry_on=wanted)
                        error = chosen.submit(work, path).exception(60)
                        print(type(error).__name__, len(open(path).read()))
            """
        )
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["VeryFlaky 3"] * 4 + ["VeryFlaky 1"]


def test_a_timeout_is_not_tried_again_and_counts_one_attempt(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    gate = tmp_path / "gate"
    blocker = client.submit(tasks.wait_for_file, str(gate))
    eventually(blocker.running, "the slot is taken")
    # Waiting does not count: this one would be long over before it starts.
    waiting = client.options(timeout=0.3).submit(tasks.double, 4)
    asked = time.monotonic()
    eventually(lambda: time.monotonic() - asked > 0.5, "longer than its timeout")
    gate.touch()
    assert waiting.result(30) == 8
    stuck = client.options(timeout=0.3, retries=3).submit(tasks.append_slowly, str(tmp_path / "trace"), 3600)
    with pytest.raises(isthmus.TaskTimeout, match=r"timeout of 0\.3 s") as caught:
        stuck.result(30)
    assert not isinstance(caught.value, isthmus.DeadlineExceeded)
    assert (tmp_path / "trace").read_text() == "here\n"


def test_what_must_not_start_twice_is_lost_with_its_worker_and_the_rest_runs_elsewhere(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.scheduler()
    cluster.worker(name="first")
    client = cluster.client()
    once = client.options(idempotent=False)
    running = once.submit(tasks.append_slowly, str(tmp_path / "trace"), 3600)
    eventually((tmp_path / "trace").exists, "it runs")
    eventually(lambda: (tmp_path / "trace").read_text() == "here\n", "it has left its trace")
    waiting = [once.submit(tasks.append, str(tmp_path / f"waits{n}"), "ran") for n in range(5)]
    after = client.submit(tasks.double, running)
    cluster.kill("first")
    cluster.worker(name="second")
    with pytest.raises(isthmus.TaskLost, match="idempotent"):
        running.result(60)
    with pytest.raises(isthmus.DependencyFailed):
        after.result(60)
    assert [future.result(60) for future in waiting] == ["ran"] * 5
    assert [(tmp_path / f"waits{n}").read_text() for n in range(5)] == ["ran\n"] * 5
    assert (tmp_path / "trace").read_text() == "here\n"
