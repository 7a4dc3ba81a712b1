"""The initializer's pattern of the standard library, in a script: the same program with both executors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from concurrent.futures import ProcessPoolExecutor
from isthmus import Client

name, connections, calls = None, {}, []

class Settings:
    level, table, unset, shape = 1, {}, None, None

    @classmethod
    def get(cls):
        return cls.level, cls.table, cls.unset, cls.shape and cls.shape.size

class Shape:
    size = 3

def initializer(given):
    global name
    Settings.level = 7
    Settings.table["of"] = given
    Settings.added = "added"
    Settings.shape = Shape()
    name = given
    connections["db"] = "open " + given

def task(n):
    calls.append(n)
    return name, connections.get("db"), len(calls)

def rename(n):
    global name
    name = f"renamed {n}"

def settings(n):
    return Settings.get(), Settings.added

def settings_of(kind):
    return kind.get()

def main():
    with (
        ProcessPoolExecutor(1, initializer=initializer, initargs=("x",))
        if sys.argv[1] == "pool"
        else Client(slots=1, initializer=initializer, initargs=("x",))
    ) as pool:
        print(pool.submit(task, 1).result(60))
        print(list(pool.map(task, [2, 3], chunksize=1)))
        pool.submit(rename, 4).result(60)
        print(pool.submit(task, 5).result(60))
        for n in range(3):
            print(pool.submit(settings, n).result(60))
        print(pool.submit(settings_of, Settings).result(60), list(pool.map(settings, [1])))

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("kind", ["pool", "isthmus"])
def test_initializer_and_tasks_share_the_globals_of_a_script(tmp_path: Path, kind: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), kind], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "('x', 'open x', 1)",
        "[('x', 'open x', 2), ('x', 'open x', 3)]",
        "('renamed 4', 'open x', 4)",
        *["((7, {'of': 'x'}, None, 3), 'added')"] * 3,
        "(7, {'of': 'x'}, None, 3) [((7, {'of': 'x'}, None, 3), 'added')]",
    ]
