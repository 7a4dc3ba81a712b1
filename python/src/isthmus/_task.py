"""Functions that know how they are run on a cluster, and graphs that are built by calling them."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from ._current import get_client
from ._lowering import Invocation
from ._pickling import PickledByName
from .future import Future
from .options import TaskOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._held import ArgumentMissing, Held
    from .options import Options

P = ParamSpec("P")
R = TypeVar("R")


class TaskFunction(PickledByName, Generic[P, R]):
    """A function with options of tasks; made by `task`. Calling it calls the function, here."""

    def __init__(self, function: Callable[P, R], options: TaskOptions) -> None:
        self._function = function
        self._task_options = options
        self._name: str = getattr(function, "__qualname__", type(function).__qualname__)
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function in this process."""
        return self._function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """As a method, it is bound like a function."""
        return self if instance is None else types.MethodType(self, instance)

    def options(self, **changes: Unpack[Options]) -> TaskFunction[P, R]:
        """The same function with further options; see `Client.options`."""
        return TaskFunction(self._function, self._task_options.changed({**changes}))

    @overload
    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...

    @overload
    def submit(self, a: Future[Any] | Held, /, *args: Any, **kwargs: Any) -> Future[R]: ...

    @overload
    def submit(self, a: Any, b: Future[Any] | Held, /, *args: Any, **kwargs: Any) -> Future[R]: ...

    @overload
    def submit(self) -> ArgumentMissing: ...  # type: ignore[overload-cannot-match]

    @overload
    def submit(self, **kwargs: Future[Any] | Held) -> Future[R]: ...

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Submit a call to the current client; see `Client.submit`. Futures stand for their values."""
        return get_client().submit(self, *args, **kwargs)

    def map(self, *iterables: Iterable[Any], **how: Any) -> Iterator[R]:
        """Map it over iterables with the current client; see `Client.map`."""
        return get_client().map(self, *iterables, **how)

    def delayed(self, *args: Any, **kwargs: Any) -> Node[R]:
        """A node of a graph: the call, to be made when the graph is computed. Nothing is submitted yet."""
        return Node(self, args, kwargs)

    def importable(self) -> Callable[..., Any]:
        """What executors are to import by name, or the plain function if it has to travel by value."""
        module = sys.modules.get(self.__module__)
        found: Any = module if self.__module__ != "__main__" else None
        for part in self._name.split("."):
            found = getattr(found, part, None)
        is_here = isinstance(found, TaskFunction) and found._function is self._function
        return cast("Callable[..., Any]", found if is_here else self._function)

    def __reduce__(self) -> Any:
        if self.importable() is self:
            return self._name
        return TaskFunction, (self._function, self._task_options)

    def __repr__(self) -> str:
        return f"<task {self.__module__}.{self._name}>"


class Node(Generic[R]):
    """A call that is part of a graph; made by `TaskFunction.delayed`.

    Nodes among the arguments, also in lists, tuples, sets and dicts, stand for their values. A node that is
    used twice in one graph runs once.
    """

    __slots__ = ("__weakref__", "args", "function", "inputs", "kwargs")

    def __init__(self, function: TaskFunction[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        found: dict[Node[Any], None] = {}
        _collect([args, kwargs], found)
        self.inputs = list(found)

    def compute(self) -> R:
        """Run the graph with the current client and return this node's value."""
        return get_client().compute(self).result()

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} is a call that was not made yet: submit its graph with client.compute()")

    def __repr__(self) -> str:
        return f"<node {self.function._name}>"


class Nodes:
    """A graph whose keys are the nodes themselves, for `_graph`."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, Node)

    def inputs(self, key: Node[Any]) -> list[Any]:
        """The nodes whose values this one uses."""
        return key.inputs

    def ordered(self, keys: list[Node[Any]]) -> list[Node[Any]]:
        """The order that was found is kept."""
        return keys

    def alias(self, key: Node[Any]) -> None:
        """No node is another name of one."""

    def lower(self, key: Node[Any], values: Mapping[Any, Any]) -> Invocation:
        """The call with values or futures in place of nodes."""
        if not key.inputs:
            return Invocation(key.function, key.args, key.kwargs)
        return Invocation(key.function, _replaced(key.args, values), _replaced(key.kwargs, values))


def _collect(value: Any, found: dict[Node[Any], None]) -> None:
    kind = type(value)
    if kind is Node:
        found[value] = None
    elif kind in {list, tuple, set, frozenset}:
        for item in value:
            _collect(item, found)
    elif kind is dict:
        for item in value.values():
            _collect(item, found)


def _replaced(value: Any, values: Mapping[Any, Any]) -> Any:
    kind = type(value)
    if kind is Node:
        return values[value]
    if kind in {list, tuple, set, frozenset}:
        return kind([_replaced(item, values) for item in value])
    if kind is dict:
        return {name: _replaced(item, values) for name, item in value.items()}
    return value


@overload
def task(function: Callable[P, R], /) -> TaskFunction[P, R]: ...


@overload
def task(
    function: None = None, /, **options: Unpack[Options]
) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...


def task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Give a function options of its own, for all its tasks: `@task` or `@task(retries=3, timeout=30)`.

    The options are those of `Client.options`; what is asked for by `client.options` at a submit counts more.
    The function can be called as before. `submit` and `map` of a client take it; its own `submit`, `map` and
    `delayed` use the current client.

    Example:
        >>> @task(retries=2)
        ... def double(value):
        ...     return 2 * value
        >>> double(4)
        8
    """
    made = TaskOptions().changed(options, "task")
    if function is None:
        return lambda decorated: TaskFunction(decorated, made)
    return TaskFunction(function, made)
