"""What a run came to: a table with ratios, and how it stands against the budgets."""

from __future__ import annotations

import datetime as dt
import math
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

#: Key, what it says, unit, whether more is better.
ROWS: list[tuple[str, str, str, bool]] = [
    ("submit_gather_per_s", "submit each, gather all", "tasks/s", True),
    ("submit_gather_cpu_us", "  CPU over all processes", "µs/task", False),
    ("own_submit_per_s", "  functions of the program", "tasks/s", True),
    ("map_per_s", "map", "tasks/s", True),
    ("map_cpu_us", "  CPU over all processes", "µs/task", False),
    ("python_map_per_s", "map of x + 1 in Python", "tasks/s", True),
    ("swift_map_per_s", "map of x + 1 in Swift", "tasks/s", True),
    ("chain_per_s", "a chain of x + 1", "steps/s", True),
    ("round_trip_p50_us", "one task there and back, p50", "µs", False),
    ("round_trip_p99_us", "one task there and back, p99", "µs", False),
    ("own_round_trip_p50_us", "  a function of the program, p50", "µs", False),
    ("array_10mb_ms", "10 MB array there and back", "ms", False),
    ("metg50_us", "METG(50 %)", "µs", False),
    ("metg95_us", "METG(95 %)", "µs", False),
    ("overhead_10ms_percent", "overhead at tasks of 10 ms", "%", False),
    ("graph_wide_per_s", "graph: one to all, all to one", "tasks/s", True),
    ("graph_deep_per_s", "graph: a chain", "tasks/s", True),
    ("graph_random_per_s", "graph: random edges", "tasks/s", True),
    ("graph_map_reduce_per_s", "graph: map-reduce by tens", "tasks/s", True),
    ("chunks_s", "Dask, 400 chunks of 8 MB", "s", False),
    ("chunks_mb", "  most memory at once", "MB", False),
    ("moved_chunks_s", "  chunks go from task to task", "s", False),
    ("moved_chunks_mb", "  most memory at once", "MB", False),
    ("start_s", "start to first result", "s", False),
    ("idle_mb", "memory of the idle cluster", "MB", False),
]


@dataclass
class Run:
    """The medians of each engine, and where they come from."""

    medians: dict[str, dict[str, float]]
    machine: dict[str, Any]
    slots: int
    rounds: int
    #: The load of the machine before it.
    load: float

    def of(self, engine: str, key: str) -> float:
        """NaN where there is none."""
        return self.medians.get(engine, {}).get(key, float("nan"))

    def ours(self, key: str) -> float:
        """The same of isthmus."""
        return self.of("isthmus", key)


#: What is wanted, what there is, and how many times better than wanted that is.
BUDGETS: list[tuple[str, str, Callable[[Run], float]]] = [
    ("submit and gather: 50 times Ray's", "submit_gather_per_s", lambda run: times(run, "ray", 50)),
    ("submit and gather: 100 times Dask's", "submit_gather_per_s", lambda run: times(run, "dask", 100)),
    (
        "submit and gather: 20 µs of CPU",
        "submit_gather_cpu_us",
        lambda run: 20 / run.ours("submit_gather_cpu_us"),
    ),
    (
        "functions of the program: 1 / 1.3 of importable ones",
        "own_submit_per_s",
        lambda run: 1.3 * run.ours("own_submit_per_s") / run.ours("submit_gather_per_s"),
    ),
    (
        "map: twice ProcessPoolExecutor's",
        "map_per_s",
        lambda run: run.ours("map_per_s") / run.of("processpool", "map_per_s") / 2,
    ),
    (
        "map of a Swift function: as a Python one",
        "swift_map_per_s",
        lambda run: run.ours("swift_map_per_s") / run.ours("python_map_per_s"),
    ),
    ("a chain: 20,000 steps/s", "chain_per_s", lambda run: run.ours("chain_per_s") / 20_000),
    (
        "there and back: 0.8 of ProcessPoolExecutor's",
        "round_trip_p50_us",
        lambda run: 0.8 * run.of("processpool", "round_trip_p50_us") / run.ours("round_trip_p50_us"),
    ),
    (
        "10 MB there and back: half of Ray's time",
        "array_10mb_ms",
        lambda run: run.of("ray", "array_10mb_ms") / run.ours("array_10mb_ms") / 2,
    ),
    ("METG(50 %): 50 µs", "metg50_us", lambda run: 50 / run.ours("metg50_us")),
    ("METG(95 %): 1 ms", "metg95_us", lambda run: 1000 / run.ours("metg95_us")),
    (
        "Dask, 400 chunks: as fast as distributed",
        "chunks_s",
        lambda run: run.of("dask", "chunks_s") / run.ours("chunks_s"),
    ),
    ("Dask, 400 chunks: 300 MB in all", "chunks_mb", lambda run: 300 / run.ours("chunks_mb")),
    (
        "  that go from task to task: as fast as distributed",
        "moved_chunks_s",
        lambda run: run.of("dask", "moved_chunks_s") / run.ours("moved_chunks_s"),
    ),
    (
        "  that go from task to task: 300 MB in all",
        "moved_chunks_mb",
        lambda run: 300 / run.ours("moved_chunks_mb"),
    ),
]


def times(run: Run, engine: str, wanted: float) -> float:
    """How many times faster than an engine tasks are submitted and gathered, of so many."""
    return run.ours("submit_gather_per_s") / run.of(engine, "submit_gather_per_s") / wanted


def combine(runs: list[dict[str, float]]) -> dict[str, float]:
    keys = {key for run in runs for key in run}
    return {key: median([run[key] for run in runs if key in run]) for key in sorted(keys)}


def median(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else float("nan")


def table(run: Run) -> str:
    """The figures side by side."""
    names = list(run.medians)
    lines = [
        f"{run.machine['processor']}, {run.machine['cores']} cores, Python {run.machine['python']}, "
        f"{run.slots} slots, medians of {run.rounds} rounds; in brackets: how many times better isthmus is",
        "",
        f"{'':<34}{'':<9}" + "".join(f"{name:>22}" for name in names),
    ]
    for key, title, unit, more_is_better in ROWS:
        if not any(key in figures for figures in run.medians.values()):
            continue
        cells = []
        ours = run.ours(key)
        for name in names:
            value = run.of(name, key)
            ratio = (ours / value if more_is_better else value / ours) if value and ours else float("nan")
            mark = "" if name == "isthmus" or math.isnan(ratio) else f" ({ratio:.2g}x)"
            cells.append(f"{number(value) + mark:>22}")
        lines.append(f"{title:<34}{unit:<9}" + "".join(cells))
    return "\n".join(lines)


def budgets(run: Run) -> str:
    """What was wanted and what there is."""
    units = {key: unit for key, _, unit, _ in ROWS}
    lines = ["| budget | there is | |", "|---|---|---|"]
    for words, key, margin in BUDGETS:
        if math.isnan(reached := margin(run)):
            state = "not measured"
        elif reached >= 1:
            state = "reached"
        else:
            state = f"{reached:.2f} of it"
        lines.append(f"| {words.strip()} | {number(run.ours(key))} {units[key]} | {state} |")
    return "\n".join(lines)


def write(page: Path, run: Run) -> None:
    """Put the run between the two marks of a page."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    day = dt.datetime.now(tz=dt.timezone.utc).date().isoformat()
    text = (
        f"Written by `make bench` on {day}: {run.rounds} rounds in which the engines take turns, load "
        f"{run.load:.1f} before it, Linux {run.machine['kernel']}.\n\n"
        f"```\n{table(run)}\n```\n\nAgainst the budgets:\n\n{budgets(run)}"
    )
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
