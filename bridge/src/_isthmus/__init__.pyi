"""The built-in module of an executor, written in Swift (Sources/PythonHost/BuiltinFunctions.swift).

It exists only inside `isthmus-executor`; this file is for type checkers and readers.
"""

from typing import Any

from typing_extensions import Buffer

STOP_SIGNAL: int
"""Sent to the main thread when the task that runs is to stop."""

def next() -> tuple[int, int, int, Any, Any] | None:
    """Block, without the GIL, until there is something to do; None when the executor is to leave.

    `(kind, session, function, payload, rest)`, kinds as in `executor.Kind`. Payloads and buffers are bytes,
    or writable buffers over memory that was filled by the socket.
    """

def value(data: Buffer, /) -> int | None:
    """End the task that `next` gave with a pickled value without out-of-band buffers.

    What the process has changed since `watch_state` (`CProcessState.h`); None for nothing.
    """

def finish(
    status: int,
    reason: int,
    detail: str,
    parts: tuple[tuple[int, int, Buffer, tuple[Buffer, ...]], ...],
    /,
) -> int | None:
    """End the task that `next` gave; a part is `(kind, codec, data, out-of-band buffers)`. Gives what `value`
    gives.
    """

def changed() -> int | None:
    """What the process has changed since `watch_state`."""

def watch_state() -> None:
    """What has changed until now is as it should be."""

def clear_environment() -> None:
    """Empty libc's environment, not `os.environ`."""

def stopping() -> int:
    """Why the task that runs is to stop, once: 0 not, 1 cancelled, 2 its time is up."""

def running() -> tuple[int, int, int] | None:
    """Session, sequence and attempt of the task that was given by `next` and not ended."""

def ready(fields: tuple[tuple[str, str], ...], /) -> None:
    """Say that tasks may come."""

def failed(text: str, /) -> None:
    """Say why no task can run here."""

def detach() -> None:
    """In the child of a fork: leave the socket to the parent."""
