"""Keys on every TCP address: who has none gets nothing; who has one gets what its role allows."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import time
from pathlib import Path

import cluster_tasks as tasks
import pytest
import zmq
from cluster_kit import Cluster, eventually

import isthmus


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def keys(cluster: Cluster) -> Path:
    directory = cluster.directory / "keys"
    assert cluster.start("keys", "keys", "--directory", str(directory)).wait(30) == 0
    cluster.expected_dead.add("keys")
    return directory


@pytest.fixture
def address(cluster: Cluster, keys: Path) -> str:
    address = f"tcp://127.0.0.1:{free_port()}"
    cluster.scheduler("--listen", address, "--keys", str(keys))
    cluster.worker("--keys", str(keys / "worker.key"), address=address)
    return address


def test_secret_files_are_private(keys: Path) -> None:
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    for name in ("scheduler.key", "client.key", "worker.key", "operator.key"):
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600


def test_the_clients_key_opens_the_door(address: str, keys: Path) -> None:
    with isthmus.Client(address, keys=keys / "client.key") as client:
        assert client.submit(tasks.double, 4).result(60) == 8


def test_tcp_without_keys_does_not_start(cluster: Cluster) -> None:
    process = cluster.start(
        "refused", "scheduler", "--directory", str(cluster.directory), "--listen", "tcp://127.0.0.1:0"
    )
    cluster.expected_dead.add("refused")
    assert process.wait(30) != 0
    assert "isthmus keys" in cluster.log("refused")


def gets_nothing(address: str, configure: object = None) -> bool:
    """A raw peer sends a correct hello and must not get a single byte back."""
    import struct

    context = zmq.Context()
    with context.socket(zmq.DEALER) as peer:
        peer.linger = 0
        if callable(configure):
            configure(peer)
        peer.connect(address)
        peer.send(struct.pack("<BBHHBB8sQQQI", 0, 1, 1, 1, 1, 0, b"ISTHMUS\0", 77, 0, 0, 0))
        silent = peer.poll(1_500) == 0
    context.term()
    return silent


def test_without_a_key_a_peer_gets_nothing(address: str) -> None:
    assert gets_nothing(address)


def test_a_key_that_is_not_listed_gets_nothing(address: str, keys: Path) -> None:
    def with_a_stranger_key(peer: zmq.Socket[bytes]) -> None:
        public, secret = zmq.curve_keypair()
        peer.curve_publickey, peer.curve_secretkey = public, secret
        lines = dict(line.split() for line in (keys / "client.key").read_text().splitlines())
        peer.curve_serverkey = lines["scheduler"].encode()

    assert gets_nothing(address, with_a_stranger_key)


def test_a_workers_key_does_not_submit(address: str, keys: Path) -> None:
    with pytest.raises(isthmus.IsthmusError, match="unauthorised"):
        isthmus.Client(address, keys=keys / "worker.key").submit(tasks.double, 1).result(30)


def test_a_key_file_that_others_can_read_is_refused(address: str, keys: Path, tmp_path: Path) -> None:
    copy = tmp_path / "client.key"
    shutil.copy(keys / "client.key", copy)
    copy.chmod(0o644)
    with pytest.raises(isthmus.IsthmusError, match="chmod"):
        isthmus.Client(address, keys=copy).submit(tasks.double, 1).result(30)


def test_no_secret_in_logs_or_arguments(cluster: Cluster, address: str, keys: Path) -> None:
    with isthmus.Client(address, keys=keys / "client.key") as client:
        client.submit(tasks.double, 4).result(60)
    secrets = [
        line.split()[1]
        for path in keys.glob("*.key")
        for line in path.read_text().splitlines()
        if line.startswith("secret ")
    ]
    assert len(secrets) == 4
    seen = [path.read_text(errors="replace") for path in cluster.directory.glob("*.log")]
    for process in cluster.processes.values():
        for name in ("cmdline", "environ"):
            path = Path(f"/proc/{process.pid}/{name}")
            if path.exists() and process.poll() is None:
                seen.append(path.read_bytes().decode(errors="replace"))
    for secret in secrets:
        assert not any(secret in text for text in seen)


def test_idle_strangers_do_not_slow_a_client(address: str, keys: Path) -> None:
    host, _, port = address.removeprefix("tcp://").partition(":")
    strangers = [socket.create_connection((host, int(port))) for _ in range(100)]
    try:
        with isthmus.Client(address, keys=keys / "client.key") as client:
            started = time.monotonic()
            assert [f.result(60) for f in [client.submit(tasks.double, n) for n in range(100)]]
            assert time.monotonic() - started < 30
    finally:
        for stranger in strangers:
            stranger.close()


def test_the_directory_of_the_sockets_must_be_private(cluster: Cluster, tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    os.chmod(open_to_all, 0o755)
    process = cluster.start("public", "scheduler", "--directory", str(open_to_all))
    cluster.expected_dead.add("public")
    assert eventually(lambda: process.poll() is not None, "it refuses to start")
    assert process.returncode != 0
    assert "chmod 700" in cluster.log("public")
