"""Who is not let in, and what is said of it; no descriptors left; a ready line that nobody can read."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import BINARY, ROOT, Cluster, eventually
from test_security import free_port

import isthmus

CERTIFICATES = ROOT / "Tests" / "ControlServerTests" / "Certificates"


def make_keys(cluster: Cluster, name: str) -> Path:
    directory = cluster.directory / name
    assert cluster.start(f"keys-{name}", "keys", "--directory", str(directory)).wait(30) == 0
    cluster.expected_dead.add(f"keys-{name}")
    return directory


@pytest.fixture
def keys(cluster: Cluster) -> Path:
    return make_keys(cluster, "keys")


@pytest.fixture
def address(cluster: Cluster, keys: Path) -> str:
    address = f"tcp://127.0.0.1:{free_port()}"
    cluster.scheduler("--listen", address, "--keys", str(keys))
    return address


def stranger(cluster: Cluster, keys: Path, role: str) -> Path:
    """A key that nobody has listed, with the right key of the scheduler."""
    other = make_keys(cluster, "stranger")
    good = dict(line.split() for line in (keys / f"{role}.key").read_text().splitlines())
    lines = (other / f"{role}.key").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("scheduler ")]
    path = other / f"{role}.key"
    path.write_text("\n".join([*kept, f"scheduler {good['scheduler']}"]) + "\n")
    return path


def start_worker(cluster: Cluster, address: str, key: Path) -> None:
    cluster.start(
        "worker",
        "worker",
        "--connect",
        address,
        "--keys",
        str(key),
        "--slots",
        "1",
        "--python",
        sys.executable,
    )


def metric(cluster: Cluster, name: str) -> float:
    found = [m["value"] for m in cluster.listing("status")["metrics"] if m["name"] == name]
    return sum(found)


def test_an_unknown_key_of_a_client_is_named_at_once(cluster: Cluster, keys: Path, address: str) -> None:
    key = stranger(cluster, keys, "client")
    with pytest.raises(isthmus.SessionRefused, match="does not accept this client's key") as caught:
        isthmus.Client(address, keys=key)
    assert caught.value.code == "key"
    eventually(lambda: "its key is not on the list" in cluster.log("scheduler"), "the scheduler says so")
    assert "127.0.0.1" in cluster.log("scheduler").split("its key is not on the list")[1]
    eventually(lambda: metric(cluster, "isthmus_keys_refused_total") >= 1, "it is counted")


def test_an_unknown_key_of_a_worker_is_named_by_both_sides(
    cluster: Cluster, keys: Path, address: str
) -> None:
    start_worker(cluster, address, stranger(cluster, keys, "worker"))
    eventually(lambda: "does not accept this key" in cluster.log("worker"), "the worker says why")
    eventually(lambda: "its key is not on the list" in cluster.log("scheduler"), "the scheduler says so")
    eventually(lambda: metric(cluster, "isthmus_keys_refused_total") >= 1, "it is counted")
    # It tries on, and neither side fills its log with that.
    eventually(lambda: metric(cluster, "isthmus_keys_refused_total") >= 3, "it tries on")
    assert cluster.log("scheduler").count("its key is not on the list") <= 2


def test_the_key_file_of_another_cluster_is_named_by_both_sides(
    cluster: Cluster, keys: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isthmus import _limits

    monkeypatch.setattr(_limits, "CONNECT_SECONDS", 2.0)
    other = make_keys(cluster, "other")
    with pytest.raises(isthmus.ClusterError, match="the key file may be that of another scheduler"):
        isthmus.Client(address, keys=other / "client.key")
    start_worker(cluster, address, other / "worker.key")
    eventually(lambda: "key file may be that of another" in cluster.log("worker"), "the worker says why")
    eventually(
        lambda: "does not know this scheduler's key" in cluster.log("scheduler"), "so does the scheduler"
    )
    eventually(lambda: metric(cluster, "isthmus_keys_refused_total") >= 1, "it is counted")


def test_where_nobody_listens_is_not_a_matter_of_keys(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus import _limits

    monkeypatch.setattr(_limits, "CONNECT_SECONDS", 1.0)
    with pytest.raises(isthmus.ClusterError, match="nobody listens"):
        isthmus.Client(f"tcp://127.0.0.1:{free_port()}", keys=keys / "client.key")


@pytest.fixture(params=["127.0.0.1", "[::1]"])
def control(request: pytest.FixtureRequest, cluster: Cluster) -> tuple[str, list[str]]:
    """A control API on TCP, under a number: its address as the ready line says it, and the options for it."""
    folder = cluster.directory / "tls"
    folder.mkdir()
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"]
    command += ["-subj", "/CN=isthmus", "-addext", "subjectAltName=IP:127.0.0.1,IP:::1"]
    subprocess.run(command, check=True, capture_output=True)
    files = ["--control-certificate", str(folder / "cert.pem"), "--control-key", str(folder / "key.pem")]
    listen = ["--control-listen", f"{request.param}:0", "--control-tokens", str(token)]
    cluster.start("scheduler", "scheduler", "--directory", str(cluster.directory), *listen, *files)
    line = eventually(lambda: ready_line(cluster.log("scheduler")), "it is ready")
    return line["control"], ["--token-file", str(token), "--authority", str(folder / "cert.pem")]


def ready_line(log: str) -> dict[str, str] | None:
    found = [line for line in log.splitlines() if line.startswith("{")]
    return json.loads(found[0]) if found else None


def ask(address: str, options: list[str]) -> subprocess.CompletedProcess[str]:
    command = [str(BINARY), "status", "--control", address, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_address_of_the_ready_line_works_by_number(control: tuple[str, list[str]]) -> None:
    address, options = control
    done = ask(address, options)
    assert done.returncode == 0, done.stderr
    # A certificate for another address is none for this one.
    elsewhere = ask(address, ["--token-file", options[1], "--authority", str(CERTIFICATES / "server.crt")])
    assert elsewhere.returncode == 1
    assert "is not trusted: give --authority FILE" in elsewhere.stderr


def test_a_handshake_on_the_control_port_has_five_seconds(control: tuple[str, list[str]]) -> None:
    address, options = control
    host, _, port = address.removeprefix("https://").rpartition(":")
    where = (host.strip("[]"), int(port))
    idle = [socket.create_connection(where) for _ in range(20)]
    context = ssl.create_default_context(cafile=options[3])
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(socket.create_connection(where), server_hostname=where[0]) as finished:
        began = time.monotonic()
        for connection in idle:
            connection.settimeout(20)
            assert connection.recv(1) == b""
            connection.close()
        assert time.monotonic() - began < 15
        finished.settimeout(0.1)
        # One whose handshake was over in time is still there.
        finished.settimeout(0.5)
        assert not was_closed(finished)
    assert ask(address, options).returncode == 0


def was_closed(connection: ssl.SSLSocket) -> bool:
    try:
        while connection.recv(1_000):
            continue
    except TimeoutError:
        return False
    return True


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
def test_a_scheduler_without_descriptors_pauses_and_can_be_asked(
    cluster: Cluster, keys: Path, kind: str
) -> None:
    port = free_port()
    prlimit = shutil.which("prlimit")
    assert prlimit is not None
    process = cluster.start(
        "scheduler", "scheduler", "--directory", str(cluster.directory),
        "--listen", f"tcp://127.0.0.1:{port}", "--keys", str(keys), prefix=(prlimit, "--nofile=96"),
    )  # fmt: skip
    eventually(cluster.control_answers, "the scheduler answers")
    cluster.worker()
    peers: list[socket.socket] = []
    try:
        for _ in range(150):
            peer = socket.socket(socket.AF_UNIX if kind == "ipc" else socket.AF_INET)
            peer.setblocking(False)
            peer.connect_ex(
                str(cluster.directory / "scheduler.ipc") if kind == "ipc" else ("127.0.0.1", port)
            )
            peers.append(peer)
        eventually(lambda: "no descriptor is left" in cluster.log("scheduler"), "it says so", 20)
        used, began = cpu_seconds(process.pid), time.monotonic()
        while time.monotonic() - began < 2:
            assert cluster.verb("status").returncode == 0
        share = (cpu_seconds(process.pid) - used) / (time.monotonic() - began)
        assert share < 0.5, f"it uses {share:.0%} of a core"
    finally:
        for peer in peers:
            peer.close()
    client = eventually(lambda: try_to_join(cluster), "who comes later is let in")
    assert client.submit(tasks.double, 4).result(60) == 8


def try_to_join(cluster: Cluster) -> isthmus.Client | None:
    try:
        return cluster.client()
    except isthmus.ClusterError:
        return None


@pytest.mark.parametrize("verb", ["scheduler", "up"])
@pytest.mark.parametrize("output", ["closed", "full device", "full pipe"])
def test_a_ready_line_that_cannot_be_written_is_an_error(cluster: Cluster, verb: str, output: str) -> None:
    command = [str(BINARY), verb, "--directory", str(cluster.directory)]
    if verb == "up":
        command += ["--python", sys.executable, "--slots", "1"]
    reader = writer = None
    if output == "closed":
        command = ["sh", "-c", 'exec "$0" "$@" >&-', *command]
    elif output == "full device":
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        try:
            while os.write(writer, bytes(65_536)):
                continue
        except BlockingIOError:
            os.set_blocking(writer, True)
    try:
        done = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        for descriptor in (reader, writer):
            if descriptor is not None:
                os.close(descriptor)
    assert done.returncode == 1
    assert "the ready line cannot be written" in done.stderr
