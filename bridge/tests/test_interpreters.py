"""The interpreter inside an executor is the environment's own."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import executor_driver as driver
import pytest
from interpreters import MISSING, PYTHONS

if TYPE_CHECKING:
    from pathlib import Path

STATE = """
import sys, site, os, json, threading, signal, math, _ctypes
print(json.dumps({
    "executable": sys.executable, "prefix": sys.prefix, "base_prefix": sys.base_prefix,
    "exec_prefix": sys.exec_prefix, "path": [path for path in sys.path if path],
    "site": site.getsitepackages(),
    "flags": str(sys.flags), "version": sys.version, "encoding": sys.getfilesystemencoding(),
    "sigint": str(signal.getsignal(signal.SIGINT)), "sigpipe": str(signal.getsignal(signal.SIGPIPE)),
    "sigterm": str(signal.getsignal(signal.SIGTERM)), "argv": sys.argv,
}))
"""


def test_every_interpreter_is_exercised_in_ci() -> None:
    assert PYTHONS, "no Python with a shared library was found: set ISTHMUS_PYTHONS"
    if os.environ.get("CI"):
        assert not MISSING


def test_interpreter_state_is_that_of_the_environments_own_python(
    executor: driver.Executor, python: Path
) -> None:
    def state(code: str) -> None:
        exec(code, {})

    inside = executor.call(state, STATE)
    plain = subprocess.run([str(python), "-c", STATE], capture_output=True, text=True, check=True)
    assert inside.status == driver.VALUE, inside.traceback
    assert inside.stdout == plain.stdout


def test_extension_modules_find_the_symbols_of_libpython(executor: driver.Executor) -> None:
    def use() -> float:
        import ctypes
        import math
        import sqlite3
        import ssl

        import numpy as np

        assert ctypes.pythonapi.Py_IsInitialized()
        assert ssl.OPENSSL_VERSION
        assert sqlite3.sqlite_version
        return math.hypot(3, 4) + float(np.ones(3).sum())

    assert executor.call(use).value() == 8.0


def test_variables_that_would_change_the_interpreter_are_cleared(python: Path, library: str) -> None:
    def read() -> tuple[str, str | None]:
        import os
        import sys

        return sys.prefix, os.environ.get("PYTHONHOME")

    env = {**os.environ, "PYTHONHOME": "/usr", "PYTHONINSPECT": "1", "PYTHONEXECUTABLE": "/bin/false"}
    with driver.Executor(python, library, env=env) as executor:
        executor.ready()
        assert executor.call(read).value() == (str(python.parent.parent), None)


def test_python_path_is_the_users_and_stays(python: Path, library: str, tmp_path: Path) -> None:
    (tmp_path / "found_by_path.py").write_text("answer = 42\n")

    def use() -> int:
        import found_by_path  # type: ignore[import-not-found]

        return int(found_by_path.answer)

    with driver.Executor(python, library, env={**os.environ, "PYTHONPATH": str(tmp_path)}) as executor:
        executor.ready()
        assert executor.call(use).value() == 42


def test_nothing_of_ours_shadows_what_a_task_imports(executor: driver.Executor, python: Path) -> None:
    def versions() -> tuple[str, list[str]]:
        import zmq

        with open("/proc/self/maps") as maps:
            mapped = sorted({line.split()[-1] for line in maps if "zmq" in line and ".so" in line})
        return zmq.zmq_version(), mapped

    plain = "import zmq; print(zmq.zmq_version())"
    expected = subprocess.check_output([str(python), "-c", plain], text=True).strip()
    version, mapped = executor.call(versions).value()
    assert version == expected
    assert all(str(python.parent.parent) in path for path in mapped)


def test_the_bridge_is_not_on_the_search_path(executor: driver.Executor) -> None:
    def look() -> list[str]:
        import sys

        return [folder for folder in sys.path if "bridge" in folder]

    assert executor.call(look).value() == []


def test_tasks_run_on_the_main_thread_and_may_set_signal_handlers(executor: driver.Executor) -> None:
    def look() -> bool:
        import signal
        import threading

        before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, before)
        return threading.current_thread() is threading.main_thread()

    assert executor.call(look).value() is True


def test_deep_recursion_is_an_exception_not_a_crash(executor: driver.Executor) -> None:
    def dive() -> int:
        import sys

        sys.setrecursionlimit(20_000)

        def down(depth: int) -> int:
            return 0 if depth == 0 else 1 + down(depth - 1)

        try:
            reached = down(15_000)
        finally:
            sys.setrecursionlimit(1000)
        return reached

    assert executor.call(dive).value() == 15_000

    def for_ever() -> None:
        for_ever()

    outcome = executor.call(for_ever)
    assert outcome.status == driver.EXCEPTION
    assert type(outcome.value()) is RecursionError


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing_children_work_and_do_not_need_the_built_in_module(
    executor: driver.Executor, method: str
) -> None:
    def children(method: str) -> list[int]:
        import multiprocessing
        import os

        with multiprocessing.get_context(method).Pool(2) as pool:
            return [*pool.map(abs, [-1, -2, -3]), os.getpid() - os.getpid()]

    outcome = executor.call(children, method)
    assert outcome.status == driver.VALUE, outcome.traceback
    assert outcome.value() == [1, 2, 3, 0]
    assert executor.call(children, method).value() == [1, 2, 3, 0]


def test_a_child_of_fork_that_returns_from_the_task_does_not_speak_for_it(executor: driver.Executor) -> None:
    def fork() -> str:
        import os

        child = os.fork()
        if child == 0:
            return "child"
        os.waitpid(child, 0)
        return "parent"

    assert executor.call(fork).value() == "parent"
    assert executor.call(fork).value() == "parent"


def test_one_process_hosts_one_interpreter_for_all_sessions(executor: driver.Executor) -> None:
    executor.define(1, driver.Payload(driver.NEUTRAL, b"\xa9os:getpid"), session=1)
    executor.define(1, driver.Payload(driver.NEUTRAL, b"\xa9os:getpid"), session=2)
    first = executor.outcome(executor.assign(driver.pickled(((), {})), 1, session=1)).value()
    second = executor.outcome(executor.assign(driver.pickled(((), {})), 1, session=2)).value()
    assert first == second == executor.process.pid


class TestRefusals:
    """What cannot run tasks says why, and what to do."""

    def test_a_missing_library_is_named(self, one_python: Path) -> None:
        with driver.Executor(one_python, "/nowhere/libpython3.11.so") as executor:
            assert "/nowhere/libpython3.11.so" in executor.failed()
            assert executor.process.wait(10) == 1

    def test_a_library_that_is_no_python_is_named_with_the_missing_symbol(self, one_python: Path) -> None:
        with driver.Executor(one_python, "libm.so.6") as executor:
            assert "libm.so.6 has no symbol Py_BytesMain" in executor.failed()

    def test_another_wire_version_is_named(self, one_python: Path) -> None:
        with driver.Executor(one_python, wire=99) as executor:
            text = executor.failed()
            assert "wire version 99" in text
            assert "install them together" in text

    def test_missing_cloudpickle_comes_with_the_command_that_installs_it(self, tmp_path: Path) -> None:
        base = PYTHONS[min(PYTHONS)]
        subprocess.run([str(base), "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
        python = tmp_path / "bare" / "bin" / "python"
        with driver.Executor(python) as executor:
            assert f"{python} -m pip install cloudpickle" in executor.failed()

    def test_a_missing_bridge_is_named(self, one_python: Path, tmp_path: Path) -> None:
        with driver.Executor(one_python, bridge=tmp_path / "nothing") as executor:
            assert "isthmus_bridge cannot be loaded" in executor.failed()

    def test_started_by_hand_it_says_who_starts_it(self) -> None:
        done = subprocess.run([str(driver.executor_binary())], capture_output=True, text=True, check=False)
        assert done.returncode == 64
        assert "isthmus worker" in done.stderr


def test_ready_names_what_the_handshake_compares(python: Path, library: str) -> None:
    with driver.Executor(python, library) as executor:
        fields = executor.ready()
        assert fields["wire"] == 1
        assert fields["pid"] == executor.process.pid
        assert fields["executable"] == str(python)
        assert fields["python_version"].startswith(fields["python"] + ".")
        assert fields["cloudpickle"] == "3.1.2"
        assert fields["kind"] == "python"


def test_an_executor_imports_nothing_before_it_is_needed(executor: driver.Executor) -> None:
    def loaded() -> list[str]:
        import sys

        return [name for name in ("cloudpickle", "dataclasses", "asyncio", "numpy") if name in sys.modules]

    def adder() -> object:
        return lambda value: value + 1

    assert executor.call(loaded).value() == []
    assert executor.call(adder).status == driver.VALUE
    assert "cloudpickle" in executor.call(loaded).value()


def test_the_version_of_cloudpickle_is_that_of_the_environment(python: Path, library: str) -> None:
    code = "import cloudpickle; print(cloudpickle.__version__)"
    installed = subprocess.check_output([str(python), "-c", code], text=True).strip()
    with driver.Executor(python, library) as executor:
        assert executor.ready()["cloudpickle"] == installed
