"""From a graph as Dask writes it to calls: what each node needs, and what is to be submitted for it.

Two notations are read, also mixed. The older one is a dict of plain values: a tuple whose first item is
callable is a call, a key among its arguments (in lists, tuples and sets at any depth) stands for the value of
that node, and anything else is data. The newer one (`dask._task_spec`) says the same with objects. Dask is
never imported here: whoever holds one of its objects has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, NamedTuple

from isthmus_bridge.graphs import Call, container, identity, run_node

#: What may be a key in the older notation.
_KEYS: Final = (int, float, str, tuple)
_CONTAINERS: Final = (list, tuple, set, frozenset)


class Invocation(NamedTuple):
    """A node that has to be computed."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Graph:
    """A mapping from keys to nodes in either notation."""

    def __init__(self, nodes: Mapping[Any, Any]) -> None:
        self._nodes = nodes
        self._dask: Any = _task_spec()

    def __contains__(self, key: object) -> bool:
        return key in self._nodes

    def inputs(self, key: Any) -> list[Any]:
        """The keys of the nodes whose values this node uses, each once."""
        found: dict[Any, None] = {}
        self._collect(self._nodes[key], found)
        return list(found)

    def ordered(self, keys: list[Any]) -> list[Any]:
        """These nodes, of which each comes after its inputs, in the order that Dask would run them in.

        That is for graphs of Dask's objects: what plain dicts mean does not depend on what is imported.
        """
        dask, order = self._dask, sys.modules.get("dask.order")
        if dask is None or order is None or not isinstance(self._nodes[keys[0]], dask.GraphNode):
            return keys
        try:
            rank = order.order({key: self._nodes[key] for key in keys})
        except Exception:
            # What it cannot read is run all the same, in the order that is known.
            return keys
        return sorted(keys, key=rank.__getitem__)

    def alias(self, key: Any) -> Any | None:
        """The key of the node whose value is the value of this one, if it is only another name."""
        node = self._nodes[key]
        if self._dask is not None and isinstance(node, self._dask.Alias):
            return node.target
        return node if self._is_key(node) else None

    def lower(self, key: Any, values: Mapping[Any, Any]) -> Any:
        """An `Invocation`, or the value of a node that needs none: data, or that of another node.

        `values` has a future, or a plain value, for each of the inputs.
        """
        node = self._nodes[key]
        made = self._build(node, values)
        if type(made) is Call:
            return Invocation(made.function, made.args, made.kwargs)
        if made is node or self.alias(key) is not None or not self.inputs(key):
            return made
        return Invocation(identity, (made,), {})

    def _is_key(self, value: object) -> bool:
        if not isinstance(value, _KEYS):
            return False
        try:
            return value in self._nodes
        except TypeError:
            return False

    def _collect(self, value: Any, found: dict[Any, None]) -> None:
        dask = self._dask
        if dask is not None and isinstance(value, dask.GraphNode):
            found.update(dict.fromkeys(value.dependencies))
        elif type(value) is tuple and value and callable(value[0]):
            for argument in value[1:]:
                self._collect(argument, found)
        elif self._is_key(value):
            found[value] = None
        elif isinstance(value, _CONTAINERS):
            for item in value:
                self._collect(item, found)
        elif dask is not None and isinstance(value, dask.TaskRef):
            found[value.key] = None

    def _build(self, value: Any, values: Mapping[Any, Any]) -> Any:
        """A `Call`, or what stands for the value."""
        dask = self._dask
        if dask is not None and isinstance(value, dask.GraphNode):
            return self._build_node(value, values)
        if type(value) is tuple and value and callable(value[0]):
            return Call(value[0], tuple(self._build(argument, values) for argument in value[1:]), {})
        if self._is_key(value):
            return values[value]
        if isinstance(value, _CONTAINERS):
            items = [self._build(item, values) for item in value]
            if all(map(_same, items, value)):
                return value
            return _contain(_maker(value), items)
        if dask is not None and isinstance(value, dask.TaskRef):
            return values[value.key]
        return value

    def _build_node(self, node: Any, values: Mapping[Any, Any]) -> Any:
        dask = self._dask
        if isinstance(node, dask.Alias):
            return values[node.target]
        if isinstance(node, dask.DataNode):
            return node.value
        if isinstance(node, dask.NestedContainer):
            return _contain(
                type(node).constructor, [self._build_argument(item, values) for item in node.args]
            )
        if isinstance(node, dask.Task) and type(node).__call__ is dask.Task.__call__:
            args = tuple(self._build_argument(argument, values) for argument in node.args)
            kwargs = {name: self._build_argument(item, values) for name, item in node.kwargs.items()}
            return Call(node.func, args, kwargs)
        return Call(run_node, (node, {key: values[key] for key in node.dependencies}), {})

    def _build_argument(self, value: Any, values: Mapping[Any, Any]) -> Any:
        """Only nodes and references mean something there: what is inside of other values is data."""
        if isinstance(value, self._dask.GraphNode):
            return self._build_node(value, values)
        if isinstance(value, self._dask.TaskRef):
            return values[value.key]
        return value


def _task_spec() -> ModuleType | None:
    """Dask's module of graph nodes, if there can be any in this process."""
    return sys.modules.get("dask._task_spec")


def _same(one: object, other: object) -> bool:
    return one is other


def _maker(value: Any) -> Callable[[list[Any]], Any]:
    kind = type(value)
    return kind._make if hasattr(kind, "_fields") else kind


def _contain(make: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    """The container of what was built, as a call if something in it has to be called first."""
    if any(type(item) is Call for item in items):
        return Call(container, (make, *items), {})
    return make(items)
