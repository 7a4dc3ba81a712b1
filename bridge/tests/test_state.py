"""What a task changes of its process is put back before the next one; what an initializer changes stays."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import executor_driver as driver
from executor_driver import NEUTRAL, Executor, Payload, pickled

from isthmus_bridge import neutral


def picture() -> dict[str, Any]:
    """Everything that a task sees of its process."""
    import gc
    import locale
    import os
    import resource
    import signal
    import subprocess
    import sys
    import threading

    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    mask = os.umask(0)
    os.umask(mask)
    listing = subprocess.run(["/usr/bin/env"], capture_output=True, check=True).stdout
    return {
        "descriptors": [os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)],
        "streams": [getattr(stream, "name", None) for stream in (sys.stdin, sys.stdout, sys.stderr)],
        "directory": os.getcwd(),
        "environment": sorted(os.environ.items()),
        "of children": sorted(listing.split(b"\n")),
        "limits": [resource.getrlimit(getattr(resource, name)) for name in sorted(set(names))],
        "mask": mask,
        "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "locale": locale.setlocale(locale.LC_ALL),
        "path": sys.path[:],
        "recursion": sys.getrecursionlimit(),
        "hooks": (sys.gettrace(), sys.getprofile(), gc.isenabled()),
        "of threads": (threading.gettrace(), threading.getprofile()),
        "builtins": (print, open, len, type, isinstance, __import__, sum),
        "cpus": sorted(os.sched_getaffinity(0)),
    }


def closes_descriptors() -> None:
    import os

    print("before", flush=True)
    for number in (0, 1, 2):
        os.close(number)
    print("after")


def redirects_descriptors() -> None:
    import os

    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def closes_streams() -> None:
    import sys

    sys.stdout.close()
    sys.stderr.close()
    sys.stdin.close()


def detaches_streams() -> None:
    import sys

    sys.stdout.detach()


def drops_streams() -> None:
    import sys

    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]


def breaks_streams() -> None:
    import sys

    class Broken:
        def flush(self) -> None:
            raise SystemExit(3)

        write = flush

    sys.stdout = sys.stderr = Broken()  # type: ignore[assignment]


def truncates_output() -> None:
    import os

    print("something", flush=True)
    os.ftruncate(1, 0)


def changes_directory() -> None:
    import os

    os.chdir("/proc")


def changes_environment() -> None:
    import os

    os.environ["ADDED"] = "1"
    os.environ["HOME"] = "/changed"
    os.environ.pop("PATH", None)


def changes_environment_behind_python() -> None:
    import ctypes
    import os

    os.putenv("BEHIND", "1")
    os.unsetenv("HOME")
    ctypes.CDLL(None).setenv(b"BEHIND_TOO", b"1", 1)


def replaces_environment() -> None:
    import os

    os.environ = {"ONLY": "this"}  # type: ignore[assignment]  # noqa: B003


def lowers_limits() -> None:
    import resource

    for which in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU):
        resource.setrlimit(which, (100, resource.getrlimit(which)[1]))


def masks_and_signals() -> None:
    import os
    import signal

    os.umask(0o777)
    signal.signal(signal.SIGURG, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG, signal.SIGUSR1})
    signal.alarm(1)


def interpreter() -> None:
    import gc
    import locale
    import sys

    sys.path.insert(0, "/nowhere")
    sys.path[-1:] = ["/elsewhere"]
    sys.setrecursionlimit(77_777)
    sys.settrace(lambda *_: None)
    sys.setprofile(lambda *_: None)
    gc.disable()
    locale.setlocale(locale.LC_ALL, "C.UTF-8")


def threads() -> None:
    import threading

    threading.settrace(lambda *_: None)
    threading.setprofile(lambda *_: None)


def replaces_builtins() -> int:
    import builtins

    def broken(*_: object, **__: object) -> None:
        raise LookupError("not the real one")

    for name in ("print", "open", "len", "type", "isinstance", "vars", "dict", "tuple", "__import__"):
        setattr(builtins, name, broken)
    del builtins.sum
    return 1


def cpus() -> None:
    import os

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


CHANGES = [
    closes_descriptors, redirects_descriptors, closes_streams, detaches_streams, drops_streams,
    breaks_streams, truncates_output, changes_directory, changes_environment,
    changes_environment_behind_python, replaces_environment, lowers_limits,
    masks_and_signals, interpreter, threads, replaces_builtins, cpus,
]  # fmt: skip


def says() -> None:
    import os

    print("to Python", flush=True)
    os.system("echo to the descriptor")


def test_each_change_is_put_back_before_the_next_task(executor: Executor) -> None:
    before = executor.call(picture).value()
    for change in CHANGES:
        # Three at once: the second must not wait for a moment of idleness.
        tasks = [executor.start(change), executor.start(picture), executor.start(says)]
        first, second, third = [executor.outcome(task) for task in tasks]
        assert first.status in {driver.VALUE, driver.EXCEPTION}, change
        assert second.value() == before, change
        assert third.stdout == "to Python\nto the descriptor\n", change


def test_what_a_task_printed_before_it_closed_its_output_is_its_own(executor: Executor) -> None:
    # Unbuffered, the task has the error itself.
    assert executor.call(closes_descriptors).stdout in {"before\nafter\n", "before\n"}
    assert executor.call(says).stdout == "to Python\nto the descriptor\n"


def test_an_initializers_changes_are_its_sessions_baseline(executor: Executor, tmp_path: Path) -> None:
    def initializer(folder: str) -> None:
        import os
        import sys

        os.chdir(folder)
        os.environ["SET_BY"] = "initializer"
        sys.path.append(folder)

    def look() -> tuple[str, str | None, bool]:
        import os
        import sys

        return os.getcwd(), os.environ.get("SET_BY"), os.getcwd() in sys.path

    def change() -> None:
        import os

        os.chdir("/")
        os.environ["SET_BY"] = "task"

    plain = executor.call(look).value()
    executor.start(initializer, "/")  # defined, and run once as a task, which changes nothing for others
    executor.setup(pickled((("/proc",), {})), executor.functions[initializer], session=driver.SESSION)
    expected = ("/proc", "initializer", True)
    assert executor.call(look).value() == expected
    executor.call(change)
    assert executor.call(look).value() == expected
    # Another session has its own.
    source = "def look():\n import os\n return os.getcwd(), os.environ.get('SET_BY')\n"
    executor.define(7, Payload(NEUTRAL, neutral.pack({"source": source, "name": "look"})), session=2)
    other = executor.outcome(executor.assign(pickled(((), {})), 7, session=2)).value()
    assert other == plain[:2]
    assert executor.call(look).value() == expected
    executor.send(driver.FORGET_SESSION, driver.SESSION.to_bytes(8, "little"))
    other = executor.outcome(executor.assign(pickled(((), {})), 7, session=2)).value()
    assert other == plain[:2]


def test_trace_functions_that_raise_are_errors_of_their_task(executor: Executor) -> None:
    def trace(of: str, how: str, after: int) -> int:
        import sys
        import threading

        calls = [0]

        def hook(_frame: object, event: str, _argument: object) -> object:
            calls[0] += 1
            if calls[0] > after:
                raise ValueError("from the trace function")
            return hook

        for module in (sys, threading) if of == "both" else (sys,) if of == "sys" else (threading,):
            for name in ("settrace", "setprofile") if how == "both" else (how,):
                getattr(module, name)(hook)
        return 1

    def hooks() -> list[object]:
        import sys
        import threading

        return [sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()]

    process = executor.call(identity).value()
    for of in ("sys", "threading", "both"):
        for how in ("settrace", "setprofile", "both"):
            for after in (*range(12), 20, 40):
                tasks = [executor.start(trace, of, how, after), executor.start(hooks)]
                first, second = [executor.outcome(task) for task in tasks]
                assert first.status == driver.VALUE or isinstance(first.value(), ValueError)
                assert second.value() == [None] * 4, (of, how, after)
    assert executor.call(identity).value() == process


def identity() -> int:
    import os

    return os.getpid()


def test_an_interrupt_that_comes_late_ends_nothing(executor: Executor) -> None:
    def interrupts(after: float) -> int:
        import os
        import signal
        import threading

        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
        return 1

    process = executor.call(identity).value()
    for n in range(50):
        first = executor.call(interrupts, n * 20e-6)
        assert first.status == driver.VALUE or isinstance(first.value(), KeyboardInterrupt)
    for _ in range(10):
        executor.call(identity)
    assert executor.call(identity).value() == process


def test_an_initializers_builtins_are_its_sessions(executor: Executor) -> None:
    def initializer() -> None:
        import builtins

        builtins.print = "the initializer's"  # type: ignore[assignment]

    def look() -> object:
        return print

    def change() -> None:
        import builtins

        builtins.print = "a task's"  # type: ignore[assignment]
        builtins.__dict__["open"] = "a task's"

    executor.start(initializer)
    executor.setup(pickled(((), {})), executor.functions[initializer])
    assert executor.call(look).value() == "the initializer's"
    executor.call(change)
    assert executor.call(look).value() == "the initializer's"


def test_an_executor_that_cannot_be_put_back_says_so(executor: Executor) -> None:
    def lower() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))

        def refused(*_: object) -> None:
            raise ValueError("not allowed to raise maximum limit")

        # What happens to who is not privileged.
        resource.setrlimit = refused

    assert executor.call(lower).status == driver.VALUE
    assert "resource limit" in executor.failed()


def test_runaway_recursion_is_an_error_of_its_task(executor: Executor) -> None:
    def deep() -> int:
        import sys

        sys.setrecursionlimit(10**9)

        def down(n: int) -> int:
            return down(n + 1)

        return down(0)

    task = executor.start(deep)
    try:
        outcome = executor.outcome(task, 60)
    except driver.GoneError:
        return  # Python 3.10 has its frames on the stack.
    assert "RecursionError" in outcome.traceback


def test_arguments_for_which_there_is_no_memory_are_an_error_of_their_task(one_python: Path) -> None:
    def size(value: bytes) -> int:
        return len(value)

    with Executor(one_python) as executor:
        executor.ready()
        assert executor.call(size, b"x").value() == 1
        pages = Path(f"/proc/{executor.process.pid}/statm").read_text().split()[0]
        limit = int(pages) * 4096 + (100 << 20)
        resource.prlimit(executor.process.pid, resource.RLIMIT_AS, (limit, limit))
        for _ in range(2):
            outcome = executor.call(size, bytes(200 << 20))
            assert outcome.status == driver.EXCEPTION
            assert isinstance(outcome.value(), MemoryError)
        assert executor.call(size, b"x" * (1 << 20)).value() == 1 << 20
