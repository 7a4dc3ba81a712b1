"""cloudpickle, and what it would send by a name that means nothing at the other end.

A function of `__main__`, or one made inside of another function, travels by value. Wrapped by
`functools.lru_cache` it is an object of C that pickles as its name, whatever the module; here the function
and the parameters of its cache travel, and the cache starts empty at the other end. A
`functools.cached_property` of such a class has a lock in some versions of Python; its function travels. Weak
references travel with what they refer to, as in the cache of a `functools.singledispatch`. Code keeps the
name of its file, which tracebacks name.

Functions are made by `namespaces.make_function`, so that those of one session share their globals in an
executor.
"""

from __future__ import annotations

import contextlib
import copyreg
import functools
import io
import pickle
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any

import cloudpickle.cloudpickle as base

from isthmus_bridge import classes, namespaces, typing_forms

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pickler", "dumps", "is_importable"]

_CACHED = type(functools.lru_cache(maxsize=1)(len))
_FILENAME = 10
"""The place of the file's name among the arguments of `types.CodeType`, from Python 3.10 on."""


class Pickler(base.Pickler):  # type: ignore[misc]
    """cloudpickle's, with what this module says. `is_owner`: see `classes`."""

    is_owner = False

    def reducer_override(self, value: Any) -> Any:
        """How `value` is pickled, where that is not the usual way."""
        kind = type(value)
        reduce = _REDUCERS.get(kind)
        if reduce is not None:
            reduced = reduce(value)
            if reduced is not NotImplemented:
                return reduced
        elif kind.__module__ == "typing":
            reduced = typing_forms.reduced(value)
            if reduced is not NotImplemented:
                return reduced
        reduced = super().reducer_override(value)
        if type(reduced) is tuple and reduced[0] in _CLASS_MAKERS:
            return classes.reduced(value, is_owner=self.is_owner)
        if reduced is NotImplemented and hasattr(kind, "__getattr__") and _has_usual_state(kind):
            new = copyreg.__newobj__  # type: ignore[attr-defined]
            return new, (kind,), _state(value), None, None, _set_state
        return reduced

    def _dynamic_function_reduce(self, function: Any) -> Any:
        reduced = super()._dynamic_function_reduce(function)
        parameters = getattr(function, "__type_params__", None)
        if parameters:
            reduced[2][1]["__type_params__"] = parameters
        arguments = (*reduced[1], id(function.__globals__))
        return (namespaces.make_function, arguments, *reduced[2:5], namespaces.set_state)


class _OwnersPickler(Pickler):
    is_owner = True


def dumps(
    value: Any,
    buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
    *,
    is_owner: bool = False,
) -> bytes:
    """Pickle `value`, by value where its name means nothing at the other end. `is_owner`: see `classes`."""
    file = io.BytesIO()
    kind = _OwnersPickler if is_owner else Pickler
    kind(file, 5, buffer_callback=buffer_callback).dump(value)
    return file.getvalue()


def is_importable(value: Any) -> bool:
    """Whether its module and name lead to it, also in another process."""
    module: Any = getattr(value, "__module__", None)
    if module == "__main__" or module in base._PICKLE_BY_VALUE_MODULES:
        return False
    found: Any = sys.modules.get(module)
    name = str(getattr(value, "__qualname__", None) or getattr(value, "__name__", ""))
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def _reduced_cache(value: Any) -> Any:
    if is_importable(value):
        return NotImplemented
    return _cached, (value.__wrapped__, value.cache_parameters())


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _reduced_property(value: Any) -> Any:
    return _property, (value.func, value.attrname)


def _property(function: Callable[..., Any], name: str | None) -> Any:
    made: Any = functools.cached_property(function)
    made.attrname = name
    return made


def _reduced_code(value: types.CodeType) -> Any:
    # The newest cloudpickle writes another name, so that equal functions of a notebook have equal pickles.
    make, arguments = base._code_reduce(value)
    return make, (*arguments[:_FILENAME], value.co_filename, *arguments[_FILENAME + 1 :])


def _reduced_file(value: io.TextIOWrapper) -> Any:
    if value is sys.stdout or value is sys.stderr:
        return NotImplemented
    # cloudpickle would send what is still to be read of it.
    name = getattr(value, "name", None)
    raise pickle.PicklingError(
        f"cannot pickle the open file {name!r}: open it where it is used, or pass its path or its text"
    )


def _reduced_reference(value: weakref.ref[Any]) -> Any:
    return _reference, (value(),)


def _reference(value: Any) -> Any:
    """A weak reference; a dead one for None."""
    return weakref.ref(value if value is not None else type("Gone", (), {})())


def _reduced_weak_mapping(value: Any) -> Any:
    return type(value), (dict(value),)


def _has_usual_state(kind: Any) -> bool:
    """Whether an instance is its attributes, and its class does not say how it is pickled."""
    return (
        kind.__new__ is object.__new__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and getattr(kind, "__getstate__", None) is getattr(object, "__getstate__", None)
        and not hasattr(kind, "__setstate__")
        and kind not in copyreg.dispatch_table
    )


def _state(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes and slots, found without asking `value`: its `__getattr__` may answer for any name."""
    slots = {}
    for name in copyreg._slotnames(type(value)):  # type: ignore[attr-defined]
        with contextlib.suppress(AttributeError):
            slots[name] = object.__getattribute__(value, name)
    try:
        return object.__getattribute__(value, "__dict__"), slots
    except AttributeError:
        return {}, slots


def _set_state(value: Any, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    attributes, slots = state
    if attributes:
        object.__getattribute__(value, "__dict__").update(attributes)
    for name, own in slots.items():
        object.__setattr__(value, name, own)


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    _CACHED: _reduced_cache,
    functools.cached_property: _reduced_property,
    types.CodeType: _reduced_code,
    io.TextIOWrapper: _reduced_file,
    weakref.ReferenceType: _reduced_reference,
    weakref.WeakKeyDictionary: _reduced_weak_mapping,
    weakref.WeakValueDictionary: _reduced_weak_mapping,
}

_CLASS_MAKERS = (base._make_skeleton_class, base._make_skeleton_enum)
