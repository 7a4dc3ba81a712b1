"""`python -m benchmarks`: run every measurement on every engine, in turn, and print a table with ratios.

Each engine runs in a process of its own, and the engines take turns within each round, so that a machine
whose speed drifts is fair to all. The table shows medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

from . import accounting, chunks, engines, measurements, report

#: The measurement that is a program of its own, watched from outside.
CHUNKS = "chunks"

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
    parser.add_argument("--only", default=",".join([*measurements.ALL, CHUNKS]), help="measurements, by name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results.json"))
    parser.add_argument("--report", type=Path, help="a page in which the table is written between two marks")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    wanted = options.only.split(",")
    if options.child:
        print("RESULT " + json.dumps(measure(options.child, options.slots, wanted)))
        return
    load = os.getloadavg()[0]
    names = options.engines.split(",")
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for turn in range(options.rounds):
        for name in names:
            print(f"round {turn + 1}/{options.rounds}: {name}", file=sys.stderr)
            figures = {} if wanted == [CHUNKS] else in_a_process(name, options)
            if CHUNKS in wanted and name in chunks.ENGINES:
                figures |= over_chunks(name, options.slots)
            results[name].append(figures)
    medians = {name: report.combine(runs) for name, runs in results.items()}
    run = report.Run(medians, report.machine(), options.slots, options.rounds, load)
    document = {"machine": run.machine, "slots": options.slots, "medians": medians, "rounds": results}
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    print(report.table(run))
    print(f"\nwritten to {options.json}")
    if options.report:
        report.write(options.report, run)
        print(f"and into {options.report}")


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
    command += ["--only", ",".join(key for key in options.only.split(",") if key != CHUNKS)]
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


def over_chunks(name: str, slots: int) -> dict[str, float]:
    """Time and memory of a program of Dask's over large chunks, as Dask joins its steps and as written."""
    figures = {}
    for flags, key in (([], "chunks"), (["--as-written"], "moved_chunks")):
        command = [sys.executable, "-m", "benchmarks.chunks", name, str(slots), *flags]
        try:
            output, most = accounting.watched(command, timeout=300)
        except subprocess.CalledProcessError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        figures[f"{key}_s"] = float(output.split("RESULT ")[1].split()[0])
        figures[f"{key}_mb"] = most / 1e6
    return figures


if __name__ == "__main__":
    main()
