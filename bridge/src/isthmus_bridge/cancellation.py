"""How a running task is told to stop: an exception inside it, once.

Swift sends a signal to the thread that runs tasks. The handler asks whether the task that was to stop still
runs (it may have ended in the meantime) and raises only then, so nothing leaks into the next task. A
coroutine task is cancelled in its event loop instead, as asyncio expects.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CANCELLED", "TIMED_OUT", "TaskCancelled", "install"]

CANCELLED = 1
TIMED_OUT = 2


class TaskCancelled(BaseException):
    """Raised inside a task that was cancelled or whose time is up.

    A `BaseException`, so that a task's `except Exception` does not swallow it. A task may catch it to tidy
    up; when it has not ended after the grace period, its executor is killed.
    """

    def __init__(self, reason: int = CANCELLED) -> None:
        super().__init__("the task's time is up" if reason == TIMED_OUT else "the task was cancelled")
        self.reason = reason

    def __reduce__(self) -> tuple[type[TaskCancelled], tuple[int]]:
        return (TaskCancelled, (self.reason,))


class _Coroutine:
    """The coroutine task that runs, if one does: how to cancel it, and why that was asked for."""

    cancel: Callable[[], object] | None = None
    reason = 0


coroutine = _Coroutine()


def install() -> None:
    """Listen for requests to stop; to be called on the main thread of an executor."""
    import _isthmus

    def on_signal(_signal: int, _frame: Any) -> None:
        reason = _isthmus.stopping()
        if reason == 0:
            return
        if coroutine.cancel is not None:
            coroutine.reason = reason
            coroutine.cancel()
        else:
            raise TaskCancelled(reason)

    signal.signal(_isthmus.STOP_SIGNAL, on_signal)
