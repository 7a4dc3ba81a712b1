"""What several test modules of this folder use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEADLINE_SECONDS = 30.0


def eventually(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    """The first true value of `condition`; fails when it stays false until the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.005)


class StandIns:
    """Starts stand-ins and ends them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> str:
        """A new one; returns its address."""
        socket = self.folder / f"{len(self.processes)}.ipc"
        address = f"ipc://{socket}"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, str(HERE / "stand_in.py"), address, *arguments]
        self.processes.append(subprocess.Popen(command, env=environment))
        eventually(socket.exists, "the stand-in listens")
        return address

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
