"""How an exception of a task travels: pickled, and as text for whoever cannot unpickle it."""

from __future__ import annotations

import os
import pickle
import traceback
from typing import NamedTuple

from isthmus_bridge import rebuilding
from isthmus_bridge._limits import EXCEPTION_BASES_MAX, TEXT_BYTES_MAX, TRACEBACK_FRAMES_MAX
from isthmus_bridge.pickling import dump_by_value

__all__ = ["Failure", "describe", "exception_name"]


_RAISED_BY_CLASSES = (Exception, SystemExit, GeneratorExit)
"""What methods of an exception's class may raise while it is described. A request to stop passes."""


class Failure(NamedTuple):
    """An exception of a task, in forms that survive the journey."""

    pickled: bytes | None
    """The exception itself; None when it cannot be pickled, or not unpickled again."""
    class_name: str
    """Qualified, as in a traceback: `ValueError`, `package.module.Oops`."""
    message: str
    traceback: str
    """As Python prints it, without the frames of the bridge."""
    bases: tuple[str, ...] = ()
    """Names of the class and of what it is derived from, in the order of the MRO, without `object`."""


def exception_name(error: BaseException) -> str:
    """The name of an exception's class, as a traceback writes it."""
    return _class_name(type(error))


def _class_name(kind: type) -> str:
    if kind.__module__ in {"builtins", "__main__"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def describe(error: BaseException) -> Failure:
    """Make a `Failure` of what a task raised. Does not raise, whatever the exception's class does."""
    return Failure(
        pickled=_pickled(error),
        class_name=exception_name(error),
        message=_message(error),
        traceback=_traceback(error),
        bases=tuple(_class_name(kind) for kind in type(error).__mro__[:-1][:EXCEPTION_BASES_MAX]),
    )


def _message(error: BaseException) -> str:
    try:
        return _cut(str(error))
    except _RAISED_BY_CLASSES as problem:
        return f"<no message: its str() raised {exception_name(problem)}>"


def _traceback(error: BaseException) -> str:
    try:
        told = traceback.TracebackException.from_exception(error, limit=TRACEBACK_FRAMES_MAX)
        _cut_own_frames(told)
        return _cut("".join(told.format()))
    except _RAISED_BY_CLASSES as problem:
        return f"{exception_name(error)}: <no traceback: formatting it raised {exception_name(problem)}>\n"


_OWN_FOLDER = os.path.dirname(__file__) + os.sep


def _cut_own_frames(told: traceback.TracebackException) -> None:
    """Without the frames of the bridge, in the exception and in its causes: a user has no part in them."""
    waiting, seen = [told], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if one.stack is not None:
            kept = [frame for frame in one.stack if not frame.filename.startswith(_OWN_FOLDER)]
            # Without a frame there is no heading either.
            one.stack = traceback.StackSummary.from_list(kept) if kept else None  # type: ignore[assignment]
        inner = getattr(one, "exceptions", None) or ()
        waiting.extend(other for other in (one.__cause__, one.__context__, *inner) if other is not None)


def _cut(text: str) -> str:
    # A lone surrogate cannot travel as UTF-8.
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= TEXT_BYTES_MAX:
        return text
    half = TEXT_BYTES_MAX // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _pickled(error: BaseException) -> bytes | None:
    """The pickled exception, if it also comes back as what it was."""
    plain = None
    try:
        data = dump_by_value(error)
        restored = pickle.loads(data)
        if type(restored) is type(error):
            plain = data
            if not rebuilding.is_needed(error, restored):
                return data
    except _RAISED_BY_CLASSES:
        pass
    try:
        data = rebuilding.dump(error)
        return data if type(pickle.loads(data)) is type(error) else plain
    except _RAISED_BY_CLASSES:
        return plain
