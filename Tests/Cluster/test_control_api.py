"""The control API from another language: Python's grpcio with code generated from the .proto."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cluster_tasks as tasks
import grpc
import pytest
from cluster_kit import BINARY, ROOT, Cluster, eventually

PROTOS = ROOT / "Sources" / "ControlAPI" / "Protos"
NAME = "isthmus/control/v1/control.proto"
CERTIFICATES = ROOT / "Tests" / "ControlServerTests" / "Certificates"


class Generated:
    """The two modules that protoc writes, under a package name of their own."""

    def __init__(self, folder: Path) -> None:
        # The .proto's own package would be found inside the installed `isthmus`.
        renamed = folder / "isthmus_control.proto"
        renamed.write_text((PROTOS / NAME).read_text())
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--python_out={folder}"]
        subprocess.run([*command, f"--grpc_python_out={folder}", str(renamed)], check=True)
        sys.path.insert(0, str(folder))
        try:
            self.messages: Any = importlib.import_module("isthmus_control_pb2")
            self.stubs: Any = importlib.import_module("isthmus_control_pb2_grpc")
        finally:
            sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return Generated(tmp_path_factory.mktemp("generated"))


@pytest.fixture
def stub(api: Generated, cluster: Cluster) -> Iterator[Any]:
    cluster.scheduler("--name", "lab")
    with grpc.insecure_channel(f"unix://{cluster.directory / 'control.sock'}") as channel:
        yield api.stubs.ControlStub(channel)


def test_calls_over_the_unix_socket(api: Generated, cluster: Cluster, stub: Any) -> None:
    cluster.worker(name="one", slots=2)
    future = cluster.client().submit(tasks.double, 21)
    assert future.result(60) == 42
    status = stub.Status(api.messages.StatusRequest(), timeout=10)
    assert (status.name, status.workers, status.slots) == ("lab", 1, 2)
    nodes = stub.ListNodes(api.messages.ListNodesRequest(), timeout=10).nodes
    assert [node.name for node in nodes if node.kind == api.messages.NODE_KIND_WORKER] == ["one"]
    explained = stub.ExplainTask(api.messages.ExplainTaskRequest(task=str(future.task_id)), timeout=10)
    assert explained.task.state == api.messages.TASK_STATE_ENDED
    assert explained.task.status == "value"


def test_pages_hold_each_task_once(api: Generated, cluster: Cluster, stub: Any) -> None:
    client = cluster.client()
    futures = [client.submit(tasks.double, n) for n in range(25)]

    def unfinished() -> int:
        counts = stub.Status(api.messages.StatusRequest(), timeout=10).tasks
        return int(counts.ready)

    eventually(lambda: unfinished() == 25, "all are accepted")
    seen: list[str] = []
    token = ""
    while True:
        request = api.messages.ListTasksRequest(page_size=10, page_token=token)
        page = stub.ListTasks(request, timeout=10)
        assert len(page.tasks) <= 10
        seen += [task.task for task in page.tasks]
        token = page.next_page_token
        if not token:
            break
    assert sorted(seen) == sorted(str(future.task_id) for future in futures)
    for future in futures:
        future.cancel()


def test_errors_have_codes_and_advice(api: Generated, stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.ExplainTask(api.messages.ExplainTaskRequest(task="abc-7"), timeout=10)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert "isthmus tasks" in error.value.details()
    with pytest.raises(grpc.RpcError) as error:
        stub.CancelTask(api.messages.CancelTaskRequest(task="?"), timeout=10)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_watcher_sees_a_worker_come_and_go(api: Generated, cluster: Cluster, stub: Any) -> None:
    events = stub.WatchEvents(api.messages.WatchEventsRequest(), timeout=60)
    events.initial_metadata()
    cluster.worker(name="one")
    kinds = []
    for event in events:
        kinds.append(event.WhichOneof("kind"))
        if kinds[-1] == "node_joined":
            assert event.node_joined.name == "one"
            cluster.expected_dead.add("one")
            cluster.processes["one"].terminate()
        if kinds[-1] == "node_left":
            break
    assert kinds.index("node_joined") < kinds.index("node_left")


def test_tls_and_token(api: Generated, cluster: Cluster) -> None:
    tokens = cluster.directory / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text("t" * 64 + "\n")
    process = cluster.start(
        "scheduler",
        "scheduler",
        "--directory",
        str(cluster.directory),
        "--control-listen",
        "127.0.0.1:0",
        "--control-certificate",
        str(CERTIFICATES / "server.crt"),
        "--control-key",
        str(CERTIFICATES / "server.key"),
        "--control-tokens",
        str(tokens),
    )
    url = eventually(lambda: "https://" in cluster.log("scheduler") and cluster.log("scheduler"), "it serves")
    port = url.split('"control":"https://127.0.0.1:')[1].split('"')[0]
    credentials = grpc.ssl_channel_credentials((CERTIFICATES / "server.crt").read_bytes())
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        stub = api.stubs.ControlStub(channel)
        with pytest.raises(grpc.RpcError) as error:
            stub.Status(api.messages.StatusRequest(), timeout=10)
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        bearer = (("authorization", "Bearer " + "t" * 64),)
        assert stub.Status(api.messages.StatusRequest(), timeout=10, metadata=bearer).pid == process.pid
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        with pytest.raises(grpc.RpcError) as error:
            api.stubs.ControlStub(channel).Status(api.messages.StatusRequest(), timeout=10, metadata=bearer)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE

    command = [str(BINARY), "status", "--control", f"https://localhost:{port}"]
    environment = os.environ | {"ISTHMUS_CONTROL_AUTHORITY": str(CERTIFICATES / "server.crt")}
    for file, code in ((tokens, 0), (cluster.directory / "other", 1)):
        file.touch(mode=0o600)
        if code:
            file.write_text("u" * 64)
        done = subprocess.run(
            [*command, "--token-file", str(file)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        assert "t" * 64 not in done.stderr + done.stdout
