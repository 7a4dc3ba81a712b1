"""Measure the running interpreter's standard library with one graph of Python and Swift tasks.

Every source file is parsed by Python and lexed by Swift; a last task joins both into a report. The same
graph is submitted from Python, from a Swift program, and computed without any cluster; the three reports
must be equal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any

from rendering import page, progress_bar, table
from stdlib_measure import join, measure

from isthmus import Client, swift

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
Report = dict[str, Any]


def source_files(limit: int | None) -> list[str]:
    """The standard library's sources in a fixed order, its installed packages left out."""
    library = Path(sysconfig.get_path("stdlib"))
    files = sorted(str(path) for path in library.rglob("*.py") if "site-packages" not in path.parts)
    return files[:limit]


def submit_graph(client: Client, files: list[str]) -> tuple[Future[Report], list[Future[Any]]]:
    """Two tasks per file and one that joins them all: the values never come back to this process."""
    measures = [client.submit(measure, path) for path in files]
    lexicals: list[Future[Any]] = [client.submit(swift("lexical"), path) for path in files]
    return client.submit(join, measures, lexicals), [*measures, *lexicals]


def from_python(client: Client, files: list[str]) -> tuple[Report, float]:
    started = time.perf_counter()
    report, parts = submit_graph(client, files)
    everything = [*parts, report]
    show = sys.stdout.isatty()
    for done, _ in enumerate(as_completed(everything), 1):
        if show and (done % 20 == 0 or done == len(everything)):
            elapsed = time.perf_counter() - started
            print("\r" + progress_bar(done, len(everything), elapsed), end="", flush=True)
    seconds = time.perf_counter() - started
    print(("\r" if show else "") + progress_bar(len(everything), len(everything), seconds))
    return report.result(), seconds


def from_swift(program: Path, address: str, files: list[str]) -> tuple[Report, float]:
    """The same graph, submitted by a Swift client to the same cluster."""
    started = time.perf_counter()
    return run_swift([str(program), "report", "--connect", address], files), time.perf_counter() - started


def without_a_cluster(program: Path, files: list[str]) -> tuple[Report, float]:
    """The plain run: this process parses and joins, one Swift process lexes."""
    started = time.perf_counter()
    lexicals = run_swift([str(program), "lexical"], files)
    report = join([measure(path) for path in files], lexicals)
    return report, time.perf_counter() - started


def run_swift(command: list[str], files: list[str]) -> Any:
    done = subprocess.run(
        command, input="\n".join(files), stdout=subprocess.PIPE, text=True, check=False, cwd=HERE
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout)


def plain(report: Report) -> Any:
    """As JSON sees it: tuples are lists."""
    return json.loads(json.dumps(report))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=None, help="slots of the cluster (default: all cores)")
    parser.add_argument("--files", type=int, default=None, help="measure only the first N files")
    parser.add_argument("--html", type=Path, default=ROOT / ".build" / "stdlib-report.html")
    parser.add_argument(
        "--program",
        type=Path,
        default=ROOT / ".build" / "release" / "DemoFunctions",
        help="the Swift executable that registers `lexical`",
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    files = source_files(options.files)
    print(f"{len(files):,} files of Python {sys.version.split()[0]}'s standard library\n")
    with Client(slots=options.slots, swift=options.program) as client:
        print("submitted from Python, as one graph")
        report, python_seconds = from_python(client, files)
        print("submitted from Swift, the same graph on the same cluster")
        swift_report, swift_seconds = from_swift(options.program, client.address, files)
        print(f"  {swift_seconds:.1f} s")
    print("computed without a cluster")
    plain_report, plain_seconds = without_a_cluster(options.program, files)
    print(f"  {plain_seconds:.1f} s\n")
    for name, other in (("Swift", swift_report), ("the plain run", plain_report)):
        if plain(other) != plain(report):
            sys.exit(f"The report from {name} differs from Python's.")
    print(table(report))
    facts = {
        "submitted from Python": f"{python_seconds:.1f} s, {2 * len(files) + 1:,} tasks",
        "submitted from Swift": f"{swift_seconds:.1f} s",
        "without a cluster": f"{plain_seconds:.1f} s",
        "interpreter": sys.version.split()[0],
    }
    options.html.parent.mkdir(parents=True, exist_ok=True)
    options.html.write_text(page(report, facts))
    print(f"\nThe three reports are equal. With a chart: {options.html}")


if __name__ == "__main__":
    main()
