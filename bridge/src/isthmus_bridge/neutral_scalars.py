"""Extension types of neutral values that stand for one object each: UUIDs, decimal numbers, points in time.

Their modules are imported when the first value of the kind is read: an executor that meets none does not pay
for them. What is written is of a module that is loaded already.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Any

from isthmus_bridge._limits import NEUTRAL_DECIMAL_DIGITS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["READERS", "form"]

UUID = 3
DECIMAL = 4
INSTANT = 5

POSITIVE, NEGATIVE, NOT_A_NUMBER = 0, 1, 2

_HEAD = struct.Struct("<Bi")
_MICROSECONDS = struct.Struct("<q")
_EXPONENT_MAX = 2**31 - 1
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999 in microseconds since 1970."""


def form(value: Any) -> tuple[bytes, int, bytes] | None:
    """The marker of its length, the extension type and the bytes; None for any other object.

    Raises `ValueError` with the reason when this one cannot travel.
    """
    modules = sys.modules
    uuid = modules.get("uuid")
    if uuid is not None and isinstance(value, uuid.UUID):
        return b"\xd8", UUID, value.bytes
    decimal = modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        body = _decimal(value)
        count = len(body)
        return b"\xc7" + bytes((count,)) if count < 256 else b"\xc8" + struct.pack(">H", count), DECIMAL, body
    datetime = modules.get("datetime")
    if datetime is not None and isinstance(value, datetime.datetime):
        return b"\xd7", INSTANT, _MICROSECONDS.pack(_microseconds(value, datetime))
    return None


def _decimal(value: Any) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if exponent == "n":
        return _HEAD.pack(NOT_A_NUMBER, 0)
    if not isinstance(exponent, int) or abs(exponent) > _EXPONENT_MAX:
        raise ValueError(f"Decimal('{value}') has no neutral form")
    if len(digits) > NEUTRAL_DECIMAL_DIGITS_MAX:
        raise ValueError(
            f"a Decimal of {len(digits)} digits has no neutral form, "
            f"{NEUTRAL_DECIMAL_DIGITS_MAX} are the most"
        )
    text = bytes(0x30 + digit for digit in digits).lstrip(b"0") or b"0"
    return _HEAD.pack(NEGATIVE if sign else POSITIVE, exponent) + text


def _microseconds(value: Any, datetime: Any) -> int:
    if value.utcoffset() is None:
        raise ValueError(
            "a datetime without a time zone has no neutral form: "
            "make it with one, as datetime.now(timezone.utc) does"
        )
    since = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    microseconds: int = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not _FIRST <= microseconds <= _LAST:
        raise ValueError("a datetime outside of the years 1 to 9999 in UTC has no neutral form")
    return microseconds


def _read_uuid(body: bytes) -> Any:
    if len(body) != 16:
        raise ValueError(f"a UUID of {len(body)} bytes")
    import uuid

    return uuid.UUID(bytes=body)


def _read_decimal(body: bytes) -> Any:
    if len(body) < _HEAD.size:
        raise ValueError(f"a decimal number of {len(body)} bytes")
    kind, exponent = _HEAD.unpack_from(body)
    digits = body[_HEAD.size :]
    from decimal import Decimal

    if kind == NOT_A_NUMBER and not digits and exponent == 0:
        return Decimal("NaN")
    if kind not in {POSITIVE, NEGATIVE} or not digits.isdigit() or (digits[0] == 0x30 and len(digits) > 1):
        raise ValueError(f"a decimal number of kind {kind} and the digits {digits[:40]!r}")
    if len(digits) > NEUTRAL_DECIMAL_DIGITS_MAX or exponent < -_EXPONENT_MAX:
        raise ValueError(f"a decimal number of {len(digits)} digits and the exponent {exponent}")
    return Decimal((kind, tuple(digit - 0x30 for digit in digits), exponent))


def _read_instant(body: bytes) -> Any:
    if len(body) != _MICROSECONDS.size:
        raise ValueError(f"a point in time of {len(body)} bytes")
    (microseconds,) = _MICROSECONDS.unpack(body)
    if not _FIRST <= microseconds <= _LAST:
        raise ValueError("a point in time outside of the years 1 to 9999")
    from datetime import datetime, timedelta, timezone

    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)


READERS: dict[int, Callable[[bytes], Any]] = {
    UUID: _read_uuid,
    DECIMAL: _read_decimal,
    INSTANT: _read_instant,
}
"""By extension type. They raise `ValueError` for bytes that mean nothing."""
