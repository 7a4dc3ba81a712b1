"""What has no name at the other end: functions and classes of a program's main module, and of functions."""

from __future__ import annotations

import functools
import linecache
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import client_tasks as tasks
import cloudpickle
import pytest

from isthmus import Client, Future, LimitExceeded, NotSerializable, swift
from isthmus import _limits as limits

PROGRAM = """
import functools, sys
from isthmus import Client

@functools.lru_cache(maxsize=10)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

@functools.cache
def double(n):
    return 2 * n

class Shape:
    def __init__(self, side):
        self.side = side

    @functools.cached_property
    def area(self):
        return self.side ** 2

    @functools.lru_cache
    def times(self, n):
        return n * self.area

def area(shape):
    return shape.area

def parameters(function):
    return function.cache_parameters()["maxsize"]

if __name__ == "__main__":
    with Client(sys.argv[1]) as client:
        print(client.submit(fibonacci, 60).result(60))
        print(list(client.map(double, [1, 2, 3])))
        print(client.submit(functools.partial(double, 8)).result(60))
        print(client.submit(area, Shape(3)).result(60), client.submit(Shape(2).times, 5).result(60))
        print(client.submit(parameters, fibonacci).result(60))
        cached = client.submit(lambda: double).result(60)
        print(cached(21), cached.cache_info().hits)
"""


def test_cached_functions_and_properties_of_a_program(cluster: Client, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), cluster.address], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1548008755920", "[2, 4, 6]", "16", "9 20", "10", "42 0"]


def test_a_cached_function_of_a_function(cluster: Client) -> None:
    factor = 3

    @functools.cache
    def times(n: int) -> int:
        return n * factor

    assert cluster.submit(times, 4).result(60) == 12
    assert cluster.submit(functools.lru_cache(len), "abc").result(60) == 3


def test_modules_that_are_registered_travel_by_value(cluster: Client, tmp_path: Path) -> None:
    """As on a cluster whose workers do not have the module."""
    path = tmp_path / "not_there.py"
    path.write_text("import functools\ndef f(n): return g(n) + 1\n@functools.cache\ndef g(n): return 2 * n\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import not_there  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        cluster.submit(not_there.f, 3).result(60)
    cloudpickle.register_pickle_by_value(not_there)
    try:
        # Not `f`, which this session knows by its name.
        assert cluster.submit(not_there.g, 3).result(60) == 6
        assert cluster.submit(tasks.apply, not_there.f, 3).result(60) == 7
        assert list(cluster.map(not_there.f, [1, 2])) == [3, 5]
    finally:
        cloudpickle.unregister_pickle_by_value(not_there)


def test_a_client_is_no_argument(cluster: Client) -> None:
    with pytest.raises(TypeError, match=r"Client\('ipc:.*scheduler.ipc'\)"):
        cluster.submit(id, cluster).result(60)


OWNER = """
import sys
from isthmus import Client

class Counter:
    count = 0
    names = []
    def __init__(self, name):
        self.name = name

def make(name):
    Counter.count += 1
    Counter.names.append(name)
    return Counter(name)

def count(counter):
    return Counter.count, Counter.names, type(counter) is Counter

def count_of(counter):
    return type(counter).count

if __name__ == "__main__":
    with Client(sys.argv[1]) as client:
        first = client.submit(make, "a")
        Counter.count, Counter.names = 5, ["here"]
        names = Counter.names
        made = first.result(60)
        print(type(made) is Counter, made.name, Counter.count, Counter.names is names, names)
        # What is sent with a task is of the moment, whatever came with the value that it uses.
        print(client.submit(count, first).result(60), client.submit(count_of, made).result(60))
        Counter.count = 6
        print(client.submit(count_of, made).result(60), client.submit(count, first).result(60)[0])
        print(client.submit(Counter, "c").result(60).name, Counter.count)
"""


def test_a_result_changes_nothing_in_the_classes_of_its_program(cluster: Client, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(OWNER)
    done = subprocess.run(
        [sys.executable, str(program), cluster.address], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "True a 5 True ['here']",
        "(5, ['here'], True) 5",
        "6 6",
        "c 6",
    ]


def test_what_cannot_be_pickled_is_named(cluster: Client) -> None:
    """As one class, which is a `TypeError` and has a `PicklingError` as its cause."""
    lock = threading.Lock()

    def helper() -> bool:
        return lock.locked()

    def locked(value: object = None) -> bool:
        return helper()

    for future, words in [
        (cluster.submit(locked), r"lock.*\[the variable 'lock' that .*helper uses: _thread.lock\]"),
        (cluster.submit(len, lock), r"\[argument 1 of len: _thread.lock\]"),
        (cluster.submit(tasks.add, 1, right=[lock]), r"\[argument 'right' of add: list\]"),
        (cluster.submit(functools.partial(tasks.add, lock), 1), r"\[argument 1 of add: _thread.lock\]"),
        (
            cluster.submit(threading.Lock),
            r"^\w*lock returned _thread.lock, which cannot be pickled: TypeError",
        ),
        (cluster.options(result="neutral").submit(complex, 1), r"complex returned complex.*neutral"),
        (cluster.submit(swift("length"), 1j), r"value\[0\].*complex.*in the arguments of .*length"),
    ]:
        with pytest.raises(NotSerializable, match=words) as caught:
            future.result(60)
        assert isinstance(caught.value, TypeError)
        assert isinstance(caught.value.__cause__, pickle.PicklingError)
    with pytest.raises(NotSerializable, match=r"the variable 'lock'"):
        cluster.map(locked, [1])
    with pytest.raises(NotSerializable, match=r"lock"):
        list(cluster.map(len, [lock]))


def test_what_is_too_large_is_named(cluster: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PAYLOAD_BYTES_MAX", 1 << 20)
    large = bytes(2 << 20)

    def uses(value: int) -> int:
        return value + len(large)

    for function, args, words in [
        (uses, (1,), r"the variable 'large' that .*uses uses: bytes, 20971\d\d bytes"),
        (len, (large,), r"argument 1 of len: bytes, 20971\d\d bytes"),
    ]:
        with pytest.raises(LimitExceeded, match=words) as caught:
            cluster.submit(function, *args)
        assert caught.value.size > 2 << 20
    with pytest.raises(LimitExceeded, match="the variable 'large'"):
        cluster.map(uses, [1])


def test_source_lines_of_a_notebook_are_in_the_traceback(cluster: Client) -> None:
    """Only this process has them: the executor finds no file of that name."""
    source = "def divide(a, b):\n    return (lambda: a // b)()\n"
    name = "/tmp/ipykernel_1/2345.py"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, name, "exec"), space)
    for future in (cluster.submit(space["divide"], 1, 0), cluster.map(space["divide"], [1], [0])):
        with pytest.raises(ZeroDivisionError) as caught:
            list(future) if not isinstance(future, Future) else future.result(60)
        text = str(caught.value.__cause__)
        assert f'  File "{name}", line 2, in divide\n    return (lambda: a // b)()\n' in text
        assert text.count("    return (lambda: a // b)()\n") == 2
