"""The names of `builtins`, which a task may replace for everything that runs in its process.

To compare them all after each task would take too long: the module itself notes that one was set.
"""

from __future__ import annotations

import builtins
from types import ModuleType
from typing import Any

__all__ = ["BuiltinNames", "watch"]

_MISSING = object()


class _Watch:
    """Whether a name was set or deleted since they were last put back."""

    changed = False


watch = _Watch()


class _Builtins(ModuleType):
    """The class of the module `builtins` in an executor."""

    def __setattr__(self, name: str, value: Any) -> None:
        watch.changed = True
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        watch.changed = True
        super().__delattr__(name)


class BuiltinNames:
    """What the names mean at one moment."""

    def __init__(self) -> None:
        builtins.__class__ = _Builtins
        self._values = dict(builtins.__dict__)

    def put_back(self) -> None:
        """Names that were replaced or deleted mean again what they did. New ones stay: a module that was
        imported meanwhile may need them."""
        now = builtins.__dict__
        for name, value in self._values.items():
            if now.get(name, _MISSING) is not value:
                now[name] = value
        watch.changed = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BuiltinNames) or self._values.keys() != other._values.keys():
            return False
        return all(value is other._values[name] for name, value in self._values.items())

    __hash__ = None  # type: ignore[assignment]
