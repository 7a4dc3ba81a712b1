"""From what a task returned or raised to the parts of its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus_bridge import neutral, pickling
from isthmus_bridge._limits import PAYLOAD_BYTES_MAX
from isthmus_bridge.calls import NEUTRAL, PICKLE, RAW
from isthmus_bridge.errors import Failure, describe

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "NotSerializableError",
    "Part",
    "TooLargeError",
    "exception_parts",
    "failure_parts",
    "pickled_parts",
    "value_parts",
]

Part = tuple[int, int, "Buffer", "tuple[Buffer, ...]"]
"""Kind, codec, main part, out-of-band buffers: what `_isthmus.finish` takes."""

VALUE_PART = 0
LOG_PART = 3
TRACEBACK_PART = 4
SUMMARY_PART = 5


class NotSerializableError(TypeError):
    """The result of a task has no form in which it could travel; the message names its type."""


class TooLargeError(ValueError):
    """The result of a task is over the limit."""


def value_parts(value: Any, codec: int, function: Any) -> tuple[Part, ...]:
    """Encode a result. Raises `NotSerializableError` or `TooLargeError`, naming the function."""
    buffers: tuple[Buffer, ...] = ()
    data: Buffer
    if isinstance(value, (bytes, bytearray, str)):
        # Before there is a second copy of it. Of a text these are the characters, so it is a lower bound.
        _check(len(value), function)
    try:
        if codec == PICKLE:
            data, outside = pickling.dump(value)
            buffers = tuple(buffer.raw() for buffer in outside)
        elif codec == NEUTRAL:
            data = neutral.pack(value)
        else:
            data = memoryview(value).cast("B")
    except MemoryError:
        raise
    except Exception as error:
        wanted = {NEUTRAL: "be written as a neutral value", RAW: "be taken as bytes"}.get(codec, "be pickled")
        raise NotSerializableError(
            f"{_name(function)} returned {_type_name(value)}, which cannot {wanted}: "
            f"{type(error).__name__}: {error}"
        ) from error
    _check(memoryview(data).nbytes + sum(memoryview(buffer).nbytes for buffer in buffers), function)
    return ((VALUE_PART, codec, data, buffers),)


def pickled_parts(data: bytes, function: Any) -> tuple[Part, ...]:
    """The same for a result that is pickled already, with everything inside. Raises `TooLargeError`."""
    _check(len(data), function)
    return ((VALUE_PART, PICKLE, data, ()),)


def _check(size: int, function: Any) -> None:
    if size > PAYLOAD_BYTES_MAX:
        raise TooLargeError(
            f"{_name(function)} returned {size} bytes, more than payload_bytes_max ({PAYLOAD_BYTES_MAX} "
            f"bytes): return less, or write it to a file and return its path"
        )


def exception_parts(error: BaseException) -> tuple[Part, ...]:
    """Encode an exception: itself if it can travel, its traceback, and class, bases and message."""
    return failure_parts(describe(error))


def failure_parts(failure: Failure) -> tuple[Part, ...]:
    """The same for an exception that was described before."""
    facts = {"class": failure.class_name, "message": failure.message, "bases": list(failure.bases)}
    summary = neutral.pack(facts)
    parts: tuple[Part, ...] = (
        (TRACEBACK_PART, RAW, failure.traceback.encode(), ()),
        (SUMMARY_PART, NEUTRAL, summary, ()),
    )
    if failure.pickled is not None and len(failure.pickled) <= PAYLOAD_BYTES_MAX:
        parts = ((VALUE_PART, PICKLE, failure.pickled, ()), *parts)
    return parts


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or function)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
