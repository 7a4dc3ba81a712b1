"""What a thread waits for while it drives the link, and what ends the wait."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Protocol


class Awaited(Protocol):
    """What a thread can wait for while it drives the link."""

    def done(self) -> bool:
        """Whether the wait is over."""


class Condition:
    """Waits for anything that `done` can tell."""

    def __init__(self, done: Callable[[], bool]) -> None:
        self.done = done


class Request:
    """The task of an event loop that this thread runs, and whether it is asked to stop meanwhile."""

    __slots__ = ("_before", "task")

    def __init__(self) -> None:
        self.task: Any = None
        if asyncio._get_running_loop() is not None:
            task: Any = asyncio.current_task()
            # Before 3.11, Ctrl-C is a KeyboardInterrupt in an event loop too.
            if hasattr(task, "cancelling"):
                self.task, self._before = task, task.cancelling()
                if getattr(task, "_must_cancel", False) and task not in _told:
                    # It was asked before, and has not come to an `await` since.
                    self._before -= 1

    def heed(self) -> None:
        """Raise what the task would be given at its next `await`."""
        if self.task is not None and self.task.cancelling() > self._before:
            _told.add(self.task)
            raise asyncio.CancelledError


#: Tasks that had a `CancelledError` here. To clean up, they may wait again.
_told: weakref.WeakSet[Any] = weakref.WeakSet()
