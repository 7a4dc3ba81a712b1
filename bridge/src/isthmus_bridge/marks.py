"""Marks of values: equal when a client gave the same value twice, whatever happened to it here meanwhile."""

from __future__ import annotations

import hashlib
import io
import pickle
import types
from typing import Any

import cloudpickle.cloudpickle as base

from isthmus_bridge import by_value

__all__ = ["data_mark", "leaf_mark", "mark"]

_LEAVES = frozenset({type(None), bool, int, str, bytes, types.ModuleType, types.BuiltinFunctionType})
"""What never changes, so that the value is its own mark."""


def leaf_mark(value: Any) -> object | None:
    """The mark of a value that holds no others; None for one that does."""
    kind = type(value)
    if kind in _LEAVES:
        return kind, value
    if kind is float or kind is complex:
        # Not by comparison: zeros have signs, and a NaN equals nothing.
        return kind, repr(value)
    if isinstance(value, type):
        # cloudpickle makes the same class of the same one.
        return type, id(value)
    if kind is types.FunctionType and _is_simple(value):
        return kind, value.__code__
    return None


def _is_simple(function: types.FunctionType) -> bool:
    """Whether it is its code, and nothing that may change: the most frequent case."""
    return not (function.__defaults__ or function.__kwdefaults__ or function.__closure__ or function.__dict__)


def mark(value: Any) -> object:
    """The mark of any value. One that cannot be pickled equals nothing, so that the client's own wins."""
    leaf = leaf_mark(value)
    if leaf is not None:
        return leaf
    found = _digest(_Marker, value)
    return object() if found is None else found


def data_mark(value: Any) -> object | None:
    """The mark of a value that is complete while what refers to it is still being unpickled.

    None for one that holds instances of classes that travel by value: these may lack their attributes yet.
    """
    leaf = leaf_mark(value)
    return leaf if leaf is not None else _digest(_DataMarker, value)


def _digest(marker: type[_Marker], value: Any) -> object | None:
    digest = hashlib.blake2b(digest_size=16)

    def take(buffer: pickle.PickleBuffer) -> bool:
        try:
            digest.update(buffer.raw())
        except BufferError:
            return True
        return False

    file = io.BytesIO()
    try:
        marker(file, 5, buffer_callback=take).dump(value)
    except Exception:
        return None
    digest.update(file.getbuffer())
    return digest.digest()


class _Marker(by_value.Pickler):
    """Classes by identity. Functions that travel by value have no marks, so the client's own win.

    One that was made anew may differ in what it calls, and a cache in it would keep what another version
    gave.
    """

    def persistent_id(self, value: Any) -> Any:
        return ("class", id(value)) if isinstance(value, type) else None

    def _dynamic_function_reduce(self, function: Any) -> Any:
        raise pickle.PicklingError(f"{function!r} has no mark")


class _DataMarker(_Marker):
    """The same for plain data."""

    def persistent_id(self, value: Any) -> Any:
        kind = type(value)
        if kind.__module__ != "builtins" and not base._should_pickle_by_reference(kind):
            raise pickle.PicklingError(f"{value!r} may not be complete")
        return super().persistent_id(value)
