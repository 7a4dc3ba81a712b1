"""The globals of functions that travel by value: one namespace per session and namespace of its client.

cloudpickle gives each pickle a namespace of its own. Here those of one session share one, as they would in a
child of the standard library's pools: what an initializer or a task sets with `global` is there for the
tasks that follow, and a dict that an initializer fills stays filled.

A function also brings the values that its globals had in the client when it was submitted. For each name the
namespace remembers a mark of the value that the client gave last (`marks.mark`). What comes with the same
mark changes nothing: what was set here stays. What comes with another one is a change of the client's own
and wins. A function whose values were replaced meanwhile is parked by `calls.Functions`, and gets them back
before it is called again: its values are always those of its submit.

Only what a session's definitions and arguments hold shares a namespace. Values of other tasks, which were
made elsewhere, and whatever a client unpickles, have namespaces of their own as ever.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from isthmus_bridge._limits import NAMESPACES_MAX

if TYPE_CHECKING:
    import types
    from collections.abc import Callable

__all__ = ["Capture", "Namespace", "apply", "forget_session", "in_force", "loading", "make_function"]


class Namespace:
    """Stands for one dict of globals of one session's client."""

    __slots__ = ("given", "values")

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.given: dict[str, object] = {}
        """Per name: the mark of what the client gave last."""


class Capture(NamedTuple):
    """A global as a function brought it."""

    namespace: Namespace
    name: str
    mark: object
    value: Any


class _Loading:
    """What is being unpickled now: set by who unpickles for a session, looked at by `make_function`."""

    __slots__ = ("bases", "found", "session", "thread")

    def __init__(self) -> None:
        self.session: int | None = None
        self.thread = threading.get_ident()
        self.found: list[tuple[Namespace, dict[str, Any]]] = []
        """What the functions of this pickle brought."""
        self.bases: dict[int, Namespace] = {}
        """The namespaces of this pickle, by the identities of their dicts."""

    def end(self) -> list[Capture]:
        """To be called after each pickle in which `found` is not empty: all that it brought, marked."""
        mark = _mark or _load_marks()[1]
        found = self.found
        self.reset()
        captures: dict[tuple[int, str], Capture] = {}
        for namespace, values in found:
            for name, value in values.items():
                key = (id(namespace), name)
                if key not in captures:
                    captures[key] = Capture(namespace, name, mark(value), value)
        return list(captures.values())

    def reset(self) -> None:
        """Forget what the last pickle brought, also when it could not be loaded."""
        self.session = None
        self.found = []
        self.bases = {}


_leaf_mark: Callable[[Any], object | None] | None = None
_mark: Callable[[Any], object] | None = None


def _load_marks() -> tuple[Callable[[Any], object | None], Callable[[Any], object]]:
    """Import what imports cloudpickle, when it is first needed: for each function it would take a while."""
    global _leaf_mark, _mark
    from isthmus_bridge.marks import leaf_mark, mark

    _leaf_mark, _mark = leaf_mark, mark
    return leaf_mark, mark


loading = _Loading()
_namespaces: dict[tuple[int, int], Namespace] = {}


def _shared(session: int, identity: int, base: dict[str, Any]) -> Namespace:
    """The namespace of a session that stands for the client's with this identity."""
    key = (session, identity)
    namespace = _namespaces.get(key)
    if namespace is None:
        if len(_namespaces) >= NAMESPACES_MAX:
            del _namespaces[next(iter(_namespaces))]
        namespace = _namespaces[key] = Namespace(dict(base))
    return namespace


def forget_session(session: int) -> None:
    """Drop the namespaces of a session."""
    for key in [key for key in _namespaces if key[0] == session]:
        del _namespaces[key]


def apply(captures: list[Capture]) -> bool:
    """Put into force what a function brought; true when something that another one brought was replaced."""
    replaced = False
    for namespace, name, mark, value in captures:
        before = namespace.given.get(name)
        if before == mark:
            continue
        namespace.given[name] = mark
        if before is None:
            namespace.values.setdefault(name, value)
        else:
            namespace.values[name] = value
            replaced = True
    return replaced


def in_force(captures: list[Capture]) -> bool:
    """Whether a function still has the values that it brought."""
    return all(capture.namespace.given[capture.name] == capture.mark for capture in captures)


def _imported() -> Any:
    from cloudpickle import cloudpickle

    return cloudpickle


def make_function(
    code: types.CodeType, base: dict[str, Any], name: Any, defaults: Any, closure: Any, identity: int
) -> types.FunctionType:
    """cloudpickle's, in the namespace that its session has for `identity`; what a pickle calls."""
    cloudpickle: Any = sys.modules.get("cloudpickle.cloudpickle") or _imported()
    if loading.session is not None and loading.thread == threading.get_ident():
        namespace = _shared(loading.session, identity, base)
        base = namespace.values
        loading.bases[id(base)] = namespace
    made: types.FunctionType = cloudpickle._make_function(code, base, name, defaults, closure)
    return made


def set_state(function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """cloudpickle's, for the globals of the session; what a pickle calls."""
    cloudpickle: Any = sys.modules.get("cloudpickle.cloudpickle") or _imported()
    namespace = loading.bases.get(id(function.__globals__)) if loading.bases else None
    if namespace is not None:
        brought = state[1]["__globals__"]
        loading.found.append((namespace, brought))
        # Needed at once by what runs while the rest is unpickled, such as a `__setstate__`.
        state[1]["__globals__"] = _new(namespace, brought)
    cloudpickle._function_setstate(function, state)


def _new(namespace: Namespace, brought: dict[str, Any]) -> dict[str, Any]:
    leaf_mark = _leaf_mark or _load_marks()[0]
    new = {}
    for name, value in brought.items():
        if name not in namespace.given:
            if name not in namespace.values:
                new[name] = value
        else:
            mark = leaf_mark(value)
            if mark is not None and namespace.given[name] != mark:
                new[name] = value
    return new
