"""A cluster of real processes: one scheduler, any number of workers, one log file each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from isthmus import Client

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / ".build" / "release"
BINARY = Path(os.environ.get("ISTHMUS_BINARY", RELEASE / "isthmus"))
DEADLINE_SECONDS = 60.0


def eventually(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    """The first true value of `condition`; fails when it stays false until the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def descendants_of(pid: int) -> set[int]:
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children_of(waiting.pop()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Cluster:
    """Starts and stops processes; everything it started is gone when the test ends."""

    directory: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    expected_dead: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"ipc://{self.directory / 'scheduler.ipc'}"

    def start(self, name: str, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        log = (self.directory / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [*prefix, str(BINARY), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)} | self.environment,
        )
        log.close()
        self.processes[name] = process
        return process

    def scheduler(self, *arguments: str, name: str = "scheduler") -> subprocess.Popen[bytes]:
        process = self.start(name, "scheduler", "--directory", str(self.directory), *arguments)
        eventually(self.control_answers, "the scheduler answers")
        return process

    def worker(
        self, *arguments: str, name: str = "worker", slots: int = 1, address: str | None = None
    ) -> subprocess.Popen[bytes]:
        before = len(self.nodes())
        process = self.start(
            name,
            "worker",
            "--connect",
            address or self.address,
            "--slots",
            str(slots),
            "--python",
            sys.executable,
            "--name",
            name,
            *arguments,
        )
        eventually(lambda: len(self.nodes()) > before, f"{name} joins")
        return process

    def client(self, **arguments: Any) -> Client:
        client = Client(self.address, **arguments)
        self.clients.append(client)
        return client

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(BINARY), *arguments, "--control", str(self.directory / "control.sock")]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def listing(self, *arguments: str) -> Any:
        done = self.verb(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def control_answers(self) -> bool:
        return (self.directory / "control.sock").exists() and self.verb("status", "--json").returncode == 0

    def nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = self.listing("nodes")["nodes"]
        return nodes

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """SIGKILL, and it is meant to be dead."""
        self.expected_dead.add(name)
        self.processes[name].kill()
        self.processes[name].wait()

    def stop_everything(self) -> None:
        for client in self.clients:
            client.shutdown(wait=False, cancel_futures=True)
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
