"""CPython's own tests of `concurrent.futures`, for each interpreter here that brought them along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from client_support import HERE, ROOT

CACHE = Path(tempfile.gettempdir()) / f"isthmus-tests-{os.getuid()}"


def has_the_tests(python: Path) -> bool:
    libraries = python.parent.parent.glob("lib/python3.1[0-9]/test")
    return any(list(library.glob("test_concurrent_futures*")) for library in libraries)


def interpreters() -> list[Path]:
    """Pythons from 3.10 on whose `test` package is complete; distributions often leave it out."""
    named = os.environ.get("ISTHMUS_PYTHONS")
    if named:
        candidates = [Path(name) for name in named.split(os.pathsep)]
    else:
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        candidates = [Path(sys.base_prefix, "bin", "python3"), *sorted(root.glob("versions/3.1*/bin/python"))]
    return [python for python in candidates if python.exists() and has_the_tests(python)]


FOUND = interpreters()


def environment_of(python: Path) -> Path:
    """A virtual environment with what the client needs, made once."""
    folder = CACHE / python.parent.parent.name
    made = folder / "bin" / "python"
    stamp = folder / "complete"
    if not stamp.exists():
        subprocess.run([str(python), "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "pyzmq", "cloudpickle"], check=True)
        stamp.touch()
    return made


def test_there_is_an_interpreter_with_these_tests() -> None:
    if not FOUND and os.environ.get("CI"):
        pytest.fail("no Python from 3.10 on has its own tests: install one with pyenv")


@pytest.mark.parametrize("python", FOUND, ids=lambda python: python.parent.parent.name)
@pytest.mark.timeout(600)
def test_suite(python: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    sources = [ROOT / "python" / "src", ROOT / "bridge" / "src"]
    done = subprocess.run(
        [str(environment_of(python)), str(HERE / "cpython_suite.py"), str(report)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    outcomes: dict[str, str] = json.loads(report.read_text())
    failed = {name: text for name, text in outcomes.items() if text.startswith("failed")}
    assert not failed, "\n\n".join(f"{name} {text}" for name, text in failed.items())
    assert sum(text == "passed" for text in outcomes.values()) >= 40
