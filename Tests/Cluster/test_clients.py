"""What a client meets: a scheduler that is started anew, Ctrl-C, clients inside tasks, listings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually

import isthmus


def test_a_scheduler_that_is_started_anew_is_named(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client()
    assert client.submit(tasks.double, 1).result(60) == 2
    never = str(tmp_path / "never")
    pending = [client.submit(tasks.wait_for_file, never, n) for n in range(3)]
    cluster.kill("scheduler")
    cluster.scheduler(name="second")
    with pytest.raises(isthmus.SessionLost, match=r"started anew.*3 tasks .*Make a new Client") as caught:
        pending[0].result(60)
    assert isinstance(caught.value, BrokenExecutor)
    assert all(isinstance(future.exception(60), isthmus.SessionLost) for future in pending)
    with pytest.raises(isthmus.SessionLost, match="Make a new Client"):
        client.submit(tasks.double, 1)
    assert cluster.client().submit(tasks.double, 1).result(60) == 2


PROGRAM = """
import sys, isthmus, cluster_tasks as tasks
with isthmus.Client(sys.argv[1]) as client:
    futures = [client.submit(tasks.wait_for_file, sys.argv[2], n) for n in range(20)]
    print("submitted", flush=True)
    if len(sys.argv) > 3:
        client.get({n: (tasks.wait_for_file, sys.argv[2]) for n in range(20)}, list(range(20)))
    futures[0].result()
"""


@pytest.mark.parametrize("arguments", [(), ("graph",)], ids=["futures", "graph"])
def test_ctrl_c_leaves_at_once(cluster: Cluster, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    cluster.scheduler()
    cluster.worker()
    never = str(tmp_path / "never")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, cluster.address, never, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "submitted\n"
        eventually(
            lambda: any(task["state"] == "running" for task in cluster.listing("tasks")["tasks"]), "it runs"
        )
        interrupted = time.monotonic()
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
        assert "KeyboardInterrupt" in said
        # The tasks would wait for ever: whoever waits for them does not come here.
        assert time.monotonic() - interrupted < 30
    assert cluster.client().submit(tasks.double, 4).result(60) == 8


def test_explain_names_the_task_that_submitted_a_task(cluster: Cluster, tmp_path: Path) -> None:
    cluster.environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    cluster.scheduler()
    cluster.worker(slots=2)
    client = cluster.client()
    path = tmp_path / "go on"
    parent = client.submit(tasks.submit_inside, cluster.address, str(path), 42)
    child = eventually(
        lambda: [
            task["task"] for task in cluster.listing("tasks")["tasks"] if task["task"] != parent.task_id
        ],
        "the inner task is there",
    )[0]
    assert f"was submitted by task {parent.task_id}" in cluster.verb("explain", child).stdout
    path.touch()
    assert parent.result(60) == 42


def test_tasks_are_listed_by_the_names_of_their_functions(cluster: Cluster) -> None:
    cluster.scheduler()
    client = cluster.client()

    def by_value() -> None:
        """Pickled with its code."""

    kept = [
        client.submit(tasks.double, 1),
        client.submit(pow, 2, 10),
        client.submit(by_value),
        client.options(name="named").submit(tasks.double, 1),
    ]
    wanted = {"cluster_tasks.double", "pow", by_value.__qualname__, "named"}
    eventually(
        lambda: {task["name"] for task in cluster.listing("tasks")["tasks"]} == wanted, "names are shown"
    )
    assert not any(future.done() for future in kept)


def test_an_idle_client_is_not_called_silent(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    client = cluster.client(name="idle")
    assert client.submit(tasks.double, 1).result(60) == 2
    until = time.monotonic() + 4
    seen = set()
    while time.monotonic() < until:
        seen |= {peer["state"] for peer in cluster.listing("nodes")["clients"]}
        time.sleep(0.1)
    assert seen == {"connected"}


def test_a_graph_survives_the_death_of_workers(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(name="first")
    cluster.worker(name="second")
    client = cluster.client()
    graph: dict[object, object] = {("x", n): (tasks.sleep_then, 0.01, n) for n in range(200)}
    graph.update({("y", n): (sum, [("x", m) for m in range(n, n + 10)]) for n in range(0, 200, 10)})
    graph["z"] = (sum, [("y", n) for n in range(0, 200, 10)])
    trigger = client.submit(tasks.sleep_then, 0.5, None)
    trigger.add_done_callback(lambda _: cluster.kill("first"))
    assert client.get(graph, "z") == sum(range(200))
    trigger.result(60)
    assert client.submit(tasks.double, 4).result(60) == 8
