"""How an exception of a task travels: pickled, and as text for whoever cannot unpickle it."""

from __future__ import annotations

import pickle
import traceback
from typing import TYPE_CHECKING, NamedTuple

from isthmus_bridge import rebuilding
from isthmus_bridge._limits import EXCEPTION_BASES_MAX, TEXT_BYTES_MAX, TRACEBACK_FRAMES_MAX
from isthmus_bridge.pickling import dump_by_value

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Failure", "describe", "exception_name"]


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
    except Exception as problem:
        return f"<no message: its str() raised {exception_name(problem)}>"


def _traceback(error: BaseException) -> str:
    try:
        start = _own_frames_cut(error.__traceback__)
        lines = traceback.format_exception(type(error), error, start, limit=TRACEBACK_FRAMES_MAX)
        return _cut("".join(lines))
    except Exception as problem:
        return f"{exception_name(error)}: <no traceback: formatting it raised {exception_name(problem)}>\n"


def _own_frames_cut(start: TracebackType | None) -> TracebackType | None:
    """The traceback behind the frames of the bridge that called the task."""
    frame = start
    while frame is not None and frame.tb_frame.f_globals.get("__package__") == __package__:
        frame = frame.tb_next
    return frame if frame is not None else start


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
    except Exception:
        pass
    try:
        data = rebuilding.dump(error)
        return data if type(pickle.loads(data)) is type(error) else plain
    except Exception:
        return plain
