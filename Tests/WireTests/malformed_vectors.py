"""Bytes that must be refused (see make_vectors.py)."""

from __future__ import annotations

import struct

from vector_bytes import Json, field, frame, handshake


def malformed() -> list[Json]:
    """The cases of malformed.json."""
    pack = struct.pack
    good = {"kind": "data", "records": 0, "session": 1, "epoch": 1, "number": 1, "acknowledged": 0}
    hello = {
        "lowest": 1,
        "highest": 1,
        "role": "client",
        "session": 1,
        "epoch": 0,
        "received": 0,
        "fields": [],
    }
    data = frame(good)
    name = field("name", "string", "a")
    slots = {**hello, "fields": [field("slots", "unsigned", 1)]}

    def array(dtype: bytes, shape: list[int], data: bytes) -> bytes:
        head = bytes([len(dtype)]) + dtype + bytes([len(shape)]) + pack(f"<{len(shape)}Q", *shape)
        return b"\xc8" + pack(">H", len(head + data)) + b"\x01" + head + data

    def changed(source: bytes, offset: int, value: int) -> bytes:
        copy = bytearray(source)
        copy[offset] = value
        return bytes(copy)

    refused = [
        ("frame", "version 2", changed(data, 0, 2)),
        ("frame", "kind 8", changed(data, 1, 8)),
        ("frame", "too many records", changed(data, 7, 1)),
        ("handshake", "layout 1", changed(handshake(1, hello), 0, 1)),
        ("handshake", "kind 4", changed(handshake(1, hello), 1, 4)),
        ("handshake", "role 0", changed(handshake(1, hello), 6, 0)),
        ("handshake", "magic", changed(handshake(1, hello), 8, 0)),
        ("handshake", "fields that are not there", changed(handshake(1, hello), 40, 1)),
        ("handshake", "a number of 9 bytes", changed(handshake(1, slots), 48, 9) + b"\0"),
        ("handshake", "a field twice", handshake(1, {**hello, "fields": [name, name]})),
        ("handshake", "more fields than allowed", changed(handshake(1, hello), 41, 2)),
        ("record", "unknown type", b"\x0f" + bytes(7)),
        ("record", "body longer than the frame", b"\x38\0\0\0\x01\0\0\0"),
        ("neutral", "empty", b""),
        ("neutral", "never used byte", b"\xc1"),
        ("neutral", "trailing byte", b"\xc0\xc0"),
        ("neutral", "string cut short", b"\xa5abc"),
        ("neutral", "string not UTF-8", b"\xa2\xff\xfe"),
        ("neutral", "string with a surrogate", b"\xa3\xed\xa0\x80"),
        ("neutral", "list of 4 billion", b"\xdd\xff\xff\xff\xff\xc0"),
        ("neutral", "map of 4 billion", b"\xdf\xff\xff\xff\xff\xc0\xc0"),
        ("neutral", "unknown extension", b"\xd4\x06\0"),
        ("neutral", "UUID of 8 bytes", b"\xd7\x03" + bytes(8)),
        ("neutral", "UUID as a key", b"\x81\xd8\x03" + bytes(16) + b"\xc0"),
        ("neutral", "decimal without digits", b"\xc7\x05\x04" + pack("<Bi", 0, 0)),
        ("neutral", "decimal with a leading zero", b"\xc7\x07\x04" + pack("<Bi", 0, 0) + b"01"),
        ("neutral", "decimal of letters", b"\xc7\x07\x04" + pack("<Bi", 0, 0) + b"1a"),
        ("neutral", "decimal of no kind", b"\xc7\x06\x04" + pack("<Bi", 3, 0) + b"1"),
        ("neutral", "decimal, NaN with digits", b"\xc7\x06\x04" + pack("<Bi", 2, 0) + b"1"),
        ("neutral", "decimal, exponent too low", b"\xc7\x06\x04" + pack("<Bi", 0, -(2**31)) + b"1"),
        ("neutral", "decimal of 4 bytes", b"\xd6\x04" + bytes(4)),
        ("neutral", "decimal of 1001 digits", b"\xc8\x03\xee\x04" + pack("<Bi", 0, 0) + b"1" * 1001),
        ("neutral", "instant of 4 bytes", b"\xd6\x05" + bytes(4)),
        ("neutral", "instant in the year 0", b"\xd7\x05" + pack("<q", -62_135_596_800_000_001)),
        ("neutral", "instant in the year 10000", b"\xd7\x05" + pack("<q", 253_402_300_800_000_000)),
        ("neutral", "timestamp", b"\xd6\xff\0\0\0\0"),
        ("neutral", "dependency of 2 bytes", b"\xd5\x02\0\0"),
        ("neutral", "array, wrong size", b"\xc7\x0e\x01\x03<f8\x01" + pack("<Q", 2) + b"\0"),
        ("neutral", "array, shape overflows", b"\xc7\x0d\x01\x03<f8\x01" + b"\xff" * 8),
        ("neutral", "array of objects", b"\xc7\x0d\x01\x03|O8\x01" + bytes(8)),
        ("neutral", "too deep", b"\x91" * 129 + b"\xc0"),
        ("neutral", "too deep, with nothing inside", b"\x91" * 128 + b"\x90"),
        ("neutral", "list as a key", b"\x81\x90\xc0"),
        ("neutral", "map as a key", b"\x81\x80\xc0"),
        ("neutral", "array as a key", b"\x81\xc7\x06\x01\x03|b1\0\x01\xc0"),
        ("neutral", "dependency as a key", b"\x81\xd6\x02\0\0\0\0\xc0"),
        ("neutral", "array of no known number", array(b"<f3", [], bytes(3))),
        ("neutral", "array, size with a sign", array(b"<i+1", [], b"\0")),
        ("neutral", "array, size with a zero", array(b"<i01", [], b"\0")),
        ("neutral", "array of nothing", array(b"|S0", [], b"")),
        ("neutral", "array, unknown unit", array(b"<M8[q]", [], bytes(8))),
        ("neutral", "array, unit of numbers", array(b"<i8[s]", [], bytes(8))),
        ("neutral", "array, impossible though empty", array(b"<f8", [1 << 62, 0], b"")),
        ("neutral", "array, dimension of 64 bits", array(b"<f8", [1 << 63, 0], b"")),
        ("neutral", "array of 65 dimensions", array(b"|b1", [0] * 65, b"")),
    ]
    return [{"of": of, "name": name, "hex": bytes(raw).hex()} for of, name, raw in refused]
