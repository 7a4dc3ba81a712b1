"""Functions that the tests of this folder run in executors."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any


def double(value: int) -> int:
    return 2 * value


def repeated(letter: str, count: int) -> bytes:
    """So many megabytes of one letter."""
    return letter.encode() * (count << 20)


def next_letter(value: bytes) -> bytes:
    """As large, of the next letter; fails where the value is not of one letter throughout."""
    assert value.count(value[:1]) == len(value)
    return bytes([value[0] + 1]) * len(value)


def count_after(seconds: float, value: bytes, number: int) -> int:
    time.sleep(seconds)
    return len(value) + number


def pid(_: Any = None) -> int:
    return os.getpid()


def append(path: str, line: str) -> str:
    """Leave a trace that survives the process."""
    with open(path, "a") as file:
        file.write(line + "\n")
    return line


def slow_append(path: str, line: str, seconds: float) -> str:
    time.sleep(seconds)
    return append(path, line)


def append_slowly(path: str, seconds: float) -> None:
    append(path, "here")
    time.sleep(seconds)


def sleep_then(seconds: float, value: Any) -> Any:
    time.sleep(seconds)
    return value


def use_gpus(path: str, share: float, seconds: float) -> list[str]:
    """Note which gpus this attempt has, from when to when, and what a library of this process believes."""
    import isthmus

    listed = os.environ["CUDA_VISIBLE_DEVICES"]
    # As CUDA does: the environment is asked once.
    believed = sys.__dict__.setdefault("gpus_of_library", listed)
    note = {"pid": os.getpid(), "listed": listed, "believed": believed, "share": share}
    begun = time.monotonic()
    append(path, json.dumps(note | {"begun": begun}))
    time.sleep(seconds)
    append(path, json.dumps(note | {"begun": begun, "ended": time.monotonic()}))
    return isthmus.get_devices()


def wait_for_file(path: str, value: Any = None) -> Any:
    """Run until the test makes the file."""
    while not Path(path).exists():
        time.sleep(0.01)
    return value


def say_pid_and_wait(log: str, gate: str) -> str:
    """Name the executor, and run until the test makes the file."""
    Path(log).write_text(str(os.getpid()))
    wait_for_file(gate)
    return "done"


def append_and_wait(log: str, gate: str) -> str:
    """Leave a line for each run, and run until the test makes the file."""
    append(log, "run")
    return str(wait_for_file(gate, "done"))


def kill_own_worker(path: str) -> None:
    """Take the worker along, and the executor with it."""
    append(path, "x")
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


_prepared: list[str] = []


def prepare(word: str) -> None:
    """An initializer."""
    _prepared[:] = [word]


def prepared_after(seconds: float, value: Any) -> tuple[str, Any]:
    """What the initializer has said, and the value."""
    time.sleep(seconds)
    return _prepared[0], value


def segfault() -> None:
    ctypes.string_at(0)


def last_words_then_exit(code: int) -> None:
    print("these are my last words", flush=True)
    os._exit(code)


def crash_until(path: str, times: int) -> str:
    """Die by SIGKILL the first `times` times, then succeed."""
    with open(path, "a") as file:
        file.write("x")
    if Path(path).stat().st_size <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def hold_the_gil(seconds: float) -> str:
    """Sleep inside C without releasing the interpreter lock: no other thread of this process runs."""
    libc = ctypes.PyDLL(None)
    libc.usleep(ctypes.c_uint(int(seconds * 1e6)))
    return "done"


def eat(megabytes: int) -> int:
    block = bytearray(megabytes << 20)
    time.sleep(30)
    return len(block)


def talk(text: str) -> str:
    import logging

    print("printed", text)
    print("complained", text, file=sys.stderr)
    os.write(1, f"written {text}\n".encode())
    subprocess.run(["echo", "child", text], check=True)
    logging.getLogger("task").warning("logged %s", text)
    return text


def start_a_sleeper(path: str) -> int:
    """Start a process that outlives this task and tell its id."""
    sleeper = subprocess.Popen(["sleep", "3600"])
    Path(path).write_text(str(sleeper.pid))
    time.sleep(3600)
    return sleeper.pid


class PoisonWhenUnpickled:
    """Kills whoever unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ctypes.string_at, (0,)


class RefusesPickle:
    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("this object refuses to be pickled")


def make_unpicklable() -> Any:
    return RefusesPickle()


class TwoArgumentError(Exception):
    """Python's own way does not unpickle it: its constructor wants more than its args hold."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")
        self.second = second


def raise_two_argument_error() -> None:
    raise TwoArgumentError("first", "second") from KeyError("the cause")


class HeldLockError(Exception):
    """Cannot travel at all."""

    def __init__(self) -> None:
        super().__init__("held")
        self.lock = threading.Lock()


def raise_unrebuildable() -> None:
    raise HeldLockError


def make_and_count(path: str, kind: str, size: int) -> Any:
    """Leave a trace, then give back `size` bytes in the form that `kind` names."""
    append(path, kind)
    makers: dict[str, Any] = {
        "bytes": bytes,
        "bytearray": bytearray,
        "text": lambda count: "x" * count,
        "list": lambda count: [bytes(count // 2), bytes(count - count // 2)],
    }
    return makers[kind](size)


def swallow_everything(path: str) -> None:
    """Heed no exception at all."""
    append(path, str(os.getpid()))
    while True:
        try:
            time.sleep(0.05)
        except BaseException:
            continue


def derive_a_key(path: str) -> bytes:
    """One call into C that takes hours, and that no signal interrupts."""
    import hashlib

    append(path, str(os.getpid()))
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", (1 << 31) - 1)


def add_holding_the_gil(path: str) -> int:
    """The same, and no other thread of Python runs meanwhile."""
    append(path, str(os.getpid()))
    return sum(range(10**17))


def tidy_up(path: str) -> None:
    append(path, str(os.getpid()))
    try:
        time.sleep(3600)
    finally:
        append(path, "tidied up")


def submit_inside(address: str, path: str, value: Any) -> Any:
    """Be a client inside of a task."""
    import isthmus

    with isthmus.Client(address) as client:
        return client.submit(wait_for_file, path, value).result(60)


class OutOfStock(ConnectionError):
    """Derived from a built-in class, for `retry_on`."""


def raise_until(path: str, times: int, error: type[Exception]) -> int:
    """Raise the first `times` times; the trace holds the instants of the attempts."""
    append(path, repr(time.monotonic()))
    if len(Path(path).read_text().split()) <= times:
        raise error("not yet")
    return times


def occupy(path: str, seconds: float, amount: int = 1) -> None:
    """Leave the instants of start and end, and what it takes meanwhile, in one line."""
    start = time.monotonic()
    time.sleep(seconds)
    append(path, f"{start!r} {time.monotonic()!r} {amount}")


def slow_sum(values: list[int], seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return sum(values)


def kill_own_executor_once(path: str, value: int) -> int:
    """The first one to come dies by SIGKILL."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return value
    os.kill(os.getpid(), signal.SIGKILL)
    return value


def nap_and_square(value: int) -> int:
    """For a bag, whose functions travel by name."""
    time.sleep(0.001)
    return value * value


def leave_behind(how: str) -> int:
    """Start a process that leaves the group of its executor; with `daemon` its parent ends at once."""
    script = "exec sleep 3600" if how == "session" else "sleep 3600 >/dev/null & echo $!; exit"
    process = subprocess.Popen(
        ["/bin/sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    if how == "session":
        return process.pid
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.wait()
    return pid
