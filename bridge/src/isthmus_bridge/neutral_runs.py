"""Lists of one kind in a neutral value: all elements at once, since Python is slow one by one."""

from __future__ import annotations

import functools
import itertools
import re
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Patience", "pack_alike", "read_run"]

_RUN_MIN = 4
"""Fewer elements of one form are not worth the search for their end."""

_INTEGERS_MIN = 16
"""Fewer integers of one form are read one by one, with those of other forms behind them."""

_BLOCKS = (1_024, 64)
"""A list of integers that are not of one form is looked at again in parts of so many."""

_ONE = [bytes((marker,)) for marker in range(256)]

_SMALL = re.compile(rb"[\x00-\x7f\xe0-\xff]*")
_FLAGS = re.compile(rb"[\xc2\xc3]*")


def _codes(kinds: str) -> dict[int, str]:
    """The type code of `array` for each size; which sizes it has depends on the machine."""
    return {array(kind).itemsize: kind for kind in kinds}


_UNSIGNED, _SIGNED = _codes("BHILQ"), _codes("bhilq")

_INTEGERS = (
    (1 << 7, 1 << 8, 0xCC, _UNSIGNED[1]),
    (1 << 8, 1 << 16, 0xCD, _UNSIGNED[2]),
    (1 << 16, 1 << 32, 0xCE, _UNSIGNED[4]),
    (1 << 32, 1 << 64, 0xCF, _UNSIGNED[8]),
    (-1 << 7, -1 << 5, 0xD0, _SIGNED[1]),
    (-1 << 15, -1 << 7, 0xD1, _SIGNED[2]),
    (-1 << 31, -1 << 15, 0xD2, _SIGNED[4]),
    (-1 << 63, -1 << 31, 0xD3, _SIGNED[8]),
)
"""From, below, the marker, and the elements' type in an array."""

_RUNS = {marker: kind for _, _, marker, kind in _INTEGERS} | {0xCA: "f", 0xCB: "d"}

_TEXT_HEADS = [bytes((0xA0 | size,)) for size in range(32)] + [bytes((0xD9, size)) for size in range(32, 256)]
_BYTES_HEADS = [bytes((0xC4, size)) for size in range(256)]


def _write(out: bytearray, marker: int, kind: str, values: Sequence[Any]) -> None:
    """Each value behind its marker, big-endian."""
    numbers = array(kind, values)
    size = numbers.itemsize
    if sys.byteorder == "little":
        numbers.byteswap()
    data = numbers.tobytes()
    packed = bytearray(_ONE[marker]) * (len(values) * (size + 1))
    for place in range(size):
        packed[place + 1 :: size + 1] = data[place::size]
    out += packed


def pack_alike(out: bytearray, values: Sequence[Any], integer: Callable[[int], None]) -> bool:
    """Write the elements of a list if all of them are of one kind that is known here; False if not.

    `integer` writes one integer, and raises what it has to say of one that is too large.
    """
    kinds = set(map(type, values))
    if len(kinds) != 1:
        return False
    kind = kinds.pop()
    if kind is float:
        _write(out, 0xCB, "d", values)
    elif kind is int:
        _integers(out, values, integer)
    elif kind is str:
        try:
            return _short(out, list(map(str.encode, values)), _TEXT_HEADS, 0xDA)
        except UnicodeEncodeError:
            return False
    elif kind is bytes:
        return _short(out, values, _BYTES_HEADS, 0xC5)
    elif kind is bool:
        out += bytes(values).translate(_BOOLS)
    else:
        return False
    return True


_BOOLS = bytes((0xC2, 0xC3)) + bytes(254)


def _integers(out: bytearray, values: Sequence[int], integer: Callable[[int], None]) -> None:
    lowest, highest = min(values), max(values)
    if lowest >= -1 << 5 and highest < 1 << 7:
        out += array("b", values).tobytes()
        return
    for begin, end, marker, kind in _INTEGERS:
        if lowest >= begin and highest < end:
            _write(out, marker, kind, values)
            return
    for size in _BLOCKS:
        if len(values) > size:
            for start in range(0, len(values), size):
                _integers(out, values[start : start + size], integer)
            return
    if lowest >= 0 and highest < 1 << 64:
        out += b"".join([_FORMS[value.bit_length()](value) for value in values])
        return
    for value in values:
        integer(value)


def _form(marker: int, form: str) -> Callable[[int], bytes]:
    return functools.partial(struct.Struct(f">B{form}").pack, marker)


_FORMS: list[Callable[[int], bytes]] = (
    [_ONE.__getitem__] * 8
    + [_form(0xCC, "B")]
    + [_form(0xCD, "H")] * 8
    + [_form(0xCE, "I")] * 16
    + [_form(0xCF, "Q")] * 32
)
"""How an integer of so many bits is written that is not below zero."""


def _short(out: bytearray, values: Sequence[bytes], heads: list[bytes], medium: int) -> bool:
    """Texts or bytes, of which nearly all are short. False for long ones, which are not copied twice."""
    sizes = list(map(len, values))
    longest = max(sizes)
    if longest >= 1 << 16:
        return False
    if longest < len(heads):
        found = [heads[size] for size in sizes]
    else:
        found = [heads[size] if size < len(heads) else struct.pack(">BH", medium, size) for size in sizes]
    out += b"".join(itertools.chain.from_iterable(zip(found, values, strict=True)))
    return True


def read_run(data: memoryview, offset: int, most: int, into: list[Any]) -> int:
    """Read elements of one form that follow each other, at most `most`; the offset behind them.

    Reads none where it is not worth it, or where something else begins.
    """
    marker = data[offset]
    if marker < 1 << 7 or marker >= 0xE0:
        small = array("b", _matching(_SMALL, data, offset, most))
        into.extend(small.tolist())
        return offset + len(small)
    if 0xA0 <= marker < 0xC0 or marker == 0xD9:
        return _texts(data, offset, most, into)
    if marker == 0xC4:
        return _blobs(data, offset, most, into)
    if marker in (0xC2, 0xC3):
        flags = _matching(_FLAGS, data, offset, most)
        into.extend([flag == 0xC3 for flag in flags])
        return offset + len(flags)
    kind = _RUNS.get(marker)
    if kind is None:
        return offset
    numbers = array(kind)
    size = numbers.itemsize + 1
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
    if run < _RUN_MIN or (run < _INTEGERS_MIN <= most and marker >= 0xCC):
        return offset if marker < 0xCC else _mixed(data, offset, most, into)
    end = offset + run * size
    packed = bytes(data[offset:end])
    plain = bytearray(run * (size - 1))
    for place in range(size - 1):
        plain[place :: size - 1] = packed[place + 1 :: size]
    numbers.frombytes(plain)
    if sys.byteorder == "little":
        numbers.byteswap()
    into.extend(numbers.tolist())
    return end


def _matching(expression: re.Pattern[bytes], data: memoryview, offset: int, most: int) -> bytes:
    found = expression.match(data[offset : offset + most])
    assert found is not None, "the expression matches nothing as well"
    return found.group()


_BYTES_AT_ONCE = 4_096
"""They are copied to be searched for short texts or bytes."""


def _mixed(data: memoryview, offset: int, most: int, into: list[Any]) -> int:
    """Read some integers of any form that follow each other."""
    block = bytes(data[offset : offset + 9 * _BLOCKS[1]])
    place, end = 0, len(block)
    for _ in range(min(most, _BLOCKS[1])):
        if place >= end:
            break
        marker = block[place]
        if marker < 1 << 7:
            into.append(marker)
            place += 1
        elif marker >= 0xE0:
            into.append(marker - 0x100)
            place += 1
        elif 0xCC <= marker <= 0xD3:
            following = place + 1 + (1 << (marker & 3))
            if following > end:
                break
            into.append(int.from_bytes(block[place + 1 : following], "big", signed=marker >= 0xD0))
            place = following
        else:
            break
    return offset + place


def _texts(data: memoryview, offset: int, most: int, into: list[Any]) -> int:
    """Read texts of less than 256 bytes that follow each other. What is no text is left to others to name."""
    block = bytes(data[offset : offset + _BYTES_AT_ONCE])
    place, end = 0, len(block)
    texts: list[str] = []
    try:
        while place < end and len(texts) < most:
            size, start = block[place] - 0xA0, place + 1
            if size == 0xD9 - 0xA0 and start < end:
                size, start = block[start], start + 1
            elif not 0 <= size < 32:
                break
            following = start + size
            if following > end:
                break
            texts.append(block[start:following].decode())
            place = following
    except UnicodeDecodeError:
        pass
    into.extend(texts)
    return offset + place


def _blobs(data: memoryview, offset: int, most: int, into: list[Any]) -> int:
    """Read bytes objects of less than 256 bytes that follow each other."""
    block = bytes(data[offset : offset + _BYTES_AT_ONCE])
    place, end = 0, len(block)
    blobs: list[bytes] = []
    while place + 1 < end and len(blobs) < most and block[place] == 0xC4:
        following = place + 2 + block[place + 1]
        if following > end:
            break
        blobs.append(block[place + 2 : following])
        place = following
    into.extend(blobs)
    return offset + place


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
