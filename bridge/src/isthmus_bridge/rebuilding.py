"""Exceptions whose constructor wants something else than `args` holds.

Python pickles an exception as its class and `args`, and calls the class again. With

    class Oops(Exception):
        def __init__(self, code, text):
            super().__init__(f"{code}: {text}")

that raises, or, when `text` has a default, makes an exception with another message. Here such an exception is
made by the built-in class that it is derived from, with the same `args`, and then gets its attributes: its
own `__new__` and `__init__` do not run. Attributes in slots, which Python leaves out, travel as well.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import types
from typing import Any

__all__ = ["dump", "is_needed", "rebuild"]

_HEAP_TYPE = 1 << 9
"""Flag of a class that was made at run time, unlike the interpreter's own."""


def rebuild(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Make an exception with these `args` without its own constructor; what the pickle calls."""
    base: Any = kind
    # Not along the MRO: only the base that decides the layout of the object may make one.
    while base.__flags__ & _HEAP_TYPE:
        base = base.__base__
    made: BaseException = base.__new__(kind, *args)
    base.__init__(made, *args)
    return made


def is_needed(error: BaseException, restored: BaseException) -> bool:
    """Whether the plain pickle of `error`, which gave `restored`, lost something. May raise."""
    return bool(_slots(type(error))) or str(error) != str(restored)


def dump(error: BaseException) -> bytes:
    """Pickle `error` and the exceptions inside it so that they are rebuilt. Raises what picklers raise."""
    file = io.BytesIO()
    try:
        _Pickler(file, 5).dump(error)
        if b"__main__" not in file.getvalue():
            return file.getvalue()
    except Exception:
        pass
    from isthmus_bridge import by_value

    class ByValue(by_value.Pickler):
        def reducer_override(self, value: Any) -> Any:
            reduced = _reduced(value)
            return super().reducer_override(value) if reduced is NotImplemented else reduced

    file = io.BytesIO()
    ByValue(file, 5).dump(error)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        return _reduced(value)


def _reduced(value: Any) -> Any:
    if not isinstance(value, BaseException):
        return NotImplemented
    kind = type(value)
    if not kind.__flags__ & _HEAP_TYPE or _knows_how(kind):
        return NotImplemented
    # Class, `args`, and the attributes if there are any.
    reduced: Any = value.__reduce__()
    state = dict(reduced[2] or ()) if len(reduced) > 2 else {}
    for name in _slots(kind):
        if hasattr(value, name):
            state[name] = getattr(value, name)
    return rebuild, (kind, reduced[1]), state or None


def _knows_how(kind: type) -> bool:
    """Whether the class says itself how it is pickled."""
    return (
        isinstance(kind.__reduce__, types.FunctionType)
        or isinstance(kind.__reduce_ex__, types.FunctionType)
        or kind in copyreg.dispatch_table
    )


def _slots(kind: type) -> list[str]:
    names: list[str] = copyreg._slotnames(kind)  # type: ignore[attr-defined]
    return names
