"""An initializer that fails, however it does, fails the tasks of its client and nobody else's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cluster_tasks as tasks
import pytest
from cluster_kit import RELEASE

import isthmus

if TYPE_CHECKING:
    from cluster_kit import Cluster

SWIFT_FUNCTIONS = RELEASE / "TestFunctions"


def expect_failure(client: isthmus.Client, words: str) -> str:
    """Tasks fail with words that name the initializer; those that are submitted later do so as well."""
    futures = [client.submit(tasks.double, n) for n in range(20)]
    for future in futures:
        with pytest.raises(isthmus.InitializerFailed, match=words):
            future.result(60)
    with pytest.raises(isthmus.InitializerFailed):
        client.submit(tasks.double, 1).result(60)
    return str(futures[0].exception())


@pytest.mark.parametrize(
    ("initializer", "arguments", "words"),
    [
        (tasks.last_words_then_exit, (7,), "code 7"),
        (tasks.segfault, (), "SIGSEGV"),
    ],
)
def test_one_that_ends_its_process(
    cluster: Cluster, initializer: Any, arguments: tuple[Any, ...], words: str
) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    other = cluster.client()
    broken = cluster.client(initializer=initializer, initargs=arguments)
    meanwhile = [other.submit(tasks.sleep_then, 0.01, n) for n in range(100)]
    said = expect_failure(broken, words)
    assert "the initializer" in said
    assert ("these are my last words" in said) == (initializer is tasks.last_words_then_exit)
    assert [future.result(60) for future in meanwhile] == list(range(100))
    assert {future.outcome.attempt for future in meanwhile} == {1}


def test_one_that_does_not_end(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker("--initializer-timeout", "0.5")
    broken = cluster.client(initializer=time.sleep, initargs=(3600,))
    other = cluster.client()
    future = broken.submit(tasks.double, 1)
    with pytest.raises(isthmus.InitializerFailed, match=r"not ended after 0\.5 seconds"):
        future.result(60)
    assert other.submit(tasks.double, 2).result(60) == 4


def test_a_slow_one_is_awaited_and_runs_once_in_each_executor(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker()
    trace = tmp_path / "trace"
    client = cluster.client(initializer=tasks.append_slowly, initargs=(str(trace), 1.0))
    assert [client.submit(tasks.double, n).result(60) for n in range(10)] == [2 * n for n in range(10)]
    assert trace.read_text() == "here\n"


def test_one_in_swift_runs_before_swift_tasks_alone(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker("--swift", str(SWIFT_FUNCTIONS))
    client = cluster.client(initializer=isthmus.swift("prepare"), initargs=("model",))
    other = cluster.client()
    assert client.submit(tasks.double, 1).result(60) == 2
    assert client.submit(isthmus.swift("prepared")).result(60) == "model"
    assert client.submit(tasks.double, 2).result(60) == 4
    broken = cluster.client(initializer=isthmus.swift("prepare"), initargs=("",))
    with pytest.raises(isthmus.InitializerFailed, match=r"prepare of the session .*nothing to prepare"):
        broken.submit(isthmus.swift("prepared")).result(60)
    assert other.submit(isthmus.swift("answer")).result(60) == 42


def test_one_in_swift_takes_what_swift_reads(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker("--swift", str(SWIFT_FUNCTIONS))
    with pytest.raises(TypeError, match="object has no neutral form"):
        cluster.client(initializer=isthmus.swift("prepare"), initargs=(object(),))
