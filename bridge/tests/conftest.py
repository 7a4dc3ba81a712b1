"""Fixtures: one executor per interpreter that can be found, each with a virtual environment of its own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]

import executor_driver as driver  # noqa: E402
from interpreters import MISSING, PYTHONS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("cloudpickle==3.1.2", "numpy", "pyzmq")


def _environment(name: str, python: Path) -> Path:
    """A cached virtual environment with what tasks in these tests import."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "isthmus" / "test-environments"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name.strip("/").replace("/", "_")
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / ".complete"
        if not stamp.exists() or stamp.read_text() != " ".join(PACKAGES):
            subprocess.run([str(python), "-m", "venv", "--clear", str(folder)], check=True)
            install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *PACKAGES]
            subprocess.run([*install, "--disable-pip-version-check"], check=True)
            stamp.write_text(" ".join(PACKAGES))
    return folder / "bin" / "python"


def cloudpickle_of(release: str) -> str:
    """A folder with this release of cloudpickle, for `PYTHONPATH`. It is the same for every interpreter."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "isthmus" / "test-environments"
    folder = cache / f"cloudpickle-{release}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "cloudpickle" / "cloudpickle.py").exists():
            install = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                "--no-deps",
            ]
            subprocess.run([*install, "--target", str(folder), f"cloudpickle=={release}"], check=True)
    return str(folder)


@pytest.fixture(scope="session", params=sorted(PYTHONS))
def python(request: pytest.FixtureRequest) -> Path:
    """The `python` of a virtual environment, once per interpreter."""
    return _environment(request.param, PYTHONS[request.param])


@pytest.fixture(scope="session")
def library(python: Path) -> str:
    return driver.library_of(python)


@pytest.fixture
def executor(python: Path, library: str) -> Iterator[driver.Executor]:
    """An executor that is ready."""
    with driver.Executor(python, library) as executor:
        executor.ready()
        yield executor


@pytest.fixture
def one_python() -> Path:
    """For what does not depend on the interpreter: the first one found."""
    name = min(PYTHONS)
    return _environment(name, PYTHONS[name])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MISSING:
        terminalreporter.write_line(
            f"executor tests ran without: {', '.join(MISSING)} (ISTHMUS_PYTHONS names others)"
        )
