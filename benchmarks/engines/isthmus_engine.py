"""Isthmus with an embedded cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from isthmus import Client, Future, swift

from ..work import add_one, add_up
from .base import Graph

#: Swift functions that `make build` has built.
FUNCTIONS = Path(__file__).resolve().parents[2] / ".build" / "release" / "TestFunctions"


class IsthmusEngine:
    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.client: Client | None = None
        self.swift_client: Client | None = None

    def start(self) -> None:
        self.client = Client(slots=self.slots)

    def running(self) -> Client:
        assert self.client is not None, "start() comes first"
        return self.client

    def submit_and_gather(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        submit = self.running().submit
        futures = [submit(function, value) for value in values]
        return [future.result() for future in futures]

    def map(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        return list(self.running().map(function, values))

    def call(self, function: Callable[..., Any], value: Any) -> Any:
        return self.running().submit(function, value).result()

    def graph(self, graph: Graph) -> int:
        submit = self.running().submit
        futures: list[Future[int]] = []
        for taken in graph:
            futures.append(submit(add_up, *[futures[task] for task in taken]))
        return futures[-1].result()

    def chain(self, steps: int) -> int:
        submit = self.running().submit
        last = submit(add_one, 0)
        for _ in range(steps - 1):
            last = submit(add_one, last)
        return last.result()

    def swift_map(self, values: Iterable[int]) -> list[Any]:
        """`map` of a Swift function, on a cluster of its own: the other figures are those of one without."""
        if self.swift_client is None:
            self.swift_client = Client(slots=self.slots, swift=FUNCTIONS)
        return list(self.swift_client.map(swift("add1"), values))

    def stop(self) -> None:
        if self.swift_client is not None:
            self.swift_client.shutdown()
        self.running().shutdown()


def make(slots: int) -> IsthmusEngine:
    return IsthmusEngine(slots)
