"""Functions that the tests of this folder run in executors."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any


def add(left: Any, right: Any) -> Any:
    return left + right


def apply(function: Any, *args: Any) -> Any:
    return function(*args)


def total(values: Any) -> Any:
    return sum(values)


def nap(seconds: float, value: Any = None) -> Any:
    time.sleep(seconds)
    return value


def until_file(path: str, value: Any = None) -> Any:
    while not Path(path).exists():
        time.sleep(0.005)
    return value


def leave_a_trace(path: str, value: Any) -> Any:
    with open(path, "a") as file:
        file.write(f"{value}\n")
    return value


def refuse(value: Any) -> Any:
    raise ValueError("refused", value)


def fail_at(limit: int, value: int) -> int:
    if value >= limit:
        raise IndexError(f"{value} is too much")
    return value


def die_at(limit: int, value: int) -> int:
    if value == limit:
        os._exit(7)
    return value


def talk(text: str) -> str:
    print("said", text)
    print("whispered", text, file=sys.stderr)
    return text


def environment(name: str) -> str | None:
    return os.environ.get(name)


def set_environment(name: str, value: str) -> None:
    os.environ[name] = value


class Leaves:
    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (0,)


def leaves_when_read() -> Leaves:
    return Leaves()


class TwoArguments(Exception):
    """Its constructor wants more than its args hold, so plain unpickling cannot call it."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


class Unpicklable(Exception):
    """Holds what no other process can have."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.held = threading.Lock()


def raise_unpicklable() -> None:
    raise Unpicklable("stays where it is")


def raise_two_arguments() -> None:
    raise TwoArguments("first", "second")


class RefusesPickle:
    def __reduce__(self) -> Any:
        raise TypeError("this object refuses to be pickled")


def throw(kind: type[BaseException]) -> None:
    raise kind


def throw_at_two(kind: type[BaseException], value: int) -> int:
    if value == 2:
        raise kind
    return value


def exhaust(values: list[int]) -> int:
    rest = iter(values)
    return next(rest) + next(rest)


def exhaust_chained(values: list[int]) -> int:
    try:
        return exhaust(values)
    except StopIteration as error:
        raise RuntimeError("the function's own") from error


class Throws:
    """Raises when it is read."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return throw, (self.kind,)


def unpicklable_here(kind: type[BaseException], size: int) -> tuple[Throws, bytes]:
    return Throws(kind), bytes(size)
