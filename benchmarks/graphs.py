"""Graphs of small tasks in the shapes that schedulers meet: wide, deep, random, map-reduce.

A shape is a list of tasks in the order of submission; each is the tuple of the tasks whose values it takes.
The task itself adds them up, so that what is measured is how an engine carries values along edges.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from .engines.base import Engine, Graph

#: Tasks of a graph are doubled until one run takes this long, so that fast engines are timed well too.
RUN_SECONDS = 0.5
TASKS_MIN = 200
TASKS_MAX = 51_200


def wide(tasks: int) -> Graph:
    """One task feeds all others, and all of these feed the last one."""
    middle = tuple(range(1, tasks - 1))
    return [(), *((0,) for _ in middle), middle]


def deep(tasks: int) -> Graph:
    """A chain: nothing can overlap, so this is the latency of one edge."""
    return [(), *((task - 1,) for task in range(1, tasks))]


def scattered(tasks: int) -> Graph:
    """Each task takes up to three of the fifty before it, the last one all that nobody took."""
    choose = random.Random(7)
    graph: Graph = [()]
    unused = {0}
    for task in range(1, tasks - 1):
        before = range(max(0, task - 50), task)
        taken = tuple(sorted(choose.sample(before, min(len(before), choose.randint(1, 3)))))
        unused.difference_update(taken)
        unused.add(task)
        graph.append(taken)
    return [*graph, tuple(sorted(unused))]


def map_reduce(tasks: int) -> Graph:
    """Nine tenths are independent, the others add ten at a time until one is left."""
    graph: Graph = [() for _ in range(tasks * 9 // 10)]
    level = list(range(len(graph)))
    while len(level) > 1:
        above = []
        for first in range(0, len(level), 10):
            above.append(len(graph))
            graph.append(tuple(level[first : first + 10]))
        level = above
    return graph


SHAPES: dict[str, Callable[[int], Graph]] = {
    "wide": wide,
    "deep": deep,
    "random": scattered,
    "map_reduce": map_reduce,
}


def graphs(engine: Engine) -> dict[str, float]:
    """Tasks per second in each shape, of the largest graph that was run; nothing if the engine has none."""
    figures = {}
    for name, shape in SHAPES.items():
        tasks = TASKS_MIN
        while True:
            graph = shape(tasks)
            started = time.perf_counter()
            try:
                value = engine.graph(graph)
            except NotImplementedError:
                return {}
            seconds = time.perf_counter() - started
            assert value > 0
            if seconds >= RUN_SECONDS or tasks >= TASKS_MAX:
                break
            tasks *= 2
        figures[f"graph_{name}_per_s"] = len(graph) / seconds
    return figures
