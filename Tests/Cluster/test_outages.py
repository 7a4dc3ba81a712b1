"""A client that is stopped, a scheduler that does not come back, a link that is half open."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually
from test_network import Proxy, line_count
from test_security import free_port

import isthmus

PROGRAM = Path(__file__).with_name("client_program.py")


class Program:
    """A client that can be stopped."""

    def __init__(self, address: str, trace: Path, count: int, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), address, str(trace), str(count), json.dumps(options)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "submitted\n"

    def pause(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        # The length of the stop is what is tested.
        threading.Event().wait(seconds)
        self.process.send_signal(signal.SIGCONT)

    def ending(self) -> dict[str, Any]:
        output, _ = self.process.communicate(timeout=90)
        ended: dict[str, Any] = json.loads(output)
        return ended

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


@pytest.fixture
def remote(cluster: Cluster) -> tuple[str, Path]:
    """A scheduler on TCP whose clients have a short lease, and a worker: the address, and the keys."""
    keys = cluster.directory / "keys"
    assert cluster.start("keys", "keys", "--directory", str(keys)).wait(30) == 0
    cluster.expected_dead.add("keys")
    address = f"tcp://127.0.0.1:{free_port()}"
    cluster.scheduler("--listen", address, "--keys", str(keys), "--client-lease", "3")
    cluster.worker(slots=2)
    return address, keys


def numbers(trace: Path) -> list[int]:
    return sorted(map(int, trace.read_text().split()))


@pytest.mark.parametrize("kind", ["ipc", "embedded"])
def test_a_stopped_client_on_its_machine_loses_nothing(cluster: Cluster, tmp_path: Path, kind: str) -> None:
    if kind == "ipc":
        cluster.scheduler("--client-lease", "3")
        cluster.worker(slots=2)
    trace = tmp_path / "trace"
    program = Program(cluster.address if kind == "ipc" else "", trace, 400)
    try:
        program.pause(6)
        assert program.ending() == {"values": 400, "errors": []}
    finally:
        program.stop()
    assert numbers(trace) == list(range(400))


def test_a_client_over_tcp_has_the_lease_that_it_asked_for(remote: tuple[str, Path], tmp_path: Path) -> None:
    address, keys = remote
    key = str(keys / "client.key")
    patient = Program(address, tmp_path / "patient", 300, keys=key, lease=60)
    other = Program(address, tmp_path / "other", 300, keys=key)
    try:
        patient.process.send_signal(signal.SIGSTOP)
        other.pause(6)
        patient.process.send_signal(signal.SIGCONT)
        lost = other.ending()["errors"]
        assert lost
        assert all(name == "SessionLost" for name, _ in lost)
        assert all("longer than the lease" in words for _, words in lost)
        assert patient.ending() == {"values": 300, "errors": []}
    finally:
        patient.stop()
        other.stop()
    assert numbers(tmp_path / "patient") == list(range(300))


def test_a_killed_client_is_missed_soon(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler("--client-lease", "3")
    cluster.worker()
    program = Program(cluster.address, tmp_path / "trace", 10_000)
    program.process.kill()
    program.process.wait()
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] == 0, "its tasks are dropped", 20)


def test_a_scheduler_that_does_not_come_back_ends_the_futures(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.scheduler()
    cluster.worker()
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "isthmus"):
        client = cluster.client(reconnect_timeout=3)
        with client:
            running = client.submit(tasks.sleep_then, 60, 1)
            waiting = client.submit(tasks.sleep_then, 0, 2)
            eventually(running.running, "it runs")
            eventually(lambda: client._engine.link.accepted >= 2, "both are taken on")
            cluster.kill("scheduler")
            unsent = eventually(lambda: unsent_task(client), "the loss is noticed")
        # Leaving waits for what has not ended, and for no longer.
        assert time.monotonic() - began < 40
    known = [
        (running, "a worker had begun with it", True),
        (waiting, "the scheduler had taken it on", True),
        (unsent, "it has not run", False),
    ]
    for future, words, may_have_run in known:
        error = future.exception(0)
        assert isinstance(error, isthmus.SessionLost)
        assert (error.code, error.may_have_run) == ("unreachable", may_have_run)
        assert "reconnect_timeout" in str(error)
        assert words in str(error)
    warnings = [record.getMessage() for record in caplog.records if record.name == "isthmus"]
    assert len(warnings) == 1
    assert "trying for 3 s" in warnings[0]
    cluster.expected_dead.add("worker")


def test_a_scheduler_that_is_stopped_in_order_says_so(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    running = client.submit(tasks.sleep_then, 60, 1)
    eventually(running.running, "it runs")
    cluster.expected_dead |= {"scheduler", "worker"}
    scheduler.terminate()
    error = running.exception(30)
    assert isinstance(error, isthmus.SessionLost)
    assert (error.code, error.may_have_run) == ("closed", True)
    assert "was stopped" in str(error)
    assert "a worker had begun with it" in str(error)
    assert "1 task had not ended here and is lost" in str(error)


def unsent_task(client: isthmus.Client) -> isthmus.Future[Any] | None:
    """A task that was submitted when the connection was gone already."""
    if client._engine.link._session.phase == "established":
        return None
    return client.submit(tasks.double, 3)


def test_a_scheduler_that_is_only_stopped_is_waited_for(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = cluster.scheduler()
    cluster.worker(slots=2)
    trace = tmp_path / "trace"
    with caplog.at_level(logging.WARNING, "isthmus"), cluster.client(reconnect_timeout=30) as client:
        futures = [client.submit(tasks.append, str(trace), str(n)) for n in range(200)]
        scheduler.send_signal(signal.SIGSTOP)
        threading.Event().wait(8)
        scheduler.send_signal(signal.SIGCONT)
        assert [future.result(60) for future in futures] == [str(n) for n in range(200)]
    assert numbers(trace) == list(range(200))


class HalfOpenProxy(Proxy):
    """Swallows what goes one way, and closes nothing."""

    swallows_answers = threading.Event()
    swallows_questions = threading.Event()

    def pump(self, source: Any, sink: Any) -> None:
        goes_out = sink.getpeername()[1] == self.target_port
        swallows = self.swallows_questions if goes_out else self.swallows_answers
        try:
            while data := source.recv(65_536):
                if not swallows.is_set():
                    sink.sendall(data)
        except OSError:
            return


@pytest.fixture(params=["questions", "answers"])
def half_open(request: pytest.FixtureRequest) -> Iterator[threading.Event]:
    swallows: threading.Event = getattr(HalfOpenProxy, f"swallows_{request.param}")
    yield swallows
    swallows.clear()


def test_a_half_open_link_loses_nothing_and_repeats_nothing(
    cluster: Cluster, half_open: threading.Event, tmp_path: Path
) -> None:
    keys = cluster.directory / "keys"
    assert cluster.start("keys", "keys", "--directory", str(keys)).wait(30) == 0
    cluster.expected_dead.add("keys")
    port = free_port()
    cluster.scheduler("--listen", f"tcp://127.0.0.1:{port}", "--keys", str(keys))
    cluster.worker(slots=2)
    proxy = HalfOpenProxy(port)
    trace = tmp_path / "trace"
    try:
        with isthmus.Client(f"tcp://127.0.0.1:{proxy.port}", keys=keys / "client.key") as client:
            futures = [client.submit(tasks.slow_append, str(trace), str(n), 0.01) for n in range(1_000)]
            eventually(lambda: trace.exists() and line_count(trace) >= 50, "progress")
            half_open.set()
            # Longer than a client bears silence, shorter than it is waited for.
            threading.Event().wait(9)
            half_open.clear()
            assert [future.result(60) for future in futures] == [str(n) for n in range(1_000)]
    finally:
        proxy.close()
    assert numbers(trace) == list(range(1_000))
