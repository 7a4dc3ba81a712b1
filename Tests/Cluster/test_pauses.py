"""Processes that stand still (SIGSTOP) for longer and for shorter than their leases: nothing is lost."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, children_of, eventually

LEASE = ("--worker-lease", "0.5")
PTRACE_SEIZE = 0x4206


def stop(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def go_on(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def with_executors(pid: int) -> list[int]:
    return [pid, *children_of(pid)]


@contextmanager
def slow_to_die(pid: int) -> Iterator[None]:
    """Within, the process can be killed, but is not gone for its parent: as one that holds much memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(PTRACE_SEIZE, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "a process cannot be traced, which this test needs")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        # What is first told of it may be that it was stopped.
        while not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
            pass


def lost_and_back(cluster: Cluster, name: str, pids: list[int], others: int = 0) -> None:
    """Stops processes of a worker until the scheduler has given it up, and lets them go on."""
    stop(pids)
    eventually(lambda: len(cluster.nodes()) == others, f"{name} loses its lease")
    go_on(pids)
    eventually(lambda: len(cluster.nodes()) == others + 1, f"{name} joins again")


def test_a_worker_that_comes_back_is_told_again_what_it_has_forgotten(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A process of an old attempt dies only when the session is known again, and takes nothing along."""
    cluster.scheduler(*LEASE)
    worker = cluster.worker(slots=2)
    client = cluster.client()
    gate = tmp_path / "gate"
    log = tmp_path / "pids"
    first = client.submit(tasks.say_pid_and_wait, str(log), str(gate))
    busy = int(eventually(lambda: log.exists() and log.read_text(), "the first task runs"))
    assert client.submit(tasks.double, 1).result(60) == 2
    with slow_to_die(busy):
        gate.touch()
        lost_and_back(cluster, "worker", [worker.pid, busy])
        assert first.result(60) == "done"
        assert client.submit(tasks.double, 2).result(60) == 4
    eventually(lambda: "an executor ended" in cluster.log("worker"), "the old executor is gone")
    assert client.submit(tasks.double, 3).result(60) == 6
    assert [client.submit(tasks.double, n).result(60) for n in range(8)] == [2 * n for n in range(8)]


@pytest.mark.parametrize("who", ["workers", "workers and executors", "scheduler", "everything", "executors"])
@pytest.mark.parametrize("seconds", [0.2, 1.2])
def test_every_task_ends_with_its_value(cluster: Cluster, who: str, seconds: float) -> None:
    """Pauses shorter and longer than the lease of a worker."""
    scheduler = cluster.scheduler(*LEASE)
    workers = [cluster.worker(name=name, slots=2) for name in ("one", "two")]
    client = cluster.client(initializer=tasks.prepare, initargs=("ready",))
    once = client.options(idempotent=False)
    futures = [client.submit(tasks.prepared_after, 0.01, n) for n in range(60)]
    single = [once.submit(tasks.prepared_after, 0.01, n) for n in range(10)]
    futures[3].result(60)
    pids: dict[str, Callable[[], list[int]]] = {
        "workers": lambda: [worker.pid for worker in workers],
        "workers and executors": lambda: [pid for w in workers for pid in with_executors(w.pid)],
        "executors": lambda: [pid for w in workers for pid in children_of(w.pid)],
        "scheduler": lambda: [scheduler.pid],
        "everything": lambda: [scheduler.pid, *(pid for w in workers for pid in with_executors(w.pid))],
    }
    stopped = pids[who]()
    stop(stopped)
    threading.Event().wait(seconds)
    go_on(stopped)
    assert [future.result(60) for future in futures] == [("ready", n) for n in range(60)]
    for n, future in enumerate(single):
        # What may have started on a worker that was given up is not started again, and says so.
        if (error := future.exception(60)) is None:
            assert future.result() == ("ready", n)
        else:
            assert "idempotent=False" in str(error)
    eventually(lambda: len(cluster.nodes()) == 2, "both workers are there")
    assert client.submit(tasks.prepared_after, 0.0, 99).result(60) == ("ready", 99)


def test_a_client_that_stands_still_has_every_value_afterwards(cluster: Cluster) -> None:
    cluster.scheduler(*LEASE)
    cluster.worker(slots=2)
    program = textwrap.dedent(
        f"""
        from isthmus import Client
        import cluster_tasks as tasks
        with Client({cluster.address!r}) as client:
            futures = [client.submit(tasks.sleep_then, 0.01, n) for n in range(60)]
            print(futures[0].result(), flush=True)
            print(sum(future.result() for future in futures), flush=True)
        """
    )
    client = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert client.stdout is not None
    assert client.stdout.readline() == "0\n"
    stop([client.pid])
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] == 0, "all tasks end")
    go_on([client.pid])
    assert client.stdout.readline() == f"{sum(range(60))}\n"
    assert client.wait(60) == 0
    client.stdout.close()


def test_a_worker_without_a_scheduler_stops_what_runs(cluster: Cluster, tmp_path: Path) -> None:
    """Nobody can want it any more; the worker serves the next scheduler."""
    cluster.scheduler()
    cluster.worker("--give-up-after", "0.5")
    log = tmp_path / "pids"
    cluster.client().submit(tasks.say_pid_and_wait, str(log), str(tmp_path / "gate"))
    pid = int(eventually(lambda: log.exists() and log.read_text(), "the task runs"))
    cluster.kill("scheduler")
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "its executor is stopped")
    cluster.scheduler(name="next")
    eventually(lambda: cluster.nodes(), "the worker joins the next scheduler")
    assert cluster.client().submit(tasks.double, 4).result(60) == 8
