"""Dask's collections, and Dask's own tests of schedulers, on a cluster."""

from __future__ import annotations

import collections
import importlib.util
import io
import operator
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from client_support import HERE, eventually
from dask._task_spec import Alias, DataNode, Dict, List, Task, TaskRef
from dask.callbacks import Callback
from dask.diagnostics import Profiler, ProgressBar
from dask.order import order
from dask.utils_test import GetFunctionTestMixin, inc

import isthmus
from isthmus import Client
from isthmus import _limits as limits
from isthmus._callbacks import Observer
from isthmus._graph import Plan
from isthmus._lowering import Graph


@pytest.fixture(autouse=True)
def current(cluster: Client) -> Iterator[None]:
    """The cluster's client is the current one, without being shut down at the end."""
    isthmus._current.enter(cluster)
    yield
    isthmus._current.leave(cluster)


class TestDasksOwn(GetFunctionTestMixin):
    get = staticmethod(isthmus.dask_get)


#: Of Dask's own tests, those of what a scheduler does. They come with it; what they call by other names of
#: schedulers runs here as well. Left out: what wants to see objects of the test change in the tasks.
MODULES = {
    "bag.tests.test_bag": {
        "test_take_npartitions_warn",
        "test_to_delayed_optimize_graph",
        "test_repartition_partition_size_complex_dtypes",
        "test_bag_with_single_callable",
        "test_reductions_are_lazy",
    },
    "bag.tests.test_text": {"test_files_per_partition"},
    "diagnostics.tests.test_profiler": set(),
    "diagnostics.tests.test_progress": set(),
    "tests.test_callbacks": {"test_nested_schedulers"},
    "tests.test_delayed": {"test_traverse_false"},
}


@pytest.mark.parametrize("module", MODULES)
def test_modules_of_dasks_own_tests(cluster: Client, module: str, tmp_path: Path) -> None:
    # Not imported here: its marks are unknown to this project.
    found = importlib.util.find_spec(f"dask.{module}")
    assert found is not None
    path = Path(str(found.origin))
    left_out = [
        argument for name in sorted(MODULES[module]) for argument in ("--deselect", f"{path.name}::{name}")
    ]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "dask_on_a_cluster", "-p", "no:cacheprovider"),
            *("--rootdir", str(path.parent), "-c", os.devnull, str(path), *left_out),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(HERE), "ISTHMUS_TEST_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr


def test_tasks_as_objects() -> None:
    graph = {
        "data": DataNode("data", [1, 2, 3]),
        "alias": Alias("alias", "data"),
        "sum": Task("sum", sum, TaskRef("alias")),
        "nested": Task("nested", sum, List(TaskRef("sum"), Task(None, operator.mul, 2, TaskRef("sum")), 1)),
        "dict": Task("dict", dict, Dict({"a": TaskRef("sum"), "b": List(TaskRef("nested"))}), c=Alias("sum")),
        "fused": Task.fuse(Task("x", operator.add, TaskRef("sum"), 1), Task("y", operator.neg, TaskRef("x"))),
        "old": (operator.add, "sum", Task(None, operator.add, 1, 1)),
        "literal": Task("literal", list, ["sum"]),
    }
    graph["y"] = graph.pop("fused")
    assert isthmus.dask_get(graph, ["nested", "alias"]) == (19, [1, 2, 3])
    assert isthmus.dask_get(graph, "dict") == {"a": 6, "b": [19], "c": 6}
    assert isthmus.dask_get(graph, ["y", "old", "literal"]) == (-7, 8, ["sum"])


def test_arrays() -> None:
    x = da.random.default_rng(1).random((600, 600), chunks=(100, 150))
    computed = ((x @ x.T) - x.mean(axis=0))[::7].std(axis=1)
    expected = computed.compute(scheduler="synchronous")
    np.testing.assert_allclose(computed.compute(scheduler=isthmus.dask_get), expected)
    large = np.arange(2_000_000).reshape(1000, 2000)
    blocks = da.from_array(large, chunks=(250, 500))
    assert blocks.T.sum().compute(scheduler=isthmus.dask_get) == large.sum()
    np.testing.assert_array_equal((blocks + 1).compute(scheduler=isthmus.dask_get), large + 1)


def values_waiting(order: list[Any], inputs: Mapping[Any, Iterable[Any]]) -> int:
    """The most values that are needed at once when nodes run in this order."""
    left = collections.Counter(used for key in order for used in inputs[key])
    held, most = set(), 0
    for key in order:
        held.add(key)
        most = max(most, len(held))
        for used in inputs[key]:
            left[used] -= 1
            if left[used] == 0:
                held.discard(used)
    return most


def test_graphs_are_submitted_in_dasks_order(monkeypatch: pytest.MonkeyPatch) -> None:
    x = da.ones((400, 400), chunks=(40, 40))
    (collection,) = dask.optimize((x - x.mean(axis=0)).sum())
    graph = dict(collection.__dask_graph__())
    wanted = list(dask.core.flatten(collection.__dask_keys__()))
    plan = Plan(Graph(graph), wanted)
    place = {key: number for number, key in enumerate(plan.order)}
    assert all(place[used] < place[key] for key in plan.order for used in plan.inputs[key])
    # Among equals Dask's order depends on the order of the graph's dict.
    rank = order(graph)
    waiting = values_waiting(plan.order, plan.inputs)
    assert waiting <= 1.25 * values_waiting(sorted(plan.order, key=rank.__getitem__), plan.inputs)
    monkeypatch.setattr(limits, "ORDERED_NODES_MAX", 0)
    assert waiting < 0.5 * values_waiting(Plan(Graph(graph), wanted).order, plan.inputs)


def test_bags() -> None:
    numbers = (
        db.range(1_000, npartitions=20).map(lambda value: value * 2).filter(lambda value: value % 3 == 0)
    )
    grouped = numbers.groupby(lambda value: value % 7).map(lambda pair: (pair[0], sum(pair[1])))
    assert sorted(grouped.compute(scheduler=isthmus.dask_get)) == sorted(
        grouped.compute(scheduler="synchronous")
    )
    assert numbers.fold(operator.add).compute(scheduler=isthmus.dask_get) == sum(range(0, 2_000, 6))


def test_dataframes() -> None:
    count = 5_000
    frame = pd.DataFrame({"a": np.arange(count) % 17, "b": np.arange(count) / 7, "s": list("abcde") * 1_000})
    parts = dd.from_pandas(frame, npartitions=8)
    grouped = parts[parts.a > 3].groupby("s").b.agg(["mean", "sum"])
    pd.testing.assert_frame_equal(
        grouped.compute(scheduler=isthmus.dask_get).sort_index(),
        grouped.compute(scheduler="synchronous").sort_index(),
    )
    largest = parts.groupby("a").b.max().reset_index()
    joined = parts.merge(largest, on="a", suffixes=("", "_max")).shuffle("a").b_max.sum()
    np.testing.assert_allclose(
        joined.compute(scheduler=isthmus.dask_get), joined.compute(scheduler="synchronous")
    )


def test_delayed_calls_and_several_collections_at_once() -> None:
    import os

    pids = [dask.delayed(os.getpid)() for _ in range(20)]
    pid, total = dask.compute(
        dask.delayed(set)(pids), da.arange(10, chunks=3).sum(), scheduler=isthmus.dask_get
    )
    assert total == 45
    assert pid
    assert os.getpid() not in pid


@pytest.mark.parametrize("scheduler", [lambda client: client, lambda client: client.dask_get])
def test_a_client_is_a_scheduler(cluster: Client, scheduler: Callable[[Client], Any]) -> None:
    assert da.ones(100, chunks=10).sum().compute(scheduler=scheduler(cluster)) == 100
    with dask.config.set(scheduler=isthmus.dask_get):
        assert da.ones(100, chunks=10).sum().compute() == 100


def test_the_original_exception_is_raised(cluster: Client) -> None:
    blocks = da.ones(40, chunks=1).map_blocks(lambda block: 1 // int(block[0] - 1), dtype=int)
    with pytest.raises(ZeroDivisionError):
        blocks.sum().compute(scheduler=isthmus.dask_get)
    eventually(lambda: not cluster._engine.table, "the rest of the graph is cancelled")


class Watcher(Callback):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.values: dict[Any, Any] = {}
        super().__init__(
            start=lambda graph: self.told.append(("start", sorted(graph))),
            start_state=lambda _, state: self.told.append(("state", sorted(state["waiting"]))),
            pretask=lambda key, _, state: self.told.append(("pretask", key, key in state["running"])),
            posttask=self.post,
            finish=lambda _, state, failed: self.told.append(("finish", failed, len(state["running"]))),
        )

    def post(self, key: Any, value: Any, graph: Any, state: Any, worker: Any) -> None:
        self.told.append(("posttask", key, key in state["finished"], isinstance(worker, str)))
        self.values[key] = value


CHAIN = {"data": 3, "a": (operator.add, "data", 1), "b": (operator.mul, "a", 2), "c": (operator.neg, "b")}


def test_callbacks_hear_of_each_task_in_order() -> None:
    with Watcher() as watcher:
        assert isthmus.dask_get(CHAIN, ["c", "a"]) == (-8, 4)
    assert watcher.told == [
        ("start", ["a", "b", "c", "data"]),
        ("state", ["b", "c"]),
        *(told for key in "abc" for told in (("pretask", key, True), ("posttask", key, True, True))),
        ("finish", False, 0),
    ]
    assert watcher.values == {"a": 4, "b": 8, "c": -8}


def test_callbacks_hear_of_a_failure_and_can_be_given(cluster: Client) -> None:
    watcher = Watcher()
    graph = CHAIN | {"b": (operator.truediv, "a", 0)}
    with pytest.raises(ZeroDivisionError):
        cluster.get(graph, "c", callbacks=[watcher])
    assert watcher.told[-2:] == [("pretask", "b", True), ("finish", True, 1)]
    assert not Callback.active
    with Watcher() as active, pytest.raises(KeyError, match="nowhere"):
        cluster.get(graph, "nowhere")
    assert active.told[-1][:2] == ("finish", True)


def test_only_posttask_wants_the_values_of_inner_nodes() -> None:
    for callback, wants in ((Callback(pretask=print), False), (Callback(posttask=print), True)):
        assert Observer(CHAIN, ["c"], [callback._callback]).wants_values is wants


def test_the_progress_bar_and_the_profiler_of_an_array() -> None:
    text = io.StringIO()
    with ProgressBar(out=text), Profiler() as profiler:
        assert da.ones(100, chunks=10).sum().compute(scheduler=isthmus.dask_get) == 100
    assert "100% Completed" in text.getvalue()
    assert len(profiler.results) > 10
    assert all(result.end_time >= result.start_time for result in profiler.results)


def test_an_iterator_can_be_read_by_each_node_that_needs_it() -> None:
    graph = {
        "numbers": (lambda: (n for n in range(4)),),
        "mapped": (map, lambda n: n * n, "numbers"),
        "sum": (sum, "numbers"),
        "list": (list, "numbers"),
        "squares": (list, "mapped"),
    }
    assert isthmus.dask_get(graph, ["sum", "list", "squares"]) == (6, [0, 1, 2, 3], [0, 1, 4, 9])
    assert list(isthmus.dask_get(graph, "numbers")) == [0, 1, 2, 3]


def test_nodes_are_listed_by_the_names_of_their_functions(cluster: Client) -> None:
    words = r"cannot pickle '_thread.lock' object \[argument 1 of inc: _thread.lock\]"
    with pytest.raises(TypeError, match=words):
        cluster.get({"a": (inc, threading.Lock())}, "a")
