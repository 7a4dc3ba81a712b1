"""Functions of one session share the globals of their client's module, as in the standard library's pools."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from isthmus_bridge import by_value
from isthmus_bridge.calls import PICKLE, Functions, load_arguments
from isthmus_bridge.marks import mark
from isthmus_bridge.setup import Setups

numbers = itertools.count(1)


class Program:
    """A client's `__main__`, and an executor that serves its session."""

    def __init__(self, source: str, functions: Functions | None = None) -> None:
        self.session = next(numbers)
        self.functions = functions or Functions()
        self.globals: dict[str, Any] = {"__name__": "__main__"}
        self.run(source)

    def run(self, source: str) -> None:
        exec(source, self.globals)

    def define(self, name: str) -> int:
        """Submit a function as it is at this moment; its number is for `call`."""
        number = next(numbers)
        self.functions.define(
            self.session, number, (PICKLE, by_value.dumps(eval(name, self.globals), is_owner=True), ())
        )
        return number

    def call(self, function: str | int, *args: Any) -> Any:
        number = self.define(function) if isinstance(function, str) else function
        return self.functions.load(self.session, number)(*args)

    def pass_to(self, function: str | int, *names: str) -> Any:
        """Call with arguments that are named, and pickled in one piece."""
        number = self.define(function) if isinstance(function, str) else function
        data = by_value.dumps((tuple(eval(name, self.globals) for name in names), {}), is_owner=True)
        call = self.functions.load(self.session, number)
        _, args, kwargs = load_arguments(self.session, (PICKLE, data, ()), (), with_callable=False)
        self.functions.share(self.session)
        return call(*args, **kwargs)

    def initialize(self, name: str, *args: Any) -> None:
        setups = Setups(self.functions)
        setups.run(self.session, self.define(name), (PICKLE, pickle.dumps((args, {})), ()))
        assert not setups.broken

    def end(self) -> None:
        self.functions.forget_session(self.session)


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program(SOURCE)
    yield program
    program.end()


SOURCE = """
name, table, seen, limit = None, {}, [], 10

def initializer(given):
    global name
    name = given
    table["a"] = len(given)

def helper():
    return name, dict(table)

def task():
    return helper()

def look():
    return name

def note(what):
    seen.append(what)
    return list(seen)

def bounded():
    return limit

def both(other):
    return limit, other()

class Counter:
    total = 0
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.at_load = limit
    def bound(self):
        return limit, name
"""


def test_what_an_initializer_sets_and_fills_is_there_for_tasks(program: Program) -> None:
    program.initialize("initializer", "pool")
    assert program.call("task") == ("pool", {"a": 4})
    assert program.call("look") == "pool"
    assert program.call("lambda: (name, table)") == ("pool", {"a": 4})


def test_a_second_session_has_globals_of_its_own(program: Program) -> None:
    other = Program(SOURCE, program.functions)
    program.initialize("initializer", "pool")
    other.initialize("initializer", "other")
    assert program.call("look") == "pool"
    assert other.call("look") == "other"
    program.end()
    assert other.call("look") == "other"
    assert program.call("look") is None
    other.end()


def test_what_tasks_set_is_there_for_later_tasks(program: Program) -> None:
    assert program.call("note", 1) == [1]
    assert program.call("note", 2) == [1, 2]
    program.run("def note_again(what): return note(what)")
    assert program.call("note_again", 3) == [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("name = 'mine'", ("mine", {"a": 4})),
        ("table['b'] = 1", ("pool", {"b": 1})),
        ("table = {'a': [1]}", ("pool", {"a": [1]})),
        ("limit = 11", ("pool", {"a": 4})),
        ("def helper(): return 'changed'", "changed"),
        ("def helper(default=(1, 2)): return default", (1, 2)),
    ],
)
def test_a_change_of_the_clients_own_wins(program: Program, change: str, expected: Any) -> None:
    program.initialize("initializer", "pool")
    program.call("task")
    program.run(change)
    assert program.call("task") == expected


def test_captured_values_are_those_of_the_submit_in_any_order(program: Program) -> None:
    first = program.define("bounded")
    program.run("limit = 20")
    second = program.define("bounded")
    program.run("limit = 0.0")
    third = program.define("bounded")
    program.run("limit = -0.0")
    fourth = program.define("bounded")
    order = [first, second, first, third, fourth, second, second, third, first]
    values = {first: 10, second: 20, third: 0.0, fourth: -0.0}
    assert [repr(program.call(number)) for number in order] == [repr(values[number]) for number in order]


def test_a_function_among_the_arguments_brings_its_globals(program: Program) -> None:
    program.initialize("initializer", "pool")
    bounded = program.define("bounded")
    assert program.call(bounded) == 10
    program.run("limit = 30")
    assert program.pass_to("both", "bounded") == (30, 30)
    assert program.pass_to("both", "look") == (30, "pool")
    assert program.call(bounded) == 10


def test_objects_of_classes_of_the_program(program: Program) -> None:
    program.initialize("initializer", "pool")
    program.run("made = Counter(); made.x = 1; limit = 40\ndef get(o): return o.at_load, o.bound()")
    assert program.pass_to("get", "made") == (40, (40, "pool"))


def test_two_namespaces_of_one_name_in_one_pickle_stay_apart(program: Program) -> None:
    other = Program("limit = 99\ndef limited(): return limit", program.functions)
    program.globals["limited"] = other.globals["limited"]
    assert program.pass_to("both", "limited") == (10, 99)
    other.end()


def test_recursion_and_mutual_recursion(program: Program) -> None:
    program.run(
        "def even(n): return n == 0 or odd(n - 1)\n"
        "def odd(n): return n != 0 and even(n - 1)\n"
        "def outer():\n"
        "    def inner(n): return 0 if n == 0 else 1 + inner(n - 1)\n"
        "    return inner\n"
        "inner = outer()\n"
        "def deep(n): return inner(n), even(n)"
    )
    assert program.call("deep", 8) == (8, True)
    assert program.call("even", 3) is False
    assert program.call("deep", 3) == (3, False)


def test_what_a_client_unpickles_has_globals_of_its_own(program: Program) -> None:
    program.run("limit = 50")
    first = pickle.loads(by_value.dumps(program.globals["bounded"]))
    program.run("limit = 60")
    second = pickle.loads(by_value.dumps(program.globals["bounded"]))
    assert (first(), second()) == (50, 60)


def test_a_definition_that_cannot_be_loaded_leaves_nothing_behind(program: Program) -> None:
    program.run("class Broken:\n    def __reduce__(self): return divmod, (limit, 0)\nbroken = Broken()")
    program.run("def bad(): return broken, limit")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        program.call("bad")
    program.run("limit = 70")
    assert program.call("bounded") == 70


def test_marks_of_functions() -> None:
    """One that can be imported is its name; one that travels by value is like no other, and soon marked."""

    def own() -> Callable[..., Any]:
        return own

    assert mark([len, itertools.chain, pickle.dumps]) == mark([len, itertools.chain, pickle.dumps])
    assert mark([Iterator, Functions.load]) == mark([Iterator, Functions.load])
    assert mark(own) != mark(own)
    assert mark({"f": own}) != mark({"f": own})
