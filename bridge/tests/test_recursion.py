"""A recursion without end is a `RecursionError` in every Python, also in nested calls."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import executor_driver as driver

PROGRAM = """
    import sys, isthmus

    def down(n):
        return down(n + 1)

    def nested(address, depth):
        if not depth:
            return down(0)
        with isthmus.Client(address) as client:
            return client.submit(nested, address, depth - 1).result()

    def nested_map(address, depth):
        if not depth:
            return down(0)
        with isthmus.Client(address) as client:
            return list(client.map(nested_map, [address], [depth - 1]))

    def deep(address, frames):
        if frames:
            return deep(address, frames - 1)
        with isthmus.Client(address) as client:
            return client.submit(down, 0).result()

    def through_the_client(address):
        with isthmus.Client(address) as client:
            def down(n):
                client.submit(abs, n).result()
                client.submit(lambda: n).result()
                return down(n + 1)
            return down(0)

    def kind(wait):
        try:
            wait()
        except BaseException as error:
            return type(error).__name__

    if __name__ == "__main__":
        with isthmus.Client(slots=4) as client:
            address = client.address
            calls = [(nested, address, 2), (nested_map, address, 2), (through_the_client, address)]
            calls += [(deep, address, frames) for frames in (900, 960, 975, 980, 985)]
            # One by one: a task that waits for another one keeps its slot.
            found = [(call[0].__name__, call[2:], kind(client.submit(*call).result)) for call in calls]
            found.append(("map", (), kind(lambda: list(client.map(down, [1, 2])))))
            found.append(("here", (), kind(lambda: through_the_client(address))))
            print(found)
            assert {kind for _, _, kind in found} == {"RecursionError"}
            assert client.submit(abs, -1).result() == 1
"""


def test_it_arrives_as_itself(python: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    sources = [str(driver.ROOT / "python" / "src"), str(driver.ROOT / "bridge" / "src")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sources),
        "ISTHMUS_BINARY": str(driver.ROOT / ".build" / "release" / "isthmus"),
    }
    done = subprocess.run(
        [str(python), str(program)], env=environment, capture_output=True, text=True, check=False, timeout=90
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stderr
