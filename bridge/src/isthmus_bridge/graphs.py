"""Nodes of a graph that are more than one call: calls inside the arguments of a call.

A graph as Dask writes it may hold `(add, (inc, "x"), "y")`. Such a node is one task, whose function is
`evaluate` and whose argument is a `Call` with further ones inside. Everything else among the arguments is
taken as it is, so values are never searched for calls.
"""

from __future__ import annotations

import itertools
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Call", "Listing", "container", "evaluate", "identity", "run_node"]


class Call:
    """A function and its arguments, to be called where the task runs."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def __reduce__(self) -> tuple[Any, ...]:
        return Call, (self.function, self.args, self.kwargs)


_PASSING: Final = frozenset(
    {GeneratorType, map, filter, zip, enumerate, itertools.chain, itertools.islice, itertools.starmap}
)
"""Iterators in which bags hand on their partitions. They cannot travel, or only with all that they read."""


class Listing:
    """Calls a function, and turns what can be read once only into what each reader can read once.

    Within one process a node may hand a generator to the next one. Here the value travels, to any number of
    readers.
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        value = self.function(*args, **kwargs)
        return iter(list(value)) if type(value) in _PASSING else value

    def __reduce__(self) -> tuple[Any, ...]:
        return Listing, (self.function,)


def evaluate(call: Call) -> Any:
    """Call what is inside, from left to right, then the function."""
    args = [evaluate(value) if type(value) is Call else value for value in call.args]
    kwargs = {name: evaluate(value) if type(value) is Call else value for name, value in call.kwargs.items()}
    return call.function(*args, **kwargs)


def container(make: Callable[[list[Any]], Any], *items: Any) -> Any:
    """A list, tuple, set or dict of values that were calls."""
    return make(list(items))


def identity(value: Any) -> Any:
    """Give back a value: how data that several tasks use gets into the cluster once."""
    return value


def run_node(node: Callable[[Mapping[Any, Any]], Any], values: Mapping[Any, Any]) -> Any:
    """Run a node of Dask's that knows by itself how it is called."""
    return node(values)
