"""`python -m benchmarks.soak --seconds 600`: a cluster under clients that come and go, watched from outside.

Prints memory, threads and descriptors of the scheduler, of each worker and of the executors of each (their
sums) at the start, in the middle and at the end, and what the scheduler says that it keeps. With `--up` it is
one `isthmus up`. Nothing is kept by clients, so what grows in the
second half is a leak: the program fails then.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus import Client

#: What the second half may add to the resident memory of a process: caches of the allocator breathe.
GROWTH_MAX_BYTES = 4 << 20
#: The scheduler keeps so much of what ended tasks wrote (`outputBytesKeptMax`).
OUTPUT_KEPT_MAX_BYTES = 32 << 20
#: Threads that serve a call of the control API for a moment.
THREADS_MORE_MAX = 4


def increment(value: int) -> int:
    return value + 1


def fail(value: int) -> int:
    raise ValueError(value)


@dataclass
class Sample:
    """One look at a process."""

    resident: int
    threads: int
    descriptors: int

    def __add__(self, other: Sample) -> Sample:
        return Sample(
            self.resident + other.resident,
            self.threads + other.threads,
            self.descriptors + other.descriptors,
        )

    @classmethod
    def of_children(cls, pid: int) -> Sample | None:
        """All executors of a worker; None for a process without any, or while one is replaced."""
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for thread in Path(f"/proc/{pid}/task").iterdir():
                if thread.name != str(pid):
                    children += (thread / "children").read_text().split()
            found = [cls.of(int(child)) for child in children]
        except OSError:
            return None
        return sum(found[1:], found[0]) if found else None

    @classmethod
    def of(cls, pid: int) -> Sample:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        resident = int(status["VmRSS"].split()[0]) << 10
        return cls(resident, int(status["Threads"]), len(os.listdir(f"/proc/{pid}/fd")))


def live(address: str, seed: int, output: bool, until: float) -> int:
    """A client comes, has some tasks of each kind done, and goes. Returns how many."""
    chance = random.Random(seed)
    done = 0
    while time.monotonic() < until:
        with Client(address) as client:
            count = chance.choice([1, 100, 2_000])
            done += len(list(client.map(increment, range(count))))
            local = chance.random()

            def shifted(value: int, by: float = local) -> float:
                return value + by

            futures: list[Any] = [client.submit(shifted, number) for number in range(50)]
            futures += [client.submit(len, bytes(200_000)) for _ in range(5)]
            failing = []
            if output:
                failing = [client.submit(fail, number) for number in range(5)]
                futures += [client.submit(print, "x" * 500) for _ in range(20)]
            chain: Any = client.submit(bytes, 100_000)
            for _ in range(5):
                chain = client.submit(bytes, chain)
            done += len([future.result(60) for future in [*futures, chain]])
            done += len([future.exception(60) for future in failing])
    return done


def started(binary: str, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen([binary, *arguments], stdout=file, stderr=file, stdin=subprocess.DEVNULL)


def status(binary: str, directory: str) -> dict[str, Any]:
    command = [binary, "status", "--json", "--control", f"{directory}/control.sock"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def show(what: str, samples: dict[str, Sample]) -> None:
    for name, sample in samples.items():
        mebibytes = sample.resident / (1 << 20)
        print(
            f"{what:>7} {name:<20} {mebibytes:8.1f} MiB {sample.threads:4} threads {sample.descriptors:4} fds"
        )
    sys.stdout.flush()


def look(processes: dict[str, subprocess.Popen[bytes]]) -> dict[str, Sample]:
    """At each process, and at the executors of each."""
    found: dict[str, Sample] = {}
    for name, process in processes.items():
        found[name] = Sample.of(process.pid)
        executors = Sample.of_children(process.pid)
        if executors is not None:
            found[f"{name}, executors"] = executors
    return found


def start(binary: str, directory: str, is_one: bool) -> dict[str, subprocess.Popen[bytes]]:
    place = ["--directory", directory]
    if is_one:
        arguments = ["up", *place, "--slots", "2", "--python", sys.executable]
        return {"up": started(binary, Path(directory, "up.log"), *arguments)}
    processes = {"scheduler": started(binary, Path(directory, "scheduler.log"), "scheduler", *place)}
    for name in ("worker-1", "worker-2"):
        processes[name] = started(
            binary, Path(directory, f"{name}.log"), "worker", "--connect",
            f"ipc://{directory}/scheduler.ipc", "--slots", "1", "--python", sys.executable,
        )  # fmt: skip
    return processes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=2, help="how many at once")
    parser.add_argument("--up", action="store_true", help="one `isthmus up` instead of three processes")
    parser.add_argument("--no-output", action="store_true", help="tasks write nothing and never fail")
    parser.add_argument("--binary", default="isthmus")
    options = parser.parse_args()
    begun = time.monotonic()
    until = begun + options.seconds
    with tempfile.TemporaryDirectory(prefix="isthmus-soak-") as directory:
        address = f"ipc://{directory}/scheduler.ipc"
        processes = start(options.binary, directory, options.up)
        try:
            while len(status(options.binary, directory).get("tasks", {})) == 0:
                time.sleep(0.1)
            done = [0] * options.clients

            def run(number: int) -> None:
                done[number] = live(address, number, not options.no_output, until)

            threads = [threading.Thread(target=run, args=(number,)) for number in range(options.clients)]
            for thread in threads:
                thread.start()
            looks: list[tuple[str, dict[str, Sample]]] = []
            for what, part in (("early", 0.1), ("half", 0.5), ("late", 0.97)):
                time.sleep(max(0.0, begun + part * options.seconds - time.monotonic()))
                looks.append((what, look(processes)))
                show(*looks[-1])
            for thread in threads:
                thread.join()
            last = status(options.binary, directory)
            print(f"{sum(done)} tasks; the scheduler keeps payloads of {last['payload_bytes']} bytes")
            for metric in last["metrics"]:
                if "kept" in metric["name"]:
                    print(f"{metric['name']} {metric['value']:.0f}")
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait()
    half, late = looks[1][1], looks[2][1]
    kept = 0 if options.no_output else OUTPUT_KEPT_MAX_BYTES
    both = half.keys() & late.keys()
    grown = [
        name
        for name in both
        if late[name].resident
        > half[name].resident + GROWTH_MAX_BYTES + (kept if name in {"scheduler", "up"} else 0)
    ]
    grown += [name for name in both if late[name].threads > half[name].threads + THREADS_MORE_MAX]
    grown += [name for name in both if late[name].descriptors > half[name].descriptors + 2 * options.clients]
    if grown:
        sys.exit(f"these grew in the second half: {', '.join(sorted(set(grown)))}")


if __name__ == "__main__":
    main()
