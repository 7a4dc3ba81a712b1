"""Dask's collections, and Dask's own tests of schedulers, on a cluster."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from client_support import eventually
from dask._task_spec import Alias, DataNode, Dict, List, Task, TaskRef
from dask.utils_test import GetFunctionTestMixin

import isthmus
from isthmus import Client


@pytest.fixture(autouse=True)
def current(cluster: Client) -> Iterator[None]:
    """The cluster's client is the current one, without being shut down at the end."""
    isthmus._current.enter(cluster)
    yield
    isthmus._current.leave(cluster)


class TestDasksOwn(GetFunctionTestMixin):
    get = staticmethod(isthmus.dask_get)


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
