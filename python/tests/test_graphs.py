"""Graphs that are handed over whole, as dicts."""

from __future__ import annotations

import operator
import threading
import time
from pathlib import Path
from typing import Any

import client_tasks as tasks
import pytest
from client_support import eventually

import isthmus
from isthmus import Client
from isthmus import _limits as limits


def test_keys_at_any_depth_stand_for_values(client: Client) -> None:
    graph = {
        "one": 1,
        "two": (operator.add, "one", 1),
        "also two": "two",
        "list": ["one", ["two", (operator.neg, "two")], "no key"],
        "total": (sum, ["one", "two", (operator.mul, "two", "also two")]),
        ("block", 0): (tasks.add, [1], ["two"]),
        "text": (str.join, "-", ["a", "b"]),
        "data": {"two": "two"},
    }
    assert client.get(graph, "total") == 7
    assert client.get(graph, ["total", ["also two", ("block", 0)]]) == (7, (2, [1, 2]))
    assert client.get(graph, "list") == [1, [2, -2], "no key"]
    assert client.get(graph, ["text", "data", []]) == ("a-b", {"two": "two"}, ())


def test_only_what_is_needed_runs(client: Client, tmp_path: Path) -> None:
    trace = str(tmp_path / "trace")
    graph = {
        "wanted": (operator.add, "part", "part"),
        "part": (tasks.leave_a_trace, trace, 3),
        "other": (tasks.leave_a_trace, trace, 4),
    }
    assert client.get(graph, "wanted") == 6
    assert Path(trace).read_text() == "3\n"


def test_a_missing_key_and_a_cycle_are_named(client: Client) -> None:
    with pytest.raises(KeyError, match="nowhere"):
        client.get({"a": 1}, ["a", ["nowhere"]])
    with pytest.raises(ValueError, match="cycle"):
        client.get({"a": (operator.neg, "b"), "b": (operator.neg, "a")}, "a")
    with pytest.raises(TypeError, match="a graph is a dict"):
        client.get([1], 0)


def test_the_exception_of_a_node_is_raised_and_the_rest_cancelled(cluster: Client, tmp_path: Path) -> None:
    never = str(tmp_path / "never")
    graph: dict[Any, Any] = {("wait", n): (tasks.until_file, never) for n in range(50)}
    graph["bad"] = (tasks.refuse, 1)
    graph["after bad"] = (tasks.total, [1, "bad"])
    began = time.monotonic()
    with pytest.raises(ValueError, match="refused"):
        # Those that wait would wait for ever, and come first in what was asked for.
        cluster.get(graph, ["after bad", *[("wait", n) for n in range(50)]])
    assert cluster.submit(pow, 2, 5).result(60) == 32
    assert time.monotonic() - began < 60


def test_a_node_that_cannot_be_pickled_fails_the_graph(client: Client) -> None:
    with pytest.raises(TypeError, match="refuses to be pickled"):
        client.get({"a": (operator.not_, tasks.RefusesPickle()), "b": (operator.not_, "a")}, "b")


def test_inner_futures_are_let_go_and_few_tasks_are_ahead(
    cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GRAPH_TASKS_MAX", 100)
    most = 0

    class Watched(dict[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            nonlocal most
            most = max(most, len(cluster._engine.table))
            return super().__getitem__(key)

    graph = Watched({("x", n): (operator.add, n, 0) for n in range(3_000)})
    graph.update({("y", n): (sum, [("x", m) for m in range(10 * n, 10 * n + 10)]) for n in range(300)})
    graph["z"] = (sum, [("y", n) for n in range(300)])
    assert cluster.get(graph, "z") == sum(range(3_000))
    assert most <= 101
    eventually(lambda: not cluster._engine.table, "nothing is left of the graph")


def test_options_hold_for_each_node(cluster: Client, tmp_path: Path) -> None:
    graph = {"a": (tasks.leave_a_trace, str(tmp_path / "tries"), 1), "b": (tasks.refuse, "a")}
    with pytest.raises(ValueError, match="refused"):
        cluster.options(retries=2).get(graph, "b")
    with pytest.raises(isthmus.TaskTimeout):
        cluster.options(timeout=0.2).get({"a": (tasks.nap, 60)}, "a")


def test_large_data_that_many_nodes_use_is_sent_once(cluster: Client) -> None:
    data = b"x" * 2_000_000
    graph: dict[Any, Any] = {"data": data, **dict.fromkeys(range(1, 51), (len, "data"))}
    before = cluster._engine.outbox.bytes_submitted
    assert cluster.get(graph, list(range(1, 51))) == (len(data),) * 50
    assert cluster._engine.outbox.bytes_submitted - before < 2 * len(data)


def test_the_current_client_is_the_innermost(client: Client) -> None:
    def enclosing() -> Client | None:
        try:
            return isthmus.get_client()
        except isthmus.ClusterError:
            return None

    seen: list[Client | None] = [enclosing()]
    with Client(client.address) as outer:
        seen.append(isthmus.get_client())
        with Client(client.address) as inner:
            seen.append(isthmus.get_client())
            assert isthmus.dask_get({"a": (operator.add, 1, 2)}, "a") == 3
        seen.append(isthmus.get_client())
        thread = threading.Thread(target=lambda: seen.append(isthmus.get_client()))
        thread.start()
        thread.join()
    seen.append(enclosing())
    assert seen == [None, outer, inner, outer, outer, None]
    with pytest.raises(isthmus.ClusterError, match=r"with isthmus\.Client"):
        isthmus.dask_get({"a": 1}, "a")
