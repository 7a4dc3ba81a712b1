"""`python -m benchmarks`: run every measurement on every engine, in turn, and print a table with ratios.

Each engine runs in a process of its own, and the engines take turns within each round, so that a machine
whose speed drifts is fair to all. The table shows medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from . import accounting, engines, measurements

#: Key, what it says, unit, whether more is better.
ROWS = [
    ("submit_gather_per_s", "submit each, gather all", "tasks/s", True),
    ("submit_gather_cpu_us", "  CPU over all processes", "µs/task", False),
    ("own_submit_per_s", "  a function of the program", "tasks/s", True),
    ("own_round_trip_p50_us", "  there and back, p50", "µs", False),
    ("map_per_s", "map", "tasks/s", True),
    ("map_cpu_us", "  CPU over all processes", "µs/task", False),
    ("round_trip_p50_us", "one task there and back, p50", "µs", False),
    ("round_trip_p99_us", "one task there and back, p99", "µs", False),
    ("array_10mb_ms", "10 MB array there and back", "ms", False),
    ("metg50_us", "METG(50 %)", "µs", False),
    ("metg95_us", "METG(95 %)", "µs", False),
    ("overhead_10ms_percent", "overhead at tasks of 10 ms", "%", False),
    ("graph_wide_per_s", "graph: one to all, all to one", "tasks/s", True),
    ("graph_deep_per_s", "graph: a chain", "tasks/s", True),
    ("graph_random_per_s", "graph: random edges", "tasks/s", True),
    ("graph_map_reduce_per_s", "graph: map-reduce by tens", "tasks/s", True),
    ("start_s", "start to first result", "s", False),
    ("idle_mb", "memory of the idle cluster", "MB", False),
]

#: A function of the main program, with a helper and a constant: what people submit.
STEP = 1


def moved(value: int) -> int:
    """The helper."""
    return value + STEP


def own(value: int) -> int:
    """The function."""
    return moved(value) - STEP


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engines", default=",".join(engines.NAMES))
    parser.add_argument("--only", default=",".join(measurements.ALL), help="measurements, by name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results.json"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print("RESULT " + json.dumps(measure(options.child, options.slots, options.only.split(","))))
        return
    names = options.engines.split(",")
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for turn in range(options.rounds):
        for name in names:
            print(f"round {turn + 1}/{options.rounds}: {name}", file=sys.stderr)
            results[name].append(in_a_process(name, options))
    medians = {name: combine(runs) for name, runs in results.items()}
    document = {"machine": machine(), "slots": options.slots, "medians": medians, "rounds": results}
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    print(table(medians, document["machine"], options))
    print(f"\nwritten to {options.json}")


def measure(name: str, slots: int, wanted: list[str]) -> dict[str, float]:
    engine, figures = measurements.start(lambda: engines.load(name, slots))
    try:
        for measurement in wanted:
            figures |= measurements.ALL[measurement](engine)
    finally:
        engine.stop()
    return figures


def in_a_process(name: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks", "--child", name, "--slots", str(options.slots)]
    command += ["--only", options.only]
    environment = os.environ | {accounting.MARK: uuid.uuid4().hex}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=900
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not lines:
        print(f"{name} ended with {done.returncode} and no result", file=sys.stderr)
        return {}
    figures: dict[str, float] = json.loads(lines[-1].removeprefix("RESULT "))
    return figures


def combine(runs: list[dict[str, float]]) -> dict[str, float]:
    keys = {key for run in runs for key in run}
    return {key: median([run[key] for run in runs if key in run]) for key in sorted(keys)}


def median(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else float("nan")


def table(medians: dict[str, dict[str, float]], where: dict[str, Any], options: argparse.Namespace) -> str:
    names = list(medians)
    lines = [
        f"{where['processor']}, {where['cores']} cores, Python {where['python']}, {options.slots} slots, "
        f"medians of {options.rounds} rounds; in brackets: how many times better isthmus is",
        "",
        f"{'':<32}{'':<9}" + "".join(f"{name:>22}" for name in names),
    ]
    for key, title, unit, more_is_better in ROWS:
        if not any(key in figures for figures in medians.values()):
            continue
        cells = []
        ours = medians.get("isthmus", {}).get(key, float("nan"))
        for name in names:
            value = medians[name].get(key, float("nan"))
            ratio = (ours / value if more_is_better else value / ours) if value and ours else float("nan")
            mark = "" if name == "isthmus" or math.isnan(ratio) else f" ({ratio:.2g}x)"
            cells.append(f"{number(value) + mark:>22}")
        lines.append(f"{title:<32}{unit:<9}" + "".join(cells))
    return "\n".join(lines)


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


if __name__ == "__main__":
    main()
