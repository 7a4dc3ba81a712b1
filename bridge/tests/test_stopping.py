"""Cancel, time limits, retraction, output, and the end of an executor."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import executor_driver as driver
import pytest
from executor_driver import Executor

CLIENT_REQUEST, EXECUTION_TIMEOUT = 12, 11


def wait_until(condition, what: str, seconds: float = 20) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.005)


def sleep(path: str) -> None:
    import time

    open(path, "w").close()
    time.sleep(60)


def quick() -> int:
    return 1


class TestStop:
    @pytest.mark.parametrize(
        ("time_is_up", "expected"),
        [(False, (driver.CANCELLED, CLIENT_REQUEST)), (True, (driver.TIMED_OUT, EXECUTION_TIMEOUT))],
    )
    def test_a_sleeping_task_is_interrupted(
        self, executor: Executor, tmp_path: Path, time_is_up: bool, expected: tuple[int, int]
    ) -> None:
        task = executor.start(sleep, str(tmp_path / "on"))
        wait_until((tmp_path / "on").exists, "the task to run")
        executor.stop(task, time_is_up=time_is_up)
        outcome = executor.outcome(task, 10)
        assert (outcome.status, outcome.reason) == expected
        # The stop may come a moment before the task is in its sleep.
        assert ", in sleep\n" in outcome.traceback
        assert executor.call(quick).value() == 1

    def test_a_computing_task_is_interrupted(self, executor: Executor, tmp_path: Path) -> None:
        def compute(path: str) -> None:
            open(path, "w").close()
            while True:
                sum(range(1000))

        task = executor.start(compute, str(tmp_path / "on"))
        wait_until((tmp_path / "on").exists, "the task to run")
        executor.stop(task)
        assert executor.outcome(task, 10).status == driver.CANCELLED

    def test_except_exception_does_not_swallow_it_and_cleanup_runs(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        def stubborn(path: str) -> None:
            import time

            while True:
                try:
                    open(path, "w").close()
                    time.sleep(60)
                except Exception:
                    continue
                finally:
                    open(path + ".clean", "w").close()

        task = executor.start(stubborn, str(tmp_path / "on"))
        wait_until((tmp_path / "on").exists, "the task to run")
        executor.stop(task)
        assert executor.outcome(task, 10).status == driver.CANCELLED
        assert (tmp_path / "on.clean").exists()

    def test_a_waiting_task_is_cancelled_without_having_run(self, executor: Executor, tmp_path: Path) -> None:
        running = executor.start(sleep, str(tmp_path / "on"))
        waiting = executor.start(sleep, str(tmp_path / "never"))
        wait_until((tmp_path / "on").exists, "the task to run")
        executor.stop(waiting)
        assert executor.outcome(waiting, 10).status == driver.CANCELLED
        assert running not in executor.outcomes
        executor.stop(running)
        executor.outcome(running, 10)
        assert not (tmp_path / "never").exists()

    def test_it_never_reaches_the_next_task(self, executor: Executor) -> None:
        """Each task is stopped at about the moment when it ends; only it may be hit."""

        def brief(seconds: float) -> str:
            import time

            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass
            return "whole"

        statuses = set()
        for round_ in range(60):
            first = executor.start(brief, 0.002 + 0.0001 * (round_ % 10))
            second = executor.start(brief, 0.001)
            time.sleep(0.002)
            executor.stop(first)
            statuses.add(executor.outcome(first, 10).status)
            outcome = executor.outcome(second, 10)
            assert outcome.status == driver.VALUE, outcome.traceback
        assert statuses <= {driver.VALUE, driver.CANCELLED}
        assert executor.process.poll() is None

    def test_a_coroutine_is_cancelled_in_its_loop(self, executor: Executor, tmp_path: Path) -> None:
        async def wait(path: str) -> None:
            import asyncio

            try:
                open(path, "w").close()
                await asyncio.sleep(60)
            finally:
                open(path + ".clean", "w").close()

        task = executor.start(wait, str(tmp_path / "on"), mode=2)
        wait_until((tmp_path / "on").exists, "the task to run")
        executor.stop(task)
        assert executor.outcome(task, 10).status == driver.CANCELLED
        assert (tmp_path / "on.clean").exists()
        assert executor.call(quick).value() == 1


class TestRetract:
    def test_what_has_not_started_is_given_back_while_a_task_holds_the_gil(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        def hold_the_gil(path: str, seconds: int) -> None:
            import ctypes

            open(path, "w").close()
            ctypes.PyDLL(None).sleep(seconds)

        holding = executor.start(hold_the_gil, str(tmp_path / "on"), 2)
        waiting = [executor.start(quick) for _ in range(5)]
        wait_until((tmp_path / "on").exists, "the task to run")
        started = time.monotonic()
        executor.retract(*waiting[2:], holding)
        while not executor.returned:
            executor.step(10)
        assert time.monotonic() - started < 1.5
        assert executor.returned == waiting[2:]
        assert executor.outcome(holding, 20).status == driver.VALUE
        assert [executor.outcome(task).value() for task in waiting[:2]] == [1, 1]
        assert executor.order == [holding, *waiting[:2]]

    def test_an_outcome_does_not_wait_for_the_long_task_behind_it(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        tasks = [executor.start(quick) for _ in range(3)]
        long = executor.start(sleep, str(tmp_path / "on"))
        started = time.monotonic()
        for task in tasks:
            assert executor.outcome(task, 5).value() == 1
        assert time.monotonic() - started < 3
        executor.stop(long)
        executor.outcome(long, 10)


class TestOutput:
    def test_stdout_stderr_and_log_belong_to_their_task(self, executor: Executor) -> None:
        def speak(word: str) -> None:
            import ctypes
            import logging
            import os
            import subprocess
            import sys

            print(word, "print")
            sys.stderr.write(f"{word} error\n")
            os.write(1, f"{word} write\n".encode())
            ctypes.CDLL(None).printf(b"%s printf\n", word.encode())
            subprocess.run(["echo", word, "child"], check=True)
            logging.getLogger("some.name").warning("%s warning", word)

        for word in ("one", "two"):
            outcome = executor.call(speak, word)
            assert outcome.status == driver.VALUE, outcome.traceback
            lines = sorted(outcome.stdout.splitlines())
            assert lines == sorted(f"{word} {what}" for what in ("print", "write", "printf", "child"))
            assert f"{word} error\n" in outcome.stderr
            assert outcome.log.endswith(f"WARNING some.name: {word} warning\n")
            assert outcome.log.count("\n") == 1
        silent = executor.call(quick)
        assert set(silent.parts) == {0}

    def test_a_failed_task_keeps_its_output(self, executor: Executor) -> None:
        def fail() -> None:
            import logging

            print("last words")
            logging.error("last log")
            raise ValueError

        outcome = executor.call(fail)
        assert outcome.stdout == "last words\n"
        assert "last log" in outcome.log

    def test_only_the_newest_output_is_kept_and_memory_given_back(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        def flood(path: str) -> None:
            import os
            import time

            line = b"x" * 999 + b"\n"
            for _ in range(64):
                os.write(1, line * 1024)
            os.write(1, b"the end\n")
            open(path, "w").close()
            time.sleep(0.5)

        task = executor.start(flood, str(tmp_path / "written"))
        wait_until((tmp_path / "written").exists, "64 MB of output")
        wait_until(
            lambda: os.fstat(executor.files[0]).st_blocks * 512 < 2 << 20, "memory of the output to go"
        )
        outcome = executor.outcome(task)
        assert outcome.stdout.endswith("\nthe end\n")
        assert outcome.stdout.startswith("[")
        assert "bytes before this were not kept" in outcome.stdout
        assert len(outcome.stdout) < 66_000
        wait_until(lambda: os.fstat(executor.files[0]).st_blocks * 512 < 1 << 16, "the cut memory to go")

    def test_a_task_may_close_or_replace_its_streams(self, executor: Executor) -> None:
        def tamper() -> int:
            import sys

            sys.stdout.close()
            return 1

        def mend() -> int:
            import sys

            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            print("again")
            return 2

        assert executor.call(tamper).value() == 1
        outcome = executor.call(mend)
        assert outcome.value() == 2
        assert outcome.stdout == "again\n"


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class TestEnd:
    @pytest.mark.parametrize("state", ["idle", "holding the GIL", "in a sleep"])
    def test_it_dies_with_its_worker_and_takes_its_children_along(
        self, executor: Executor, tmp_path: Path, state: str
    ) -> None:
        def start_child(path: str) -> int:
            import subprocess

            return subprocess.Popen(["sleep", "600"]).pid

        def hold_the_gil(path: str) -> None:
            import ctypes

            open(path, "w").close()
            ctypes.PyDLL(None).sleep(600)

        child = executor.call(start_child, "").value()
        assert _alive(child)
        if state != "idle":
            executor.start(hold_the_gil if "GIL" in state else sleep, str(tmp_path / "on"))
            wait_until((tmp_path / "on").exists, "the task to run")
        executor.socket.close()
        assert executor.process.wait(5) == -signal.SIGKILL
        wait_until(lambda: not _alive(child), "the child to die")

    def test_a_crash_ends_the_process_with_what_happened_in_its_files(
        self, python: Path, library: str
    ) -> None:
        def crash() -> None:
            import ctypes
            import os

            os.write(2, b"these are my last words\n")
            ctypes.string_at(0)

        def leave() -> None:
            import os

            os._exit(5)

        with Executor(python, library) as executor:
            executor.ready()
            executor.start(crash)
            assert executor.process.wait(20) == -signal.SIGSEGV
            assert "these are my last words" in executor.captured()
        with Executor(python, library) as executor:
            executor.ready()
            executor.start(leave)
            assert executor.process.wait(20) == 5

    def test_outcomes_in_front_of_a_crash_are_not_lost(self, executor: Executor) -> None:
        def leave() -> None:
            import os
            import time

            time.sleep(0.1)
            os._exit(5)

        tasks = [executor.start(quick) for _ in range(20)]
        executor.start(leave)
        assert [executor.outcome(task).value() for task in tasks] == [1] * 20
        assert executor.process.wait(20) == 5

    def test_shutdown_finishes_what_runs_and_runs_exit_functions(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        def register(path: str) -> None:
            import atexit
            import threading
            import time

            threading.Thread(target=time.sleep, args=(600,)).start()
            atexit.register(lambda: open(path, "w").close())

        task = executor.start(register, str(tmp_path / "left"))
        executor.send(driver.SHUTDOWN, b"")
        assert executor.outcome(task).status == driver.VALUE
        assert executor.process.wait(10) == 0
        assert (tmp_path / "left").exists()

    def test_it_dies_with_its_worker_while_python_starts(
        self, python: Path, library: str, tmp_path: Path
    ) -> None:
        (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep(600)\n")
        with Executor(python, library, env={**os.environ, "PYTHONPATH": str(tmp_path)}) as executor:
            wait_until(
                lambda: "libpython" in Path(f"/proc/{executor.process.pid}/maps").read_text(), "Python"
            )
            executor.socket.close()
            assert executor.process.wait(5) == -signal.SIGKILL

    def test_programs_that_tasks_start_do_not_inherit_the_socket(self, executor: Executor) -> None:
        def list_descriptors() -> list[str]:
            import subprocess

            found = subprocess.run(
                ["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, close_fds=False, check=False
            )
            return found.stdout.split()

        assert not [name for name in executor.call(list_descriptors).value() if name.startswith("socket:")]


def test_ten_thousand_tasks_do_not_grow_the_process(executor: Executor) -> None:
    def resident() -> int:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    for _ in range(200):
        executor.call(quick)
    before = executor.call(resident).value()
    for _ in range(100):
        tasks = [executor.start(quick) for _ in range(100)]
        executor.outcome(tasks[-1])
    assert executor.call(resident).value() - before < 10 << 20
