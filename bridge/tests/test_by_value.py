"""What a program defines is at the other end what it was at home: of every kind, in every Python."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from by_value_cases import CASES, NEWER
from conftest import cloudpickle_of

PROGRAM = Path(__file__).with_name("by_value_program.py")


def run(python: Path, *arguments: str, path: str = "") -> dict[str, str]:
    done = subprocess.run(
        [str(python), str(PROGRAM), *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values: dict[str, str] = json.loads(done.stdout)
    return values


def version(python: Path) -> tuple[int, int]:
    code = "import sys; print(*sys.version_info[:2])"
    major, minor = subprocess.check_output([str(python), "-c", code], text=True).split()
    return int(major), int(minor)


def check(python: Path, tmp_path: Path, path: str = "") -> None:
    cases = dict(CASES)
    for since, newer in NEWER.items():
        if version(python) >= since:
            cases |= newer
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    home = run(python, "write", str(tmp_path / "pickles"), str(tmp_path / "cases.json"), path=path)
    there = run(python, "read", str(tmp_path / "pickles"), path=path)
    assert there == home
    assert home.keys() == cases.keys()


def test_everything_is_there_what_it_was_at_home(python: Path, tmp_path: Path) -> None:
    check(python, tmp_path)


@pytest.mark.parametrize("release", ["3.0.0", "3.1.3"])
def test_with_the_oldest_and_the_newest_cloudpickle(one_python: Path, tmp_path: Path, release: str) -> None:
    check(one_python, tmp_path, cloudpickle_of(release))


@pytest.mark.parametrize("release", ["3.0.0", "3.1.3"])
def test_tracebacks_name_the_file_and_line(one_python: Path, tmp_path: Path, release: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from isthmus_bridge import by_value\n"
        "def f():\n"
        "    return (lambda: 1 // 0)()\n"
        "open(sys.argv[1], 'wb').write(by_value.dumps(f))\n"
    )
    source = str(Path(__file__).resolve().parents[1] / "src")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([cloudpickle_of(release), source])}
    call = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))()"
    pickled = str(tmp_path / "pickled")
    subprocess.run([str(one_python), str(program), pickled, source], env=environment, check=True)
    done = subprocess.run(
        [str(one_python), "-c", call, pickled], env=environment, check=False, capture_output=True, text=True
    )
    assert done.stderr.count(f'File "{program}", line 4, in ') == 2
    assert "return (lambda: 1 // 0)()" in done.stderr
