"""Dask.distributed with one process per slot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from distributed import Client, LocalCluster

from ..work import add_one, add_up
from .base import Graph


class DaskEngine:
    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.client: Any = None

    def start(self) -> None:
        cluster = LocalCluster(
            n_workers=self.slots, threads_per_worker=1, processes=True, dashboard_address=None
        )
        self.client = Client(cluster)
        self.client.gather(self.client.map(abs, range(self.slots * 4), pure=False))

    def submit_and_gather(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        submit = self.client.submit
        results: list[Any] = self.client.gather([submit(function, value, pure=False) for value in values])
        return results

    def map(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        results: list[Any] = self.client.gather(self.client.map(function, list(values), pure=False))
        return results

    def call(self, function: Callable[..., Any], value: Any) -> Any:
        return self.client.submit(function, value, pure=False).result()

    def graph(self, graph: Graph) -> int:
        futures: list[Any] = []
        for taken in graph:
            futures.append(self.client.submit(add_up, *[futures[task] for task in taken], pure=False))
        value: int = futures[-1].result()
        return value

    def chain(self, steps: int) -> int:
        last: Any = self.client.submit(add_one, 0, pure=False)
        for _ in range(steps - 1):
            last = self.client.submit(add_one, last, pure=False)
        value: int = last.result()
        return value

    def stop(self) -> None:
        cluster = self.client.cluster
        self.client.close()
        cluster.close()


def make(slots: int) -> DaskEngine:
    return DaskEngine(slots)
