"""cloudpickle, and what it would send by a name that means nothing at the other end.

A function of `__main__`, or one made inside of another function, travels by value. Wrapped by
`functools.lru_cache` it is an object of C that pickles as its name, whatever the module; here the function
and the parameters of its cache travel, and the cache starts empty at the other end. A
`functools.cached_property` of such a class has a lock in some versions of Python; its function travels.

Functions are made by `namespaces.make_function`, so that those of one session share their globals in an
executor.
"""

from __future__ import annotations

import functools
import io
import sys
import types
from typing import TYPE_CHECKING, Any

import cloudpickle

from isthmus_bridge import namespaces

if TYPE_CHECKING:
    import pickle
    from collections.abc import Callable

__all__ = ["Pickler", "dumps"]

_make_function = cloudpickle.cloudpickle._make_function
_CACHED = type(functools.lru_cache(maxsize=1)(len))


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's, with what this module says."""

    def reducer_override(self, value: Any) -> Any:
        """How `value` is pickled, where that is not the usual way."""
        if type(value) is _CACHED and not _is_importable(value):
            return _cached, (value.__wrapped__, value.cache_parameters())
        if type(value) is functools.cached_property:
            return _property, (value.func, value.attrname)
        reduced = super().reducer_override(value)
        if type(value) is types.FunctionType and type(reduced) is tuple and reduced[0] is _make_function:
            arguments = (*reduced[1], id(value.__globals__))
            return (namespaces.make_function, arguments, *reduced[2:5], namespaces.set_state)
        return reduced


def dumps(value: Any, buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None) -> bytes:
    """Pickle `value`, by value where its name means nothing at the other end."""
    file = io.BytesIO()
    Pickler(file, 5, buffer_callback=buffer_callback).dump(value)
    return file.getvalue()


def _is_importable(value: Any) -> bool:
    """Whether its module and name lead to it, also in another process."""
    module: Any = getattr(value, "__module__", None)
    if module == "__main__" or module in cloudpickle.list_registry_pickle_by_value():
        return False
    found: Any = sys.modules.get(module)
    for part in getattr(value, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return found is value


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _property(function: Callable[..., Any], name: str | None) -> Any:
    made: Any = functools.cached_property(function)
    made.attrname = name
    return made
