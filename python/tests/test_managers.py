"""Proxies of a `multiprocessing` manager as arguments, in a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import multiprocessing, os, sys
from isthmus import Client

def note(table, lines, n):
    table[n] = os.getpid()
    lines.append(n)
    return len(table)

def key():
    return bytes(multiprocessing.current_process().authkey)

def main():
    with multiprocessing.Manager() as manager, Client(slots=1) as client, Client(client.address) as other:
        table, lines = manager.dict(), manager.list()
        print([client.submit(note, table, lines, n).result(60) for n in (1, 2)])
        print(sorted(table), list(lines), os.getpid() in table.values())
        ours = bytes(multiprocessing.current_process().authkey)
        # A session that was given no proxy does not get the key, in the same executor.
        print(client.submit(key).result(60) == ours, other.submit(key).result(60) == ours)
        print(client.submit(key).result(60) == ours)

if __name__ == "__main__":
    main()
"""


def test_a_managers_proxies_work_in_executors_of_this_machine(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[1, 2]", "[1, 2] [1, 2] False", "True False", "True"]
