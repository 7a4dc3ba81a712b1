"""CPU time and memory of an engine's processes, whoever their parent is by now.

Every process that an engine starts inherits one environment variable, so daemons that left the process
tree are counted too.
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

MARK = "ISTHMUS_BENCHMARK_RUN"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LOOK_SECONDS = 0.05


def marked_processes(run: str = "") -> Iterator[Path]:
    """The `/proc` folders of all processes of a run, without a name of this one."""
    mark = f"{MARK}={run or os.environ[MARK]}".encode()
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
    return sum(share(process) for process in marked_processes() if process.name != str(leave_out))


def share(process: Path) -> int:
    """Memory of one process; 0 when it has ended."""
    try:
        rollup = (process / "smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:"))


def watched(command: list[str], timeout: float) -> tuple[str, int]:
    """Run a command; its output, and the most memory that it and all that it started took at once.

    Raises `CalledProcessError` if it fails. Looked at from outside, twenty times a second.
    """
    run = uuid.uuid4().hex
    deadline = time.monotonic() + timeout
    most = 0
    with subprocess.Popen(
        command, env=os.environ | {MARK: run}, stdout=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            most = max(most, sum(map(share, marked_processes(run))))
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(LOOK_SECONDS)
        output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output, most
