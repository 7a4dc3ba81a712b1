"""Graphs that are handed over whole: each node becomes a task of the cluster, in one go.

Nodes are submitted depth first from what was asked for, or as Dask orders them, so that little is waiting to
be used, and a bounded way ahead of the oldest one that has not ended. The value of a node that only other
nodes use is not sent here, and is given up in the cluster when the last of them has it. A failure, or an
interrupt here, cancels whatever has not ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from isthmus_bridge.graphs import Call, evaluate, identity

from . import _limits as limits
from ._callbacks import Observer, observed
from ._interrupts import interrupted
from ._lowering import Graph, Invocation
from ._task import Node, Nodes, TaskFunction
from ._waiting import Condition
from .future import Future
from .options import TaskOptions

if TYPE_CHECKING:
    from ._engine import Engine
    from ._submitting import Submitter

#: Data of these types is copied into each task that uses it, which is cheaper than a task of its own.
_SMALL: Final = (type(None), bool, int, float, complex, slice)


class Plan:
    """Which nodes are needed, in an order in which every node comes after its inputs."""

    def __init__(self, graph: Graph | Nodes, wanted: Iterable[Any]) -> None:
        self.graph = graph
        self.wanted = list(dict.fromkeys(wanted))
        #: The inputs of a node that was not submitted yet.
        self.inputs: dict[Any, list[Any]] = {}
        #: How many nodes still have to use a value; what was asked for is used once more, at the end.
        self.uses: dict[Any, int] = dict.fromkeys(self.wanted, 1)
        self.order: list[Any] = []
        for key in self.wanted:
            if key not in graph:
                raise KeyError(key)
            self._visit(key)
        if 0 < len(self.order) <= limits.ORDERED_NODES_MAX:
            self.order = graph.ordered(self.order)
        #: The values that are sent here: those asked for, and those of which they are other names.
        self.gathered: set[Any] = set()
        for key in self.wanted:
            named: Any | None = key
            while named is not None and named not in self.gathered:
                self.gathered.add(named)
                named = graph.alias(named)

    def _visit(self, start: Any) -> None:
        if start in self.inputs:
            return
        graph, inputs, uses = self.graph, self.inputs, self.uses
        entered = {start}
        inputs[start] = graph.inputs(start)
        path = [(start, iter(inputs[start]))]
        while path:
            key, rest = path[-1]
            for found in rest:
                uses[found] = uses.get(found, 0) + 1
                if found in entered:
                    raise ValueError(f"the graph has a cycle: the node {found!r} needs its own value")
                if found in inputs:
                    continue
                if found not in graph:
                    raise KeyError(f"{found!r}, which the node {key!r} needs, is not in the graph")
                inputs[found] = graph.inputs(found)
                entered.add(found)
                path.append((found, iter(inputs[found])))
                break
            else:
                self.order.append(key)
                entered.discard(key)
                path.pop()


class Run:
    """One computation of a graph."""

    def __init__(
        self, engine: Engine, submitter: Submitter, options: TaskOptions, raises: bool = True
    ) -> None:
        self._engine = engine
        #: Whether a node that fails ends the run here; else its future tells.
        self._raises = raises
        self._link = engine.link
        self._submitter = submitter
        self._gathered = submitter.options(options)
        self._inner = submitter.options(replace(options, quiet=True))
        #: Tasks of this run by their numbers, oldest first; those that have ended are taken out now and then.
        self._tasks: deque[int] = deque()
        #: Who wants to hear of each task.
        self.observer: Observer | None = None
        self._failures = engine.link.failures

    def submit_all(self, plan: Plan) -> dict[Any, Any]:
        """Submit every node; returns a future or a value for each key that was asked for."""
        values: dict[Any, Any] = {}
        uses = plan.uses
        observer = self.observer
        gathers_all = observer is not None and observer.wants_values
        for key in plan.order:
            needed = plan.inputs.pop(key)
            made = plan.graph.lower(key, values)
            if type(made) is Invocation:
                made = self.submit(made, gathered=gathers_all or key in plan.gathered)
            elif uses[key] > 1 and not isinstance(made, (Future, *_SMALL)) and key not in plan.gathered:
                made = self.submit(Invocation(identity, (made,), {}), gathered=False)
            values[key] = made
            if observer is not None:
                observer.submitted(key, made)
            for used in needed:
                uses[used] -= 1
                if not uses[used]:
                    del values[used]
            if self._raises and self._link.failures != self._failures:
                self.check(values.values())
        return values

    def submit(self, node: Invocation, gathered: bool) -> Future[Any]:
        """One task; waits while too many of this run are on their way."""
        while len(self._tasks) >= limits.GRAPH_TASKS_MAX:
            self._wait_for_room()
        options = self._gathered if gathered else self._inner
        submitter = self._submitter
        function, args, kwargs = node
        future: Future[Any]
        if any(type(argument) is Call for argument in (*args, *kwargs.values())):
            options = submitter.named(function, options)
            future = submitter.submit_listing(evaluate, (Call(function, args, kwargs),), {}, options)
        elif isinstance(function, TaskFunction):
            future = submitter.submit_task(function, args, kwargs, options)
        else:
            future = submitter.submit_listing(function, args, kwargs, options)
        if gathered:
            self._link.left.ask(future)
        if not future._sequence:
            if self._raises:
                # It could not be pickled: what follows would only repeat that.
                future.result()
            return future
        self._tasks.append(future._sequence)
        return future

    def _wait_for_room(self) -> None:
        tasks, table, link = self._tasks, self._link.table, self._link
        while tasks and tasks[0] not in table:
            tasks.popleft()
        if len(tasks) >= limits.GRAPH_TASKS_MAX:
            oldest, seen = tasks[0], link.failures
            self._engine.wait_for(Condition(lambda: oldest not in table or link.failures != seen), None)

    def wait(self, futures: Iterable[Future[Any]]) -> None:
        """Until all have values; raises the exception of the first one that is seen to have failed."""
        pending = [future for future in futures if isinstance(future, Future)]
        pending.reverse()
        link = self._link

        def settled() -> bool:
            while pending and pending[-1].done() and not pending[-1].has_failed():
                pending.pop()
            return not pending or pending[-1].done() or link.failures != self._failures

        while pending:
            self.check(pending)
            self._engine.wait_for(Condition(settled), None)

    def check(self, values: Iterable[Any]) -> None:
        """Raise what one of these futures has failed with."""
        self._failures = self._link.failures
        for future in values:
            if isinstance(future, Future) and future.has_failed():
                future.result()

    def cancel(self) -> list[int]:
        """Stop whatever has not ended, running or not; returns the numbers of these tasks."""
        tasks = [task for task in self._tasks if task in self._link.table]
        self._engine.cancel_all(tasks)
        return tasks


def compute(
    engine: Engine,
    submitter: Submitter,
    options: TaskOptions,
    graph: Mapping[Any, Any] | Any,
    keys: Any,
    callbacks: Any = None,
) -> Any:
    """The values of `keys`, nested as those are, with tuples for lists."""
    wanted = list(_flat(keys))
    with observed(_mapping(graph), wanted, callbacks) as (nodes, observer):
        run = Run(engine, submitter, options)
        run.observer = observer
        try:
            values = run.submit_all(Plan(Graph(nodes), wanted))
            if observer is not None:
                observer.wait()
            run.wait(values.values())
            return _nested(keys, values)
        except BaseException as error:
            waited = run.cancel()
            if isinstance(error, KeyboardInterrupt):
                interrupted(engine, waited)
            raise


def start(engine: Engine, submitter: Submitter, options: TaskOptions, nodes: Any) -> Any:
    """The future of a node, or a list of those of several."""
    wanted = nodes if isinstance(nodes, (list, tuple)) else [nodes]
    for node in wanted:
        if not isinstance(node, Node):
            raise TypeError(f"compute() takes what `delayed` made, one or a list of them, not {node!r}")
    run = Run(engine, submitter, options, raises=False)
    try:
        values = run.submit_all(Plan(Nodes(), wanted))
    except BaseException:
        run.cancel()
        raise
    return [values[node] for node in wanted] if wanted is nodes else values[nodes]


def _mapping(graph: Any) -> Mapping[Any, Any]:
    """The nodes of a graph, of a collection, or of an expression of Dask's."""
    if not isinstance(graph, Mapping) and hasattr(graph, "__dask_graph__"):
        graph = graph.__dask_graph__()
    if hasattr(graph, "to_dict"):
        graph = graph.to_dict()
    if not isinstance(graph, Mapping):
        raise TypeError(f"a graph is a dict of keys and nodes, not {type(graph).__name__}")
    return graph


def _flat(keys: Any) -> Iterable[Hashable]:
    if isinstance(keys, list):
        for key in keys:
            yield from _flat(key)
    else:
        yield keys


def _nested(keys: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(keys, list):
        return tuple(_nested(key, values) for key in keys)
    value = values[keys]
    return value.result() if isinstance(value, Future) else value
