"""A function that is submitted again is what it is now, whatever it captured has changed."""

from __future__ import annotations

import functools
import importlib
import sys
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import client_tasks as tasks
import cloudpickle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus import Client
from isthmus import _limits as limits
from isthmus._watching import Watch
from isthmus_bridge import by_value

#: What a task function of the program below uses, and it returns all of it.
PROGRAM = """
import dataclasses, enum, functools
from typing import NamedTuple

constant, table, items, members, nested = 0, {"a": 0}, [0], {0}, {"deep": [{"deeper": (0,)}]}
pair = (0, "x")

def helper(x=0, *, key=0):
    return x, key, constant
helper.note = 0

def indirect():
    return helper()

class Base:
    value = 0
    names = ["a"]
    def get(self):
        return self.value, constant
    @property
    def seen(self):
        return self.value
    @staticmethod
    def static():
        return 0
    @classmethod
    def made(cls):
        return cls.value

class Child(Base):
    pass

@dataclasses.dataclass
class Data:
    x: int = 0

class Color(enum.Enum):
    RED = 0

class Point(NamedTuple):
    x: int = 0

@functools.lru_cache
def remembered():
    return constant

partial = functools.partial(helper, 0)

def closure(value):
    def inner(default=0):
        return value, default
    return inner

inner = closure(0)

@functools.singledispatch
def area(shape):
    return constant

@area.register
def _(shape: int):
    return "int", constant

def task(*args):
    child = Child()
    return repr((constant, table, items, members, nested, pair, helper(), helper.note, indirect(),
        child.get(), child.names, child.seen, Child.static(), Child.made(), Data(), Color.RED.value, Point(),
        remembered(), partial(), inner(), area(1), area("x"),
        task.__defaults__, helper.__doc__, helper.__annotations__, Color.RED.name))
"""

CHANGES = [
    "constant = {n}",
    "constant = float({n})",
    "constant = True if {n} % 2 else 1",
    "constant = -0.0 if {n} % 2 else 0.0",
    "constant = [{n}]",
    "constant = str({n})",
    "constant = None",
    "table['a'] = {n}",
    "table[{n}] = 1",
    "table.clear()",
    "table = {{'a': {n}}}",
    "items.append({n})",
    "items[:] = [{n}]",
    "members.add({n})",
    "nested['deep'][0]['deeper'] = ({n},)",
    "nested['deep'].append({n})",
    "pair = ({n}, 'x')",
    "helper.__defaults__ = ({n},)",
    "helper.__kwdefaults__ = {{'key': {n}}}",
    "helper.__kwdefaults__['key'] = {n}",
    "helper.note = {n}",
    "helper.__doc__ = str({n})",
    "helper.__annotations__['x'] = {n}",
    "helper.__code__ = (lambda x=0, *, key=0: ({n}, x, key)).__code__",
    "def helper(x={n}, *, key=0): return 'new', x, key\nhelper.note = 1",
    "def indirect(): return {n}",
    "Base.value = {n}",
    "Child.value = {n}\ndel Child.value\nBase.value = 1",
    "Child.value = {n}",
    "Base.names.append({n})",
    "Base.names = [{n}]",
    "Base.get = lambda self: {n}",
    "Base.seen = property(lambda self: {n})",
    "Base.static = staticmethod(lambda: {n})",
    "Base.made = classmethod(lambda cls: {n})",
    "class Base(Base): value = {n}\nChild.__bases__ = (Base,)",
    "Data.__repr__ = lambda self: str({n})",
    "Data.__init__.__defaults__ = ({n},)",
    "class Color(enum.Enum): RED = {n}",
    "Point.__new__.__defaults__ = ({n},)",
    "remembered = functools.lru_cache(lambda: {n})",
    "partial = functools.partial(helper, {n})",
    "partial.keywords['key'] = {n}",
    "inner = closure({n})",
    "inner.__closure__[0].cell_contents = {n}",
    "inner.__defaults__ = ({n},)",
    "task.__defaults__ = ({n},)",
    "area.register(str, lambda shape: {n})",
    "area.register(int, lambda shape: ('new', {n}))",
    "area.registry[int].__defaults__ = ({n},)",
]


class Program:
    """A namespace in which a program runs, as that of a notebook."""

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.space = self.module.__dict__
        exec(PROGRAM, self.space)

    def change(self, source: str, number: int) -> None:
        exec(source.format(n=number), self.space)

    @property
    def task(self) -> Callable[..., str]:
        function: Callable[..., str] = self.space["task"]
        return function


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_function_is_sent_again(cluster: Client, change: str) -> None:
    program = Program()
    for number in (7, 8):
        here = [cluster.submit(program.task).result(60) for _ in range(6)]
        assert here == [program.task()] * 6
        program.change(change, number)
        program.space["remembered"].cache_clear()
        assert [cluster.submit(program.task).result(60) for _ in range(6)] == [program.task()] * 6


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 5), st.integers(0, 3)), max_size=12))
def test_any_changes_in_any_order(cluster: Client, changes: list[tuple[str, int, int]]) -> None:
    program = Program()
    futures, expected = [], []
    for change, number, calls in changes:
        try:
            program.change(change, number)
        except (AttributeError, TypeError, KeyError):
            continue  # as `names.append` when there is a lambda in its place
        program.space["remembered"].cache_clear()
        try:
            here = program.task()
        except Exception:
            continue
        # All are on their way at once: each is of the moment of its submit.
        futures += [cluster.submit(program.task) for _ in range(calls)]
        expected += [here] * calls
    assert [future.result(60) for future in futures] == expected


@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 5)), max_size=6))
@settings(deadline=None)
def test_a_watch_holds_until_something_changes(changes: list[tuple[str, int]]) -> None:
    program = Program()
    for change, number in changes:
        try:
            watch, before = Watch(program.task), program.task()
            program.change(change, number)
            program.space["remembered"].cache_clear()
            after = program.task()
        except Exception:
            return
        # It may say too soon that something changed, and never too late.
        if watch.holds(program.task):
            assert before == after


def test_functions_of_the_library_and_of_graphs_are_pickled_once(
    cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def counting(*args: Any, **how: Any) -> bytes:
        nonlocal count
        count += 1
        return dumps(*args, **how)

    dumps = by_value.dumps
    monkeypatch.setattr(by_value, "dumps", counting)

    @functools.singledispatch
    def one(value: object) -> str:
        return "any"

    @functools.singledispatch
    def two(value: object) -> str:
        return "another"

    one.register(int, lambda _: "int")
    futures = [cluster.submit(function, 1) for _ in range(50) for function in (one, two)]
    assert [future.result(60) for future in futures] == ["int", "another"] * 50
    assert count <= 8
    one.register(int, lambda _: "integer")
    assert cluster.submit(one, 1).result(60) == "integer"
    count = 0
    graph = {f"node {n}": (lambda_of_a_graph, n) for n in range(50)}
    assert cluster.get(graph, list(graph)) == tuple(range(1, 51))
    assert count <= 4


lambda_of_a_graph = eval("lambda n: n + 1", {"__name__": "__main__"})


def test_each_lambda_of_a_loop_is_itself(cluster: Client) -> None:
    def times(factor: int) -> Callable[[int], int]:
        return lambda n: factor * n

    futures = [cluster.submit(lambda n: n + 1, n) for n in range(50)]
    assert [future.result(60) for future in futures] == list(range(1, 51))
    futures = [cluster.submit(lambda n=n: n) for n in range(50)]
    assert [future.result(60) for future in futures] == list(range(50))
    futures = [cluster.submit(times(factor % 3), 5) for factor in range(50)]
    assert [future.result(60) for future in futures] == [5 * (factor % 3) for factor in range(50)]


def test_calls_of_a_function_that_keeps_something_stay_apart(cluster: Client) -> None:
    """Of what a cell or a default holds, each call gets its own."""
    count, found = 0, [0]

    def counting() -> int:
        nonlocal count
        count += 1
        return count

    def gathering(more: int, into: list[int] = []) -> tuple[list[int], list[int]]:  # noqa: B006
        into.append(more)
        found.append(more)
        return into, found

    assert [cluster.submit(counting).result(60) for _ in range(10)] == [1] * 10
    assert [cluster.submit(gathering, n).result(60) for n in range(10)] == [([n], [0, n]) for n in range(10)]
    assert count == 0


def test_more_functions_than_are_kept(cluster: Client) -> None:
    def make(number: int) -> Callable[[], int]:
        space: dict[str, Callable[[], int]] = {"__name__": "__main__"}
        exec(f"def f(): return {number}", space)
        return space["f"]

    functions = [make(number) for number in range(limits.VALUES_KEPT_MAX + 40)]
    for _ in range(3):
        futures = [cluster.submit(function) for function in functions]
        assert [future.result(60) for future in futures] == list(range(len(functions)))
    # Tasks whose function is given back meanwhile still run.
    waiting = [cluster.submit(tasks.nap, 0.2) for _ in range(4)]
    late = [cluster.submit(function) for function in functions + functions]
    assert [future.result(60) for future in late] == 2 * list(range(len(functions)))
    assert [future.result(60) for future in waiting] == [None] * 4


def test_threads_that_change_and_submit_the_same_function(cluster: Client) -> None:
    program = Program()
    exec("def look(): return constant", program.space)
    wrong: list[object] = []

    def submit() -> None:
        for _ in range(150):
            low = program.space["constant"]
            got = cluster.submit(program.space["look"]).result(60)
            if not low <= got <= program.space["constant"]:
                wrong.append((low, got))

    def change() -> None:
        while any(thread.is_alive() for thread in threads):
            program.space["constant"] += 1
            time.sleep(0.001)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    change()
    assert wrong == []


def test_what_is_registered_counts_from_then_on(tmp_path: Path) -> None:
    """Also for functions that were submitted by their names, and for the modules of a package."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    module = tmp_path / "pack" / "code.py"
    module.write_text("def value(): return 'there'\n")
    sys.path.insert(0, str(tmp_path))
    try:
        pack = importlib.import_module("pack")
        code = importlib.import_module("pack.code")
        with Client(slots=1) as client:
            assert client.submit(code.value).result(60) == "there"
            code.value.__code__ = (lambda: "here").__code__
            for registered in (code, pack):
                assert [client.submit(code.value).result(60) for _ in range(3)] == ["there"] * 3
                cloudpickle.register_pickle_by_value(registered)
                try:
                    assert [client.submit(code.value).result(60) for _ in range(6)] == ["here"] * 6
                    assert client.submit(tasks.add, 1, 2).result(60) == 3
                finally:
                    cloudpickle.unregister_pickle_by_value(registered)
    finally:
        sys.path.remove(str(tmp_path))
