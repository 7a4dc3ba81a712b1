"""CPU time and memory of an engine's processes, whoever their parent is by now.

Every process that an engine starts inherits one environment variable, so daemons that left the process
tree are counted too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MARK = "ISTHMUS_BENCHMARK_RUN"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def marked_processes() -> Iterator[Path]:
    """The `/proc` folders of all processes of this run."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    yield process
            except OSError:
                continue


def cpu_seconds() -> float:
    """User and system time so far, of the living and of the children that they have waited for."""
    ticks = 0
    for process in marked_processes():
        try:
            fields = (process / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS_PER_SECOND


def proportional_bytes(leave_out: int) -> int:
    """Memory of all processes but one, shared pages divided among those that share them."""
    total = 0
    for process in marked_processes():
        if process.name == str(leave_out):
            continue
        try:
            rollup = (process / "smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total
