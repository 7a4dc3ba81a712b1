"""Values of the tasks that a task depends on.

A future among the arguments of a task is pickled as a call of `dependency(n)`, so it may sit at any depth,
and a task without futures pays nothing for them. The executor sets the values that the calls find while it
unpickles the arguments of one attempt.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Dependencies", "current", "dependency"]


class Dependencies:
    """The dependencies of one attempt; each value is decoded when it is first asked for, then shared."""

    __slots__ = ("_loaded", "_loaders")

    def __init__(self, loaders: Sequence[Callable[[], Any]]) -> None:
        self._loaders = loaders
        self._loaded: dict[int, Any] = {}

    def value(self, index: int) -> Any:
        """The outcome of the task that is the `index`-th dependency."""
        if index not in self._loaded:
            if not 0 <= index < len(self._loaders):
                raise LookupError(f"dependency {index} of a task that has {len(self._loaders)}")
            self._loaded[index] = self._loaders[index]()
        return self._loaded[index]


class _Current(threading.local):
    dependencies: Dependencies | None = None


current = _Current()
"""What `dependency` looks at: one per thread, set around the unpickling of an attempt's arguments."""


def dependency(index: int) -> Any:
    """Give the value of the `index`-th dependency; what a pickled future calls when it is unpickled."""
    dependencies = current.dependencies
    if dependencies is None:
        raise LookupError("a pickled future was loaded outside of the task that it was submitted to")
    return dependencies.value(index)
