"""Arrays whose bytes do not lie side by side leave an executor without being copied again and again."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from isthmus_bridge._limits import INLINE_BYTES_MAX, PAYLOAD_BYTES_MAX
from isthmus_bridge.pickling import dump

SQUARE: Any = np.arange(1_000_000.0).reshape(1000, 1000)
MOMENT: Any = np.datetime64("2026-01-02")

ARRAYS: dict[str, Any] = {
    "whole": SQUARE,
    "transposed": SQUARE.T,
    "columns": SQUARE[:, 10:600],
    "every other row": SQUARE[::2],
    "backwards": SQUARE[::-1],
    "overlapping": np.lib.stride_tricks.as_strided(SQUARE, (500, 500), (8, 8)),
    "a constant": np.broadcast_to(1.5, (1000, 1000)),
    "a row": np.broadcast_to(np.arange(1000), (1000, 1000)),
    "a column": np.broadcast_to(np.arange(1000).reshape(1000, 1), (1000, 1000)),
    "in the middle": np.broadcast_to(np.arange(50.0).reshape(5, 1, 10), (5, 2000, 10)),
    "moments": np.broadcast_to(MOMENT, (100, 10_000)),
    "objects": np.broadcast_to(np.array("text", dtype=object), (100, 1000)),
    "records": np.zeros(100_000, [("a", "u1"), ("b", "f8")])["b"],
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_arrives_as_it_was(name: str) -> None:
    array = ARRAYS[name]
    data, buffers = dump(array)
    back = pickle.loads(data, buffers=[bytearray(buffer.raw()) for buffer in buffers])
    assert type(back) is np.ndarray
    assert (back.shape, back.dtype) == (array.shape, array.dtype)
    assert np.array_equal(back, array)
    assert back.flags.writeable
    # Writing to one element changes that one alone.
    back[(0,) * back.ndim] = back[(-1,) * back.ndim]
    assert np.array_equal(back.reshape(-1)[1:], array.reshape(-1)[1:])


@pytest.mark.parametrize("name", ["columns", "every other row", "backwards", "overlapping", "records"])
def test_its_bytes_travel_beside_the_pickle(name: str) -> None:
    data, buffers = dump(ARRAYS[name])
    assert len(data) < 1_000
    assert sum(buffer.raw().nbytes for buffer in buffers) == ARRAYS[name].nbytes


@pytest.mark.parametrize("name", ["a constant", "a row", "a column", "in the middle"])
def test_what_repeats_travels_once(name: str) -> None:
    data, buffers = dump(ARRAYS[name])
    assert len(data) + sum(buffer.raw().nbytes for buffer in buffers) < INLINE_BYTES_MAX


def test_what_no_value_may_be_is_not_made_small() -> None:
    # An array that no other process could hold is refused here, by its size.
    huge = np.broadcast_to(1.0, (PAYLOAD_BYTES_MAX // 8 + 1,))
    data, buffers = dump(huge)
    assert len(data) + sum(buffer.raw().nbytes for buffer in buffers) > PAYLOAD_BYTES_MAX


class _Own(np.ndarray[Any, Any]):
    """A subclass says itself how it is pickled."""


def test_a_subclass_keeps_its_class() -> None:
    data, buffers = dump(SQUARE[::2].view(_Own))
    assert type(pickle.loads(data, buffers=buffers)) is _Own
