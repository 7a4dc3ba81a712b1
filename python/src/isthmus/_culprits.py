"""Which of the things that a call takes along cannot travel, or is too large: in words, for its error."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import cloudpickle.cloudpickle as base

from isthmus_bridge.chunks import run_chunk
from isthmus_bridge.graphs import Listing

from ._pickling import pack
from .errors import LimitExceeded, NotSerializable, pickling_error

if TYPE_CHECKING:
    from ._engine import Engine

#: Functions inside of functions that are looked into.
_DEPTH_MAX: Final = 8

Part = tuple[str, Any]


def not_serializable(
    engine: Engine,
    error: BaseException,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> NotSerializable:
    """The error of a call that could not be pickled; it names the argument or the variable."""

    def fails(value: Any) -> bool:
        try:
            pack(engine, value)
        except Exception:
            return True
        return False

    found: Part | None = None
    parts: list[Part] | Iterator[Part] = _of_call(function, args, kwargs)
    for _ in range(_DEPTH_MAX):
        deeper = next((part for part in parts if fails(part[1])), None)
        if deeper is None:
            break
        found = deeper
        parts = _of_function(found[1])
    where = f" [{found[0]}: {_type_name(found[1])}]" if found is not None else ""
    return wrapped(error, f"{error}{where}")


def is_out_of_stack(error: BaseException) -> bool:
    """Whether there was no room for pickling on the stack of this thread; else the value itself is deep."""
    if not isinstance(error, RecursionError) and not isinstance(error.__cause__, RecursionError):
        return False
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    return 2 * depth > sys.getrecursionlimit()


def wrapped(error: BaseException, message: str) -> NotSerializable:
    """`NotSerializable` with this message, because of `error`."""
    made = NotSerializable(message)
    made.__cause__ = pickling_error(error)
    return made


def too_large_part(
    engine: Engine, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    """Words for the largest of what a call takes along."""

    def size(part: Part) -> int:
        try:
            return pack(engine, part[1]).size
        except LimitExceeded as error:
            return error.size
        except Exception:
            return 0

    found: Part | None = None
    largest = 0
    parts = list(_of_call(function, args, kwargs))
    for _ in range(_DEPTH_MAX):
        sizes = [size(part) for part in parts]
        if not parts or 2 * max(sizes) < largest:
            break
        largest = max(sizes)
        found = parts[sizes.index(largest)]
        parts = list(_of_function(found[1]))
    return f" Most of it is {found[0]}: {_type_name(found[1])}, {largest} bytes." if found is not None else ""


def _of_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Part]:
    if type(function) is Listing:
        function = function.function
    if type(function) is functools.partial and function.func is run_chunk:
        function = function.args[0]
    called = _called(function)
    for n, value in enumerate(args, 1):
        yield f"argument {n} of {called}", value
    for name, value in kwargs.items():
        yield f"argument {name!r} of {called}", value
    yield f"the function {called} itself", function


def _of_function(function: Any) -> Iterator[Part]:
    """What a function takes along when it travels by value."""
    if type(function) is functools.partial:
        yield from _of_call(function.func, function.args, function.keywords)
    if hasattr(function, "__wrapped__"):
        yield f"the function inside of {_called(function)}", function.__wrapped__
    if type(function) is not types.FunctionType:
        return
    called = _called(function)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        if value is not function:
            yield f"the variable {name!r} that {called} uses", value
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield f"a default of {called}", value
    for name in base._extract_code_globals(function.__code__):
        value = function.__globals__.get(name)
        if value is not function:
            yield f"the global {name!r} that {called} uses", value


def _called(function: Any) -> str:
    return getattr(function, "__qualname__", None) or repr(function)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
