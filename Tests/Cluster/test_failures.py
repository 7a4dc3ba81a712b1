"""What the system survives: executors, workers and clients that die, stop or fall silent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, children_of, descendants_of, eventually, is_alive, resident_bytes

from isthmus.errors import WorkerLost


def test_a_segfault_costs_its_own_task_only(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    client = cluster.client()
    crash = client.submit(tasks.segfault)
    others = [client.submit(tasks.double, n) for n in range(500)]
    assert [future.result(60) for future in others] == [2 * n for n in range(500)]
    with pytest.raises(BrokenProcessPool, match="SIGSEGV"):
        crash.result(60)
    assert client.submit(tasks.double, 4).result(60) == 8


def test_last_words_are_in_the_error(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    with pytest.raises(BrokenProcessPool) as caught:
        cluster.client().submit(tasks.last_words_then_exit, 3).result(60)
    assert "these are my last words" in str(caught.value)
    assert "3" in str(caught.value)


def test_a_task_whose_executor_dies_twice_runs_a_third_time(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    assert cluster.client().submit(tasks.crash_until, str(trace), 2).result(60) == "survived"
    assert trace.stat().st_size == 3


def test_poison_is_quarantined_after_three_deaths(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    with pytest.raises(BrokenProcessPool, match="SIGKILL"):
        cluster.client().submit(tasks.crash_until, str(trace), 99).result(60)
    assert trace.stat().st_size == 3


def test_not_idempotent_is_never_started_again(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    client = cluster.client().options(idempotent=False)
    with pytest.raises(BrokenProcessPool):
        client.submit(tasks.crash_until, str(trace), 99).result(60)
    assert trace.stat().st_size == 1


def test_an_argument_that_kills_its_reader_harms_nobody_else(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    poisoned, innocent = cluster.client(), cluster.client()
    poison = poisoned.submit(tasks.double, tasks.PoisonWhenUnpickled())
    others = [innocent.submit(tasks.double, n) for n in range(200)]
    assert [future.result(60) for future in others] == [2 * n for n in range(200)]
    with pytest.raises(BrokenProcessPool):
        poison.result(60)


def test_memory_limit_ends_one_task_with_a_reason(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker("--memory-max", "200MB")
    client = cluster.client()
    hungry = client.submit(tasks.eat, 600)
    with pytest.raises(BrokenProcessPool, match="memory"):
        hungry.result(60)
    assert client.submit(tasks.double, 1).result(60) == 2


def test_a_killed_workers_tasks_run_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker(name="first")
    gate = tmp_path / "gate"
    client = cluster.client()
    futures = [client.submit(tasks.wait_for_file, str(gate), n) for n in range(20)]
    executors = eventually(lambda: descendants_of(cluster.processes["first"].pid), "executors run")
    eventually(lambda: futures[0].running(), "the first task runs")
    cluster.worker(name="second")
    cluster.kill("first")
    gate.touch()
    assert [future.result(60) for future in futures] == list(range(20))
    eventually(lambda: not any(is_alive(pid) for pid in executors), "no orphan executor is left")


def test_a_task_that_kills_its_workers_is_given_to_three(cluster: Cluster, tmp_path: Path) -> None:
    """What waits behind it, and what comes later, is not to blame."""
    cluster.scheduler("--worker-lease", "0.5")
    names = [f"worker-{number}" for number in range(4)]
    for name in names:
        cluster.worker(name=name, slots=1)
        cluster.expected_dead.add(name)
    trace = tmp_path / "trace"
    client = cluster.client()
    killer = client.submit(tasks.kill_own_worker, str(trace))
    others = [client.submit(tasks.double, n) for n in range(200)]
    with pytest.raises(WorkerLost, match="3 workers") as caught:
        killer.result(60)
    assert trace.stat().st_size == len("x\n") * 3
    dead = [name for name in names if cluster.processes[name].poll() is not None]
    assert len(dead) == 3
    assert all(name in str(caught.value) for name in dead)
    assert [future.result(60) for future in others] == [2 * n for n in range(200)]


def test_grandchildren_die_with_a_killed_worker(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "sleeper"
    future = cluster.client().submit(tasks.start_a_sleeper, str(trace))
    sleeper = int(eventually(lambda: trace.exists() and trace.read_text(), "the task starts a process"))
    cluster.kill("worker")
    eventually(lambda: not is_alive(sleeper), "the task's own child is gone")
    future.cancel()


def test_a_stopped_worker_loses_its_lease_and_each_future_gets_one_result(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.scheduler()
    stopped = cluster.worker(name="stopped")
    client = cluster.client()
    futures = [client.submit(tasks.sleep_then, 0.3, n) for n in range(10)]
    eventually(lambda: futures[0].running(), "a task runs")
    stopped.send_signal(signal.SIGSTOP)
    for child in children_of(stopped.pid):
        os.kill(child, signal.SIGSTOP)
    cluster.worker(name="other")
    assert [future.result(60) for future in futures] == list(range(10))
    for child in children_of(stopped.pid):
        os.kill(child, signal.SIGCONT)
    stopped.send_signal(signal.SIGCONT)
    eventually(lambda: len(cluster.nodes()) == 2, "the stopped worker joins again")
    assert client.submit(tasks.double, 21).result(60) == 42


def test_holding_the_gil_longer_than_the_lease_is_no_death(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    future = cluster.client().submit(tasks.hold_the_gil, 7.0)
    assert future.result(60) == "done"
    assert future.outcome.attempt == 1


def test_a_dead_client_leaves_nothing_behind(cluster: Cluster, tmp_path: Path) -> None:
    scheduler = cluster.scheduler()
    cluster.worker()
    program = textwrap.dedent(
        f"""
        import os, signal, sys
        from isthmus import Client
        import cluster_tasks as tasks
        client = Client({cluster.address!r})
        futures = [client.submit(tasks.wait_for_file, "/nonexistent", b"x" * 10_000) for _ in range(5_000)]
        print("submitted", flush=True)
        signal.pause()
        """
    )
    dying = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert dying.stdout is not None
    assert dying.stdout.readline() == b"submitted\n"
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] >= 5_000, "all tasks arrive")
    dying.kill()
    dying.wait()
    dying.stdout.close()
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] == 0, "its tasks are dropped")
    assert resident_bytes(scheduler.pid) < 300 << 20
    assert cluster.client().submit(tasks.double, 3).result(60) == 6


def test_a_worker_may_be_drained_by_sigterm(cluster: Cluster) -> None:
    cluster.scheduler()
    leaving = cluster.worker(name="leaving", slots=1)
    client = cluster.client()
    futures = [client.submit(tasks.sleep_then, 0.2, n) for n in range(10)]
    eventually(lambda: futures[0].running(), "a task runs")
    cluster.worker(name="staying")
    cluster.expected_dead.add("leaving")
    leaving.terminate()
    assert leaving.wait(30) == 0
    assert [future.result(60) for future in futures] == list(range(10))
    assert {future.outcome.attempt for future in futures[:1]} == {1}
