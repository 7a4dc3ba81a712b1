"""Ray on one machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray

from ..work import add_one, add_up
from .base import Graph


class RayEngine:
    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.remotes: dict[Callable[..., Any], Any] = {}

    def start(self) -> None:
        ray.init(
            num_cpus=self.slots,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=512 << 20,
            runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(["", os.getcwd()])}},
        )
        ray.get([self.remote(abs).remote(value) for value in range(self.slots * 4)])

    def remote(self, function: Callable[..., Any]) -> Any:
        if function not in self.remotes:
            self.remotes[function] = ray.remote(lambda *values: function(*values))
        return self.remotes[function]

    def submit_and_gather(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        remote = self.remote(function)
        results: list[Any] = ray.get([remote.remote(value) for value in values])
        return results

    def map(self, function: Callable[..., Any], values: Iterable[Any]) -> list[Any]:
        return self.submit_and_gather(function, values)

    def call(self, function: Callable[..., Any], value: Any) -> Any:
        return ray.get(self.remote(function).remote(value))

    def graph(self, graph: Graph) -> int:
        remote = self.remote(add_up)
        references: list[Any] = []
        for taken in graph:
            references.append(remote.remote(*[references[task] for task in taken]))
        value: int = ray.get(references[-1])
        return value

    def chain(self, steps: int) -> int:
        remote = self.remote(add_one)
        last = remote.remote(0)
        for _ in range(steps - 1):
            last = remote.remote(last)
        value: int = ray.get(last)
        return value

    def stop(self) -> None:
        ray.shutdown()


def make(slots: int) -> RayEngine:
    return RayEngine(slots)
