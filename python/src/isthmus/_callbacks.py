"""Dask's callbacks: `dask.diagnostics` (ProgressBar, Profiler, CacheProfiler), `dask.cache`, a program's own.

They are called in the thread that computes, as Dask's own schedulers call them, with the same `state`. A task
starts (`pretask`) when everything that it needs is there: when a slot took it, only its worker knows. The
value that `posttask` gets has to come here, so with such a callback every value of the graph does.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from queue import SimpleQueue
from typing import Any

from .future import Future


class Observer:
    """Tells callbacks of a graph what becomes of its tasks."""

    def __init__(
        self, graph: Mapping[Any, Any], wanted: Iterable[Hashable], callbacks: Iterable[Any]
    ) -> None:
        self._local: Any = import_module("dask.local")
        self._given = self._local.convert_legacy_graph(dict(graph))
        self._wanted = set(wanted)
        self._callbacks = list(callbacks)
        self._started: list[Any] = []
        self._state: dict[str, Any] = {}
        self._order: Any = None
        #: Keys and futures (or plain values) in the order in which they came.
        self._ended: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        #: Tasks whose end was heard of before that of a task that they need.
        self._early: dict[Any, Any] = {}
        #: Whether the values of all tasks have to come here.
        self.wants_values = any(posttask for _, _, _, posttask, _ in self._callbacks)

    def start(self) -> Mapping[Any, Any]:
        """Call `start` and `start_state`; returns the graph, which they may have changed."""
        local, given = self._local, self._given
        for callback in self._callbacks:
            if callback[0]:
                callback[0](given)
            self._started.append(callback)
        graph = local.convert_legacy_graph(given)
        self._order = local.order(graph).get
        # An empty cache of its own: values of another computation are not ours to drop.
        self._state = local.start_state_from_dask(graph, {}, self._order, self._wanted)
        for _, start_state, _, _, _ in self._callbacks:
            if start_state:
                start_state(given, self._state)
        self._begin()
        result: Mapping[Any, Any] = graph
        return result

    def submitted(self, key: Any, made: Any) -> None:
        """A node was handed over: a future, or a value that needs no task."""
        if isinstance(made, Future):
            made.add_done_callback(lambda future: self._ended.put((key, future)))
        else:
            self._ended.put((key, made))
        while not self._ended.empty():
            self._end(*self._ended.get())

    def wait(self) -> None:
        """Until every task has ended; raises what a task has raised."""
        state = self._state
        while state["running"] or state["waiting"]:
            self._end(*self._ended.get())

    def finish(self, failed: bool) -> None:
        """Call `finish`."""
        for _, _, _, _, finish in self._started:
            if finish:
                finish(self._given, self._state, failed)

    def _begin(self) -> None:
        """Everything that these tasks need is there."""
        state = self._state
        while state["ready"]:
            key = state["ready"].pop()
            state["running"].add(key)
            for _, _, pretask, _, _ in self._callbacks:
                if pretask:
                    pretask(key, self._given, state)
            if key in self._early:
                self._ended.put((key, self._early.pop(key)))

    def _end(self, key: Any, made: Any) -> None:
        state = self._state
        if key not in state["running"]:
            # Data is no task, and has no end.
            if key in state["waiting"]:
                self._early[key] = made
            return
        value, worker = made, None
        if isinstance(made, Future):
            value = made.result() if self.wants_values or made.has_failed() else None
            outcome = made.outcome
            worker = outcome.worker if outcome is not None else None
        state["cache"][key] = value
        self._local.finish_task(self._given, key, state, self._wanted, self._order)
        for _, _, _, posttask, _ in self._callbacks:
            if posttask:
                posttask(key, value, self._given, state, worker)
        self._begin()


@contextmanager
def observed(
    graph: Mapping[Any, Any], wanted: Iterable[Hashable], callbacks: Any
) -> Iterator[tuple[Mapping[Any, Any], Observer | None]]:
    """The graph to be computed, and who tells the callbacks: those given, or those that are active."""
    dask = sys.modules.get("dask.callbacks")
    if dask is None or not (dask.Callback.active if callbacks is None else callbacks):
        yield graph, None
        return
    with dask.local_callbacks(callbacks) as active:
        observer = Observer(graph, wanted, map(dask.normalize_callback, active))
        succeeded = False
        try:
            yield observer.start(), observer
            succeeded = True
        finally:
            observer.finish(not succeeded)
