"""The standard library's ProcessPoolExecutor: one machine, no scheduler, no recovery."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from ..work import add_one
from .base import Graph

CHUNK = 100


class ProcessPoolEngine:
    #: Its processes do not import the main module of `python -m`, which has them.
    runs_own_functions = False

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.pool: ProcessPoolExecutor | None = None

    def start(self) -> None:
        # Not fork: none of the other engines can inherit the client's memory either.
        self.pool = ProcessPoolExecutor(self.slots, mp_context=multiprocessing.get_context("spawn"))
        list(self.pool.map(abs, range(self.slots * 4)))

    def running(self) -> ProcessPoolExecutor:
        assert self.pool is not None, "start() comes first"
        return self.pool

    def submit_and_gather(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        submit = self.running().submit
        futures = [submit(function, value) for value in values]
        return [future.result() for future in futures]

    def map(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        return list(self.running().map(function, values, chunksize=CHUNK))

    def call(self, function: Callable[..., Any], value: Any) -> Any:
        return self.running().submit(function, value).result()

    def graph(self, graph: Graph) -> int:
        raise NotImplementedError

    def chain(self, steps: int) -> int:
        value = 0
        for _ in range(steps):
            value = self.running().submit(add_one, value).result()
        return value

    def stop(self) -> None:
        self.running().shutdown()


def make(slots: int) -> ProcessPoolEngine:
    return ProcessPoolEngine(slots)
