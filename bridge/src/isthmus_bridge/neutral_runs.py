"""Numbers in a list of a neutral value: as many at once as have one form, since Python is slow one by one."""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Patience", "pack_numbers", "read_run"]

_BLOCK = 64
"""Integers that are looked at together when a list is written."""

_RUN_MIN = 4
"""Fewer elements of one form are not worth the search for their end."""

_ONE = [bytes((marker,)) for marker in range(256)]

_SMALL = re.compile(rb"[\x00-\x7f]*")


def _writer(marker: int, form: str) -> Callable[[int], bytes]:
    return functools.partial(struct.Struct(f">B{form}").pack, marker)


_double: Callable[[float], bytes] = functools.partial(struct.Struct(">Bd").pack, 0xCB)

_INTEGERS = (
    (1 << 7, 1 << 8, _writer(0xCC, "B")),
    (1 << 8, 1 << 16, _writer(0xCD, "H")),
    (1 << 16, 1 << 32, _writer(0xCE, "I")),
    (1 << 32, 1 << 64, _writer(0xCF, "Q")),
)
"""From, below, and how they are written."""

_RUNS = {
    marker: struct.Struct(f">x{form}")
    for marker, form in zip(
        range(0xCA, 0xD4), ("f", "d", "B", "H", "I", "Q", "b", "h", "i", "q"), strict=True
    )
}


def pack_numbers(out: bytearray, values: Sequence[Any], integer: Callable[[int], None]) -> bool:
    """Write the elements of a list if all of them are floats or all are integers; False if they are not.

    `integer` writes one integer, and raises what it has to say of one that is too large.
    """
    kinds = set(map(type, values))
    if kinds == {float}:
        out += b"".join(map(_double, values))
        return True
    if kinds != {int}:
        return False
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        lowest, highest = min(block), max(block)
        if lowest >= 0 and highest < 1 << 7:
            out += bytes(block)
            continue
        for begin, end, write in _INTEGERS:
            if lowest >= begin and highest < end:
                out += b"".join(map(write, block))
                break
        else:
            for value in block:
                integer(value)
    return True


def read_run(data: memoryview, offset: int, most: int, into: list[Any]) -> int:
    """Read numbers of one form that follow each other, at most `most`; the offset behind them.

    Reads none where it is not worth it, or where something else begins.
    """
    marker = data[offset]
    if marker < 1 << 7:
        found = _SMALL.match(data[offset : offset + most])
        assert found is not None, "the expression matches nothing as well"
        into.extend(found.group())
        return offset + found.end()
    form = _RUNS.get(marker)
    if form is None:
        return offset
    size = form.size
    most = min(most, (len(data) - offset) // size)
    run, step = 0, _RUN_MIN
    while run < most:
        begin = offset + run * size
        markers = bytes(data[begin : begin + min(step, most - run) * size : size])
        same = len(markers) - len(markers.lstrip(_ONE[marker]))
        run += same
        if same < len(markers):
            break
        # Four times as many, as long as all of them had this form.
        step *= 4
    if run < _RUN_MIN:
        return offset
    end = offset + run * size
    into.extend([value for (value,) in form.iter_unpack(data[offset:end])])
    return end


class Patience:
    """Where runs are short, they are looked for less and less often."""

    __slots__ = ("pause", "strikes")

    def __init__(self) -> None:
        self.pause = 0
        self.strikes = 0

    def found(self, elements: int) -> None:
        """So many were read at once."""
        self.strikes = 0 if elements >= _RUN_MIN else min(self.strikes + 1, 8)
        self.pause = (1 << self.strikes) - 1
