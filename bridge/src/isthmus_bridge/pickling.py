"""Pickle as the client and the executor use it.

The plain pickler first, which is several times faster. cloudpickle when that fails, or when the bytes refer
to `__main__`, which is another module at the other end (Dask's rule).
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

from isthmus_bridge import arrays
from isthmus_bridge._limits import ATTACHMENTS_MAX, INLINE_BYTES_MAX

__all__ = ["dump", "dump_by_value"]

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
"""Types whose pickles never need cloudpickle nor hold a large buffer of their own."""


def dump(value: Any) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """Pickle `value`; buffers of `INLINE_BYTES_MAX` bytes and more are left outside, in order.

    Raises what the picklers raise (`PicklingError`, `TypeError`, `AttributeError`, `RecursionError`, or
    anything that a `__reduce__` raises).
    """
    if type(value) in _PLAIN:
        return pickle.dumps(value, 5), []
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(value) is getattr(numpy, "ndarray", None):
        value = arrays.dense(value)
    buffers: list[pickle.PickleBuffer] = []

    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        if len(buffers) < ATTACHMENTS_MAX and memoryview(buffer).nbytes >= INLINE_BYTES_MAX:
            buffers.append(buffer)
            return False
        return True

    try:
        data = pickle.dumps(value, 5, buffer_callback=keep_inside)
        if b"__main__" not in data:
            return data, buffers
    except Exception:
        pass
    from isthmus_bridge import by_value

    buffers.clear()
    return by_value.dumps(value, keep_inside), buffers


def dump_by_value(value: Any) -> bytes:
    """Pickle `value` with everything inside."""
    try:
        data = pickle.dumps(value, 5)
        if b"__main__" not in data:
            return data
    except Exception:
        pass
    from isthmus_bridge import by_value

    return by_value.dumps(value)
