"""Gpus are handed out one by one: which ones a task has, and that nobody else has them meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, descendants_of, eventually

import isthmus


def notes_of(trace: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trace.read_text().splitlines()] if trace.exists() else []


def check_shares(trace: Path, killed: dict[int, float]) -> None:
    """At no instant is more than a whole of any gpu in use, and each process served one set of them."""
    uses: dict[tuple[int, float], dict[str, Any]] = {}
    for note in notes_of(trace):
        uses[note["pid"], note["begun"]] = note
        assert note["believed"] == note["listed"]
    changes = defaultdict(list)
    for use in uses.values():
        end = use["ended"] if "ended" in use else max(use["begun"], killed[use["pid"]])
        for gpu in filter(None, use["listed"].split(",")):
            changes[gpu] += [(use["begun"], min(use["share"], 1)), (end, -min(use["share"], 1))]
    for gpu, steps in changes.items():
        taken = 0.0
        for _, change in sorted(steps):
            taken += change
            assert taken < 1.001, f"{gpu} is used {taken:.2f} times at once"


@pytest.mark.parametrize("seed", [1, 2])
def test_no_gpu_is_used_by_too_many_even_when_executors_are_killed(
    cluster: Cluster, tmp_path: Path, seed: int
) -> None:
    cluster.scheduler()
    worker = cluster.worker("--gpus", "GPU-a,GPU-b", slots=4)
    client = cluster.client()
    trace = tmp_path / "trace"
    shares: list[float] = [1, 1, 2, 0.5, 0.5, 0.6, 0.3, 0.25, 0] * 6
    dice = random.Random(seed)
    dice.shuffle(shares)
    futures = [
        client.options(resources={"gpu": share}).submit(tasks.use_gpus, str(trace), share, 0.02)
        for share in shares
    ]
    killed: dict[int, float] = {}

    def somebody_runs() -> int | None:
        ended = {(note["pid"], note["begun"]) for note in notes_of(trace) if "ended" in note}
        running = [
            note["pid"]
            for note in notes_of(trace)
            if (note["pid"], note["begun"]) not in ended and note["pid"] not in killed and note["listed"]
        ]
        return int(running[-1]) if running else None

    for done in (5, 20, 35):
        eventually(lambda done=done: sum(future.done() for future in futures) >= done, f"{done} have ended")
        victim = eventually(somebody_runs, "an attempt with a gpu runs")
        assert victim in descendants_of(worker.pid)
        killed[victim] = tasks.time.monotonic()
        os.kill(victim, signal.SIGKILL)
    for share, future in zip(shares, futures, strict=True):
        names = future.result(120)
        assert len(names) == (1 if 0 < share < 1 else share)
        assert set(names) <= {"GPU-a", "GPU-b"}
    check_shares(trace, killed)


def test_a_library_that_asks_once_is_never_wrong(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    # A single slot: the process must change with each set.
    cluster.worker("--resource", "gpu=2", slots=1)
    client = cluster.client()
    trace = tmp_path / "trace"
    for share, names in [(1, ["0"]), (2, ["0", "1"]), (0, []), (0.5, ["0"]), (1, ["0"])]:
        future = client.options(resources={"gpu": share}).submit(tasks.use_gpus, str(trace), share, 0)
        assert future.result(60) == names
    check_shares(trace, {})
    ended = [note for note in notes_of(trace) if "ended" in note]
    assert [note["listed"] for note in ended] == ["0", "0,1", "", "0", "0"]
    assert len({note["pid"] for note in ended}) == 4, "the last two could share a process"


def test_the_workers_own_list_is_what_numbers_count_in(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.environment["CUDA_VISIBLE_DEVICES"] = "4,GPU-6a2f,7"
    cluster.worker("--gpus", "2,1")
    client = cluster.client().options(resources={"gpu": 2})
    assert client.submit(isthmus.get_devices).result(60) == ["7", "GPU-6a2f"]
    assert client.submit(os.getenv, "HIP_VISIBLE_DEVICES").result(60) == "7,GPU-6a2f"


@pytest.mark.parametrize(
    ("gpus", "words"),
    [
        ("3", "CUDA_VISIBLE_DEVICES of this worker names 2"),
        ("0,0", "one of them is named twice"),
        ("65", "up to 64 gpus"),
    ],
)
def test_gpus_that_cannot_be_offered_are_refused_with_words(cluster: Cluster, gpus: str, words: str) -> None:
    cluster.environment["CUDA_VISIBLE_DEVICES"] = "4,5"
    process = cluster.start("worker", "worker", "--connect", cluster.address, "--gpus", gpus)
    cluster.expected_dead.add("worker")
    assert process.wait(60) == 2
    assert words in cluster.log("worker")


def test_a_worker_without_gpus_leaves_the_environment_alone(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.environment["CUDA_VISIBLE_DEVICES"] = "5"
    cluster.worker()
    client = cluster.client()
    assert client.submit(os.getenv, "CUDA_VISIBLE_DEVICES").result(60) == "5"
    assert client.submit(isthmus.get_devices).result(60) == []


def test_nodes_and_status_show_what_is_offered_and_taken(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker(
        "--gpus", "0,GPU-6a2f", "--resource", "memory=2GB", "--label", "zone=a", "--label", "a=b", slots=4
    )
    client, gate = cluster.client(), tmp_path / "gate"
    wishes = [{"gpu": 1}, {"gpu": 0.25, "cpu": 0.5, "memory": 10**9}]
    futures = [client.options(resources=wish).submit(tasks.wait_for_file, str(gate), 1) for wish in wishes]
    eventually(lambda: all(future.running() for future in futures), "both run")
    (node,) = cluster.nodes()
    offered = {"cpu": [4_000, 1_500], "memory": [2 * 10**9, 10**9], "gpu": [2_000, 1_250]}
    assert {each["name"]: [each["offered"], each["taken"]] for each in node["resources"]} == offered
    assert sorted((gpu["name"], gpu["taken"]) for gpu in node["gpus"]) in (
        [("0", 1_000), ("GPU-6a2f", 250)],
        [("0", 250), ("GPU-6a2f", 1_000)],
    )
    assert cluster.listing("status")["resources"] == node["resources"]
    shown = cluster.verb("nodes").stdout
    assert "cpu 1.5/4, memory 1.0 GB/2.0 GB, gpu 1.25/2 (" in shown
    assert "a=b,zone=a" in shown
    assert "cpu 1.5/4" in cluster.verb("status").stdout
    gate.touch()
    assert [future.result(60) for future in futures] == [1, 1]
