"""The connection breaks and comes back: nothing is lost, nothing happens twice."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually
from test_security import free_port

import isthmus


class Proxy:
    """Passes TCP connections on until it is told to cut them."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.sockets: set[socket.socket] = set()
        self.lock = threading.Lock()
        self.cuts = 0
        self.lets_through = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.lets_through:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target_port))
            with self.lock:
                self.sockets |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with self.lock:
                self.sockets.discard(end)
            end.close()

    def cut(self) -> None:
        """Break every connection in the middle of whatever it was doing."""
        with self.lock:
            sockets = list(self.sockets)
        self.cuts += len(sockets) > 0
        for end in sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self.listener.close()
        self.cut()


@pytest.fixture
def proxied(cluster: Cluster) -> Iterator[tuple[Proxy, Proxy, Path]]:
    """A scheduler on TCP; one proxy in front of it for the client and one for the worker."""
    keys = cluster.directory / "keys"
    assert cluster.start("keys", "keys", "--directory", str(keys)).wait(30) == 0
    cluster.expected_dead.add("keys")
    port = free_port()
    cluster.scheduler("--listen", f"tcp://127.0.0.1:{port}", "--keys", str(keys))
    for_client, for_worker = Proxy(port), Proxy(port)
    cluster.worker("--keys", str(keys / "worker.key"), slots=2, address=f"tcp://127.0.0.1:{for_worker.port}")
    yield for_client, for_worker, keys
    for_client.close()
    for_worker.close()


def test_cut_connections_lose_nothing_and_repeat_nothing(
    proxied: tuple[Proxy, Proxy, Path], tmp_path: Path
) -> None:
    for_client, for_worker, keys = proxied
    trace = tmp_path / "trace"
    with isthmus.Client(f"tcp://127.0.0.1:{for_client.port}", keys=keys / "client.key") as client:
        futures = [client.submit(tasks.append, str(trace), str(n)) for n in range(2_000)]
        for turn in range(6):
            wanted = (turn + 1) * 250
            eventually(lambda wanted=wanted: trace.exists() and line_count(trace) >= wanted, "progress")
            (for_client if turn % 2 else for_worker).cut()
        assert [future.result(60) for future in futures] == [str(n) for n in range(2_000)]
    assert for_client.cuts >= 1
    assert for_worker.cuts >= 1
    lines = trace.read_text().split()
    assert sorted(lines, key=int) == [str(n) for n in range(2_000)]


def test_a_worker_that_was_cut_off_was_not_killed_by_its_task(cluster: Cluster, tmp_path: Path) -> None:
    keys = cluster.directory / "keys"
    assert cluster.start("keys", "keys", "--directory", str(keys)).wait(30) == 0
    cluster.expected_dead.add("keys")
    port = free_port()
    cluster.scheduler("--listen", f"tcp://127.0.0.1:{port}", "--keys", str(keys), "--worker-lease", "0.5")
    proxy = Proxy(port)
    address = f"tcp://127.0.0.1:{proxy.port}"
    worker = cluster.worker("--keys", str(keys / "worker.key"), address=address)
    log, gate = tmp_path / "log", tmp_path / "gate"
    future = cluster.client().submit(tasks.append_and_wait, str(log), str(gate))
    # More often than a task may be lost with workers that died.
    for turn in range(1, 5):
        eventually(lambda turn=turn: log.exists() and line_count(log) >= turn, "the task runs")
        proxy.lets_through = False
        proxy.cut()
        eventually(lambda: cluster.nodes() == [], "the worker counts as dead")
        proxy.lets_through = True
        eventually(cluster.nodes, "the worker is back")
    gate.touch()
    assert future.result(60) == "done"
    assert worker.poll() is None
    assert "it was cut off" in cluster.log("scheduler")
    proxy.close()


def line_count(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def second_host() -> Iterator[str]:
    """A network namespace with an address of its own, joined to this one by a cable."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        if os.environ.get("CI"):
            pytest.fail("network namespaces need root and iproute2")
        pytest.skip("network namespaces need root and iproute2: this test runs in CI")
    name = f"isthmus{os.getpid() % 10_000}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "addr", "add", "10.199.7.1/24", "dev", f"{name}a")
        run("ip", "link", "set", f"{name}a", "up")
        run("ip", "-n", name, "addr", "add", "10.199.7.2/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "link", "del", f"{name}a"], check=False, capture_output=True)
        run("ip", "netns", "del", name)


def test_a_cut_between_two_hosts_heals(cluster: Cluster, second_host: str, tmp_path: Path) -> None:
    keys = cluster.directory / "keys"
    assert cluster.start("keys", "keys", "--directory", str(keys)).wait(30) == 0
    cluster.expected_dead.add("keys")
    address = f"tcp://10.199.7.1:{free_port()}"
    cluster.scheduler("--listen", address, "--keys", str(keys))
    cluster.start(
        "remote",
        "worker",
        "--connect",
        address,
        "--slots",
        "1",
        "--keys",
        str(keys / "worker.key"),
        "--python",
        sys.executable,
        "--name",
        "remote",
        prefix=("ip", "netns", "exec", second_host),
    )
    eventually(lambda: cluster.nodes(), "the worker on the other host joins")
    trace = tmp_path / "trace"
    client = cluster.client()
    futures = [client.submit(tasks.append, str(trace), str(n)) for n in range(500)]
    slow = [client.submit(tasks.sleep_then, 0.05, n) for n in range(40)]
    eventually(lambda: trace.exists() and line_count(trace) >= 100, "progress")
    run("ip", "link", "set", f"{second_host}a", "down")
    cut_off = threading.Event()
    cut_off.wait(2.0)  # the length of the outage is what is tested: longer than a heartbeat, below the lease
    run("ip", "link", "set", f"{second_host}a", "up")
    assert [future.result(90) for future in futures] == [str(n) for n in range(500)]
    assert [future.result(90) for future in slow] == list(range(40))
    assert sorted(trace.read_text().split(), key=int) == [str(n) for n in range(500)]
