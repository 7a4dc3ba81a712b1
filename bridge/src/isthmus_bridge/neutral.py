"""Neutral values: what Swift and Python both read (docs/wire-protocol.md, "Neutral values").

MessagePack with extension types: 1 is an n-dimensional array, 2 a dependency, 3 a UUID, 4 a decimal number,
5 a point in time. None, bool, int, float, str, bytes, list, dict, `uuid.UUID`, `decimal.Decimal` and NumPy
arrays keep their meaning, and a `datetime` with a time zone arrives in UTC; a tuple arrives as a list, a
NumPy scalar as a Python number. Everything else is a `NeutralError` that names the type and where it sits.
"""

from __future__ import annotations

import math
import re
import struct
import sys
from typing import TYPE_CHECKING, Any

from isthmus_bridge import neutral_runs, neutral_scalars
from isthmus_bridge._limits import NEUTRAL_DEPTH_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NeutralArray", "NeutralError", "Packed", "list_header", "pack", "unpack"]

EXTENSION_ARRAY = 1
EXTENSION_DEPENDENCY = 2

_pack_f64 = struct.Struct(">Bd").pack
_pack_u8 = struct.Struct(">BB").pack
_pack_u16 = struct.Struct(">BH").pack
_pack_u32 = struct.Struct(">BI").pack
_pack_u64 = struct.Struct(">BQ").pack
_pack_i8 = struct.Struct(">Bb").pack
_pack_i16 = struct.Struct(">Bh").pack
_pack_i32 = struct.Struct(">Bi").pack
_pack_i64 = struct.Struct(">Bq").pack

_KEY_TYPES = (str, int, float, bytes, bool, type(None))


class NeutralError(TypeError):
    """A value has no neutral form, or bytes are not a neutral value."""


class NeutralArray:
    """An n-dimensional array where NumPy is not installed: dtype as in NumPy's array interface, C order.

    Not a dataclass, which would cost each executor's start 5 ms.
    """

    __slots__ = ("data", "dtype", "shape")

    def __init__(self, dtype: str, shape: tuple[int, ...], data: bytes) -> None:
        self.dtype = dtype
        self.shape = shape
        self.data = data

    def _key(self) -> tuple[str, tuple[int, ...], bytes]:
        return self.dtype, self.shape, self.data

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, NeutralArray) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"NeutralArray(dtype={self.dtype!r}, shape={self.shape}, {len(self.data)} bytes)"


class Packed:
    """A value that is in neutral form already, and is written as it is. For `pack` itself, not inside."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


def list_header(count: int) -> bytes:
    """What goes before the elements of a list."""
    packer = _Packer(bytearray(), None)
    packer.header(count, (0x90, 16), 0, 0xDC, 0xDD)
    return bytes(packer.out)


def pack(value: object, *, dependency: Callable[[Any], int | None] | None = None) -> bytes:
    """Encode `value`.

    `dependency` is asked about every object that has no neutral form of its own; the number that it answers
    is written as a dependency, None means that the object is not one.
    Raises `NeutralError` naming the type and its place, `value[0]['when']` for example.
    """
    if isinstance(value, Packed):
        return value.data
    out = bytearray()
    _Packer(out, dependency).write(value, 0)
    return bytes(out)


def unpack(data: bytes | bytearray | memoryview, *, dependency: Callable[[int], Any] | None = None) -> Any:
    """Decode one value; `dependency` gives the values of dependencies by number.

    Arrays become NumPy arrays (writable, copied out of `data`), or `NeutralArray` without NumPy.
    Raises `NeutralError` for anything that `pack` would not have written.
    """
    reader = _Unpacker(memoryview(data).cast("B"), dependency)
    value = reader.read(0)
    if reader.offset != len(reader.data):
        raise NeutralError(f"{len(reader.data) - reader.offset} bytes behind the end of a neutral value")
    return value


SHORT_LIST = 8
"""Shorter lists are read and written element by element."""


class _Packer:
    def __init__(self, out: bytearray, dependency: Callable[[Any], int | None] | None) -> None:
        self.out = out
        self.dependency = dependency
        self.path: list[object] = []

    def write(self, value: Any, depth: int) -> None:
        if value is None:
            self.out.append(0xC0)
        elif value is True or value is False:
            self.out.append(0xC3 if value else 0xC2)
        elif isinstance(value, int):
            self.integer(value)
        elif isinstance(value, float):
            self.out += _pack_f64(0xCB, value)
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            data = memoryview(value).tobytes() if isinstance(value, memoryview) else value
            self.header(len(data), None, 0xC4, 0xC5, 0xC6)
            self.out += data
        elif isinstance(value, (list, tuple)):
            self.sequence(value, depth)
        elif isinstance(value, dict):
            self.mapping(value, depth)
        else:
            self.other(value, depth)

    def error(self, problem: str) -> NeutralError:
        place = "value" + "".join(f"[{step!r}]" for step in self.path)
        return NeutralError(f"{place}: {problem}")

    def integer(self, value: int) -> None:  # noqa: PLR0912 - one branch per form
        out = self.out
        if 0 <= value < 0x80:
            out.append(value)
        elif -0x20 <= value < 0:
            out.append(value + 0x100)
        elif value >= 0:
            if value < 1 << 8:
                out += _pack_u8(0xCC, value)
            elif value < 1 << 16:
                out += _pack_u16(0xCD, value)
            elif value < 1 << 32:
                out += _pack_u32(0xCE, value)
            elif value < 1 << 64:
                out += _pack_u64(0xCF, value)
            else:
                raise self.error(
                    f"an integer of {value.bit_length()} bits has no neutral form, 64 are the most"
                )
        elif value >= -(1 << 7):
            out += _pack_i8(0xD0, value)
        elif value >= -(1 << 15):
            out += _pack_i16(0xD1, value)
        elif value >= -(1 << 31):
            out += _pack_i32(0xD2, value)
        elif value >= -(1 << 63):
            out += _pack_i64(0xD3, value)
        else:
            raise self.error(f"an integer of {value.bit_length()} bits has no neutral form, 64 are the most")

    def header(self, count: int, fix: tuple[int, int] | None, short: int, medium: int, long: int) -> None:
        """The marker and length of text, bytes, a list or a map; `short` 0 where the format has none."""
        if fix is not None and count < fix[1]:
            self.out.append(fix[0] | count)
        elif short and count < 1 << 8:
            self.out += _pack_u8(short, count)
        elif count < 1 << 16:
            self.out += _pack_u16(medium, count)
        elif count < 1 << 32:
            self.out += _pack_u32(long, count)
        else:
            raise self.error(f"{count} elements are too many for a neutral value")

    def text(self, value: str) -> None:
        try:
            data = value.encode()
        except UnicodeEncodeError as error:
            raise self.error(
                f"a str that is not valid Unicode has no neutral form ({error.reason})"
            ) from None
        self.header(len(data), (0xA0, 32), 0xD9, 0xDA, 0xDB)
        self.out += data

    def descend(self, depth: int) -> int:
        if depth >= NEUTRAL_DEPTH_MAX:
            raise NeutralError(f"a value nested deeper than {NEUTRAL_DEPTH_MAX} levels has no neutral form")
        return depth + 1

    def sequence(self, value: list[Any] | tuple[Any, ...], depth: int) -> None:
        below = self.descend(depth)
        self.header(len(value), (0x90, 16), 0, 0xDC, 0xDD)
        begin = len(self.out)
        try:
            if len(value) >= SHORT_LIST and neutral_runs.pack_alike(self.out, value, self.integer):
                return
        except NeutralError:
            # Once more, to name its place.
            del self.out[begin:]
        for index, element in enumerate(value):
            self.path.append(index)
            self.write(element, below)
            self.path.pop()

    def mapping(self, value: dict[Any, Any], depth: int) -> None:
        below = self.descend(depth)
        self.header(len(value), (0x80, 16), 0, 0xDE, 0xDF)
        for key, element in value.items():
            self.path.append(key)
            if not isinstance(key, _KEY_TYPES):
                raise self.error(f"a dict key of type {_name(key)} has no neutral form")
            self.write(key, below)
            self.write(element, below)
            self.path.pop()

    def other(self, value: Any, depth: int) -> None:
        number = self.dependency(value) if self.dependency is not None else None
        if number is not None:
            self.out += b"\xd6\x02" + struct.pack("<I", number)
            return
        if isinstance(value, NeutralArray):
            self.array(value.dtype, value.shape, value.data)
            return
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.ndarray):
            if value.dtype.hasobject or value.dtype.names is not None:
                raise self.error(f"a NumPy array of dtype {value.dtype} has no neutral form")
            self.array(value.dtype.str, value.shape, value.tobytes("C"))
            return
        if numpy is not None and isinstance(value, (numpy.number, numpy.bool_)):
            number_value = value.item()
            if isinstance(number_value, (int, float)):
                self.write(number_value, depth)
                return
        try:
            scalar = neutral_scalars.form(value)
        except ValueError as error:
            raise self.error(str(error)) from None
        if scalar is not None:
            marker, kind, body = scalar
            self.out += marker
            self.out.append(kind)
            self.out += body
            return
        raise self.error(f"{_name(value)} has no neutral form")

    def array(self, dtype: str, shape: tuple[int, ...], data: bytes) -> None:
        try:
            expected = _array_bytes(dtype, shape)
        except ValueError as error:
            raise self.error(f"an array of dtype {dtype!r} has no neutral form ({error})") from None
        if expected != len(data):
            raise self.error(f"an array of {len(data)} bytes whose dtype and shape need {expected}")
        name = dtype.encode("ascii")
        head = bytes((len(name),)) + name + bytes((len(shape),)) + struct.pack(f"<{len(shape)}Q", *shape)
        count = len(head) + len(data)
        if count < 1 << 8:
            self.out += _pack_u8(0xC7, count)
        elif count < 1 << 16:
            self.out += _pack_u16(0xC8, count)
        elif count < 1 << 32:
            self.out += _pack_u32(0xC9, count)
        else:
            raise self.error(f"an array of {count} bytes is too large for a neutral value")
        self.out.append(EXTENSION_ARRAY)
        self.out += head
        self.out += data


def _name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


_DTYPE = re.compile(
    r"[<>|](?:b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16|32)|(?P<text>[SVU])(?P<size>[1-9][0-9]{0,9})"
    r"|[mM]8(?:\[(?:[1-9][0-9]{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)",
    re.ASCII,
)
_DIMENSIONS_MAX = 64
_ELEMENT_BYTES_MAX = 1 << 30


def _array_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of an array; a ValueError for what cannot be one, with or without NumPy."""
    match = _DTYPE.fullmatch(dtype)
    if match is None:
        raise ValueError("no such dtype")
    size = int(match["size"] or dtype[2:].partition("[")[0]) * (4 if match["text"] == "U" else 1)
    if size > _ELEMENT_BYTES_MAX:
        raise ValueError(f"elements of {size} bytes, at most {_ELEMENT_BYTES_MAX}")
    if len(shape) > _DIMENSIONS_MAX:
        raise ValueError(f"{len(shape)} dimensions, at most {_DIMENSIONS_MAX}")
    # As NumPy has it: an empty array is as impossible as it would be with elements.
    if size * math.prod(length for length in shape if length) >= 1 << 63:
        raise ValueError("the shape is impossible")
    return size * math.prod(shape)


_FIXED: dict[int, struct.Struct] = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
_LENGTHS = (struct.Struct(">B"), struct.Struct(">H"), struct.Struct(">I"))
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


class _Unpacker:
    def __init__(self, data: memoryview, dependency: Callable[[int], Any] | None) -> None:
        self.data = data
        self.end = len(data)
        self.offset = 0
        self.dependency = dependency

    def take(self, count: int) -> memoryview:
        start = self.offset
        if count > self.end - start:
            raise NeutralError(f"neutral value ends at byte {self.end}, {count} more wanted at {start}")
        self.offset = start + count
        return self.data[start : start + count]

    def length(self, size: int) -> int:
        form = _LENGTHS[size]
        return int(form.unpack(self.take(form.size))[0])

    def read(self, depth: int) -> Any:
        offset = self.offset
        if offset >= self.end:
            self.take(1)
        marker = self.data[offset]
        self.offset = offset + 1
        if marker < 0x80:
            return marker
        if marker >= 0xE0:
            return marker - 0x100
        if marker < 0x90:
            return self.mapping(marker & 0x0F, depth)
        if marker < 0xA0:
            return self.sequence(marker & 0x0F, depth)
        if marker < 0xC0:
            return self.text(marker & 0x1F)
        return self.marked(marker, depth)

    def marked(self, marker: int, depth: int) -> Any:
        if marker in _FIXED:
            form = _FIXED[marker]
            return form.unpack(self.take(form.size))[0]
        if marker == 0xC0:
            return None
        if marker in (0xC2, 0xC3):
            return marker == 0xC3
        if 0xC4 <= marker <= 0xC6:
            return bytes(self.take(self.length(marker - 0xC4)))
        if 0xC7 <= marker <= 0xC9:
            return self.extension(self.length(marker - 0xC7))
        if marker in _FIXED_EXTENSIONS:
            return self.extension(_FIXED_EXTENSIONS[marker])
        if 0xD9 <= marker <= 0xDB:
            return self.text(self.length(marker - 0xD9))
        if marker in (0xDC, 0xDD):
            return self.sequence(self.length(marker - 0xDB), depth)
        if marker in (0xDE, 0xDF):
            return self.mapping(self.length(marker - 0xDD), depth)
        raise NeutralError(f"unknown marker 0x{marker:02x} at byte {self.offset - 1} of a neutral value")

    def text(self, count: int) -> str:
        start = self.offset
        try:
            return str(self.take(count), "utf-8")
        except UnicodeDecodeError as error:
            raise NeutralError(f"text at byte {start} of a neutral value is not UTF-8: {error}") from None

    def descend(self, depth: int) -> int:
        if depth >= NEUTRAL_DEPTH_MAX:
            raise NeutralError(f"a neutral value nested deeper than {NEUTRAL_DEPTH_MAX} levels")
        return depth + 1

    def sequence(self, count: int, depth: int) -> list[Any]:
        below = self.descend(depth)
        if count > len(self.data) - self.offset:
            raise NeutralError(f"a list of {count} elements in {len(self.data) - self.offset} bytes")
        if count < SHORT_LIST:
            return [self.read(below) for _ in range(count)]
        values: list[Any] = []
        patience = neutral_runs.Patience()
        while (rest := count - len(values)) and self.offset < len(self.data):
            self.offset = neutral_runs.read_run(self.data, self.offset, rest, values)
            patience.found(rest - (count - len(values)))
            for _ in range(min(patience.pause, count - len(values))):
                values.append(self.read(below))  # noqa: PERF401 - what was read before an error is dropped
        if len(values) < count:
            values.append(self.read(below))
        return values

    def mapping(self, count: int, depth: int) -> dict[Any, Any]:
        below = self.descend(depth)
        if 2 * count > len(self.data) - self.offset:
            raise NeutralError(f"a map of {count} entries in {len(self.data) - self.offset} bytes")
        result: dict[Any, Any] = {}
        for _ in range(count):
            key = self.read(below)
            if not isinstance(key, _KEY_TYPES):
                raise NeutralError(f"a map key of type {_name(key)} in a neutral value")
            result[key] = self.read(below)
        return result

    def extension(self, count: int) -> Any:
        kind = self.take(1)[0]
        body = self.take(count)
        if kind == EXTENSION_ARRAY:
            return _array(body)
        if kind == EXTENSION_DEPENDENCY:
            if count != 4:
                raise NeutralError(f"a dependency of {count} bytes in a neutral value")
            if self.dependency is None:
                raise NeutralError("a dependency where a neutral value may hold none")
            return self.dependency(struct.unpack("<I", body)[0])
        if kind in neutral_scalars.READERS:
            try:
                return neutral_scalars.READERS[kind](bytes(body))
            except ValueError as error:
                raise NeutralError(f"{error} in a neutral value") from None
        raise NeutralError(f"unknown extension type {kind} in a neutral value")


def _array(body: memoryview) -> Any:
    try:
        name_end = 1 + body[0]
        dtype = str(body[1:name_end], "ascii")
        dimensions = body[name_end]
        data_start = name_end + 1 + 8 * dimensions
        shape = struct.unpack(f"<{dimensions}Q", body[name_end + 1 : data_start])
    except (IndexError, struct.error, UnicodeDecodeError):
        raise NeutralError("the head of an array in a neutral value is cut short") from None
    data = bytes(body[data_start:])
    try:
        expected = _array_bytes(dtype, shape)
        if expected != len(data):
            raise ValueError(f"{len(data)} bytes instead of {expected}")
        try:
            import numpy as np
        except ImportError:
            return NeutralArray(dtype, shape, data)
        return np.frombuffer(bytearray(data), np.dtype(dtype)).reshape(shape)
    except (TypeError, ValueError) as error:
        raise NeutralError(
            f"array of dtype {dtype!r} and shape {shape} in a neutral value: {error}"
        ) from None
