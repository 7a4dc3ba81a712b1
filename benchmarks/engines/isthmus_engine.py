"""Isthmus with an embedded cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from isthmus import Client, Future

from ..work import add_up
from .base import Graph


class IsthmusEngine:
    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.client: Client | None = None

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

    def stop(self) -> None:
        self.running().shutdown()


def make(slots: int) -> IsthmusEngine:
    return IsthmusEngine(slots)
