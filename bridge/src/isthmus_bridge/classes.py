"""Classes that travel by value: how they are written, and made again at the other end.

cloudpickle makes such a class by calling its metaclass, which runs the `__init_subclass__` of its bases and
the metaclass's own `__new__`, without the arguments that the program gave them. Here nothing of the program
runs while a class is made: what these functions have done to it is among its attributes, and travels.

Whose class it is: a process that has defined a class, and sees it come back inside a result, keeps its own
attributes; only a class that is new to it gets those that came. What a client sends counts more: its
attributes are those of the moment of the submit, also in an executor that knows the class already.
"""

from __future__ import annotations

import abc
import contextlib
import os
import threading
import types
import weakref
from enum import Enum
from typing import TYPE_CHECKING, Any

import cloudpickle.cloudpickle as base

from isthmus_bridge import namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reduced"]

_TYPED_DICT = "_TypedDictMeta"

_HEAP_TYPE = 1 << 9
"""Flag of a class that was made at run time and can be changed."""

_State = tuple[dict[str, Any], dict[str, dict[str, Any]], "tuple[type, ...] | None"]
"""Attributes; those of the members of an enumeration; bases."""

_making = threading.Lock()


def _forked() -> None:
    """In a forked child: who held a lock is not there. cloudpickle's own has nobody else to renew it."""
    _making._at_fork_reinit()  # type: ignore[attr-defined]
    base._DYNAMIC_CLASS_TRACKER_LOCK._at_fork_reinit()


os.register_at_fork(after_in_child=_forked)


_unfilled: set[int] = set()
"""Classes that were made and have no attributes yet, by `id`: only while they are being unpickled."""

_filled: weakref.WeakKeyDictionary[type, frozenset[str]] = weakref.WeakKeyDictionary()
"""Names of the attributes that came with a class."""

_given: weakref.WeakKeyDictionary[type, tuple[int | None, dict[str, object]]] = weakref.WeakKeyDictionary()
"""The session from which a class got its attributes, and the marks of those that can be told apart."""

_METHODS = (types.FunctionType, classmethod, staticmethod, property)
"""What always comes anew: it may call what was changed."""

_MEMBER_ATTRIBUTES = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})
"""What `EnumType` sets itself in a member."""


def reduced(kind: type, *, is_owner: bool) -> tuple[Any, ...]:
    """How the pickler writes a class by value. `is_owner`: its attributes are to replace those over there."""
    fill = _fill if is_owner else _fill_new
    identity = base._get_or_create_tracker_id(kind)
    if issubclass(kind, Enum):
        members = kind.__members__
        state, _ = base._enum_getstate(kind)
        for name in members:
            state.pop(name, None)
        values = {name: member.value for name, member in members.items()}
        made = kind.__bases__, kind.__name__, kind.__qualname__, values, kind.__module__, identity
        own = {name: _own_attributes(member) for name, member in members.items()}
        state = state, {name: some for name, some in own.items() if some}, None
        return _make_enum, made, state, None, None, fill
    if not _is_made_quietly(type(kind)):
        arguments = base._class_getnewargs(kind)
        return _make_by_metaclass, arguments, (*base._class_getstate(kind), None), None, None, fill
    state, _ = base._class_getstate(kind)
    head: dict[str, Any] = {"__qualname__": kind.__qualname__}
    for name in ("__module__", "__slots__", "__orig_bases__"):
        if name in kind.__dict__:
            head[name] = kind.__dict__[name]
    if isinstance(kind.__dict__.get("__dict__"), property):
        head["__dict__"] = kind.__dict__["__dict__"]
    for name, value in list(state.items()):
        if isinstance(value, types.MemberDescriptorType) and value.__objclass__ is kind:
            del state[name]
    state.pop("__slots__", None)
    arguments = (type(kind), kind.__name__, kind.__bases__, head, identity)
    return _make, arguments, (state, {}, kind.__bases__), None, None, fill


def _own_attributes(member: Any) -> dict[str, Any]:
    """What the `__init__` or `__new__` of an enumeration has put into a member."""
    return {name: value for name, value in vars(member).items() if name not in _MEMBER_ATTRIBUTES}


def _is_made_quietly(metaclass: type) -> bool:
    """Whether classes of this metaclass are complete without its own `__new__` and `__init__`."""
    for kind in metaclass.__mro__:
        if kind is type or kind is abc.ABCMeta:
            return True
        if kind.__name__ == _TYPED_DICT and kind.__module__ in {"typing", "typing_extensions"}:
            return True
        if kind.__module__ != "typing" and base._should_pickle_by_reference(kind):
            return False
    return False


@contextlib.contextmanager
def _nobody_is_told(bases: tuple[type, ...]) -> Iterator[None]:
    """While a class with these bases is made, their `__init_subclass__` does nothing."""
    told: dict[type, Any] = {}
    for kind in dict.fromkeys(above for one in bases for above in one.__mro__):
        if kind.__flags__ & _HEAP_TYPE and kind.__module__ != "typing":
            hook = kind.__dict__.get("__init_subclass__")
            if hook is not None:
                told[kind] = hook
    if not told:
        yield
        return
    with _making:
        try:
            for kind in told:
                type.__setattr__(kind, "__init_subclass__", _nothing)
            yield
        finally:
            for kind, hook in told.items():
                type.__setattr__(kind, "__init_subclass__", hook)


@classmethod  # type: ignore[misc]
def _nothing(cls: Any, **_: Any) -> None:
    pass


def _known(identity: str) -> Any:
    with base._DYNAMIC_CLASS_TRACKER_LOCK:
        return base._DYNAMIC_CLASS_TRACKER_BY_ID.get(identity)


def _tracked(made: type, identity: str) -> Any:
    found = base._lookup_class_or_track(identity, made)
    if found is made:
        _unfilled.add(id(made))
    return found


def _make(metaclass: Any, name: str, bases: tuple[type, ...], head: dict[str, Any], identity: str) -> Any:
    """The class that is known here by this identity, or a new one without attributes."""
    found = _known(identity)
    if found is not None:
        return found
    new: Any = abc.ABCMeta.__new__ if issubclass(metaclass, abc.ABCMeta) else type.__new__
    with _nobody_is_told(bases):
        made: Any = new(metaclass, name, bases, dict(head))
    return _tracked(made, identity)


def _make_by_metaclass(
    metaclass: Any, name: str, bases: tuple[Any, ...], head: dict[str, Any], identity: str, _: Any
) -> Any:
    """The same for a class whose metaclass has to be called."""
    found = _known(identity)
    if found is not None:
        return found
    made = types.new_class(name, bases, {"metaclass": metaclass}, lambda space: space.update(head))
    return _tracked(made, identity)


def _make_enum(
    bases: tuple[Any, ...],
    name: str,
    qualname: str,
    members: dict[str, Any],
    module: str,
    identity: str,
) -> Any:
    found = _known(identity)
    if found is not None:
        return found
    return _tracked(base._make_skeleton_enum(bases, name, qualname, members, module, None, None), identity)


def _fill(kind: Any, state: _State) -> None:
    """Give a class the attributes that came, and take away those that came before and not now."""
    _unfilled.discard(id(kind))
    attributes, members, bases = state
    if bases is not None and kind.__bases__ != bases:
        type.__setattr__(kind, "__bases__", bases)
    base._class_setstate(kind, (_changed(kind, attributes), {}))
    for name, own in members.items():
        vars(kind[name]).update(own)
    for name in _filled.get(kind, frozenset()) - attributes.keys():
        if name in kind.__dict__:
            type.__delattr__(kind, name)
    _filled[kind] = frozenset(attributes)


def _changed(kind: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    """Those attributes that the session has not given before as they are now, or that are missing."""
    session = namespaces.loading.session
    if session is None:
        return attributes
    from isthmus_bridge.marks import data_mark

    before = _given.get(kind)
    known = before[1] if before is not None and before[0] == session else {}
    marks = {
        name: mark
        for name, value in attributes.items()
        if not isinstance(value, _METHODS) and (mark := data_mark(value)) is not None
    }
    _given[kind] = session, marks
    own = kind.__dict__
    return {
        name: value
        for name, value in attributes.items()
        if name not in marks or name not in own or marks[name] != known.get(name)
    }


def _fill_new(kind: Any, state: _State) -> None:
    """The same, if the class is new in this process."""
    if id(kind) in _unfilled:
        _fill(kind, state)
