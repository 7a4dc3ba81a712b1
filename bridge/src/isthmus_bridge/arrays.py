"""NumPy arrays whose bytes do not lie side by side, on their way out of an executor.

Pickle would copy such an array into a `bytes`, that into the pickle, and the other end would copy it out
again. Here it is copied once, and travels as any other array does. One that is the same along an axis, as
Dask makes them of constants, travels once and is spread out at the other end.
"""

from __future__ import annotations

from typing import Any

from isthmus_bridge._limits import INLINE_BYTES_MAX, PAYLOAD_BYTES_MAX

__all__ = ["dense", "spread"]


class _Spread:
    """Pickles as the array that it stands for."""

    def __init__(self, once: Any, shape: tuple[int, ...]) -> None:
        self._made = once, shape

    def __reduce__(self) -> Any:
        return spread, self._made


def dense(array: Any) -> Any:
    """What pickles as `array`, an ndarray, with its bytes side by side."""
    if array.flags.forc or array.dtype.hasobject or not INLINE_BYTES_MAX <= array.nbytes <= PAYLOAD_BYTES_MAX:
        return array
    if 0 in array.strides:
        first = tuple(slice(None if step else 1) for step in array.strides)
        return _Spread(array[first].copy(), array.shape)
    return array.copy()


def spread(once: Any, shape: tuple[int, ...]) -> Any:
    """The array of this shape that repeats `once`: one of its own, which may be written to."""
    import numpy as np

    return np.broadcast_to(once, shape).copy()
