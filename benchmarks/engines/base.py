"""What a measurement asks of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

Graph = list[tuple[int, ...]]
"""Tasks in the order of submission, each with the earlier tasks whose values it takes."""


class Engine(Protocol):
    """A started cluster and its client, in this process."""

    slots: int

    def start(self) -> None:
        """Start the cluster and return when it can take tasks."""

    def submit_and_gather(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        """One future per value, then all results in order."""

    def map(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        """The engine's own way to apply a function to many values, as its documentation advises."""

    def call(self, function: Callable[..., Any], value: Any) -> Any:
        """One task, there and back."""

    def graph(self, graph: Graph) -> int:
        """Submit all tasks of a graph (`work.add_up`, each over its values) and return the last one's value.

        Raises `NotImplementedError` if the engine has no graphs.
        """

    def chain(self, steps: int) -> int:
        """`work.add_one` of 0, of the value of that, and so on; the last value, which is `steps`.

        Where tasks cannot take the values of others, each is submitted when the one before it is there.
        """

    def stop(self) -> None:
        """Stop the client and the cluster."""
