"""Neutral values: every form there and back, and what is refused."""

from __future__ import annotations

import json
import math
import random
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus_bridge import neutral
from isthmus_bridge.neutral import NeutralArray, NeutralError, pack, unpack

VECTORS = Path(__file__).resolve().parents[2] / "Tests" / "WireTests" / "Vectors"
MALFORMED = [case for case in json.loads((VECTORS / "malformed.json").read_text()) if case["of"] == "neutral"]
INTEGERS = [
    0,
    1,
    -1,
    31,
    -32,
    -33,
    127,
    128,
    255,
    256,
    65535,
    65536,
    2**31,
    2**32 - 1,
    2**32,
    2**63,
    2**64 - 1,
]
VALUES: list[Any] = [
    None,
    True,
    False,
    *INTEGERS,
    *[-n for n in INTEGERS if n <= 2**63],
    0.0,
    -1.5,
    math.inf,
    "",
    "é" * 20,
    "x" * 31,
    "x" * 32,
    "x" * 300,
    "x" * 70_000,
    b"",
    b"x" * 300,
    b"x" * 70_000,
    [],
    [1, [2, [3]]],
    list(range(20)),
    [0] * 70_000,
    {},
    {"a": 1, 2: "b", None: [True], 1.5: b"x"},
    {str(n): n for n in range(70)},
    UUID("01234567-89ab-cdef-0123-456789abcdef"),
    *map(Decimal, ["0", "-0.00", "1.50", "-12E+7", "1E-400", "9" * 300, "123456789.987654321"]),
    datetime(2024, 2, 29, 12, 30, 59, 999_999, timezone.utc),
    datetime(1, 1, 1, tzinfo=timezone.utc),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, timezone.utc),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_there_and_back(value: Any) -> None:
    back = unpack(pack(value))
    assert back == value
    assert type(back) is type(value)


def test_what_arrives_as_something_else() -> None:
    assert unpack(pack(Decimal("NaN"))).is_nan()
    assert str(unpack(pack(Decimal("-0.00")))) == "-0.00"
    noon = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert unpack(pack(noon)) == noon
    assert unpack(pack(noon)).tzinfo is timezone.utc
    assert unpack(pack((1, (2,)))) == [1, [2]]
    assert unpack(pack(bytearray(b"x"))) == b"x"
    assert unpack(pack(memoryview(b"xyz")[::2])) == b"xz"
    assert unpack(pack(np.float32(0.5))) == 0.5
    assert unpack(pack(np.int64(7))) == 7
    assert unpack(pack(np.bool_(True))) is True
    assert math.isnan(unpack(pack(math.nan)))


@pytest.mark.parametrize("dtype", ["<f8", "<i4", "|u1", "|b1", "<c16", ">f4", "<M8[s]", "<U3"])
@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3), (2, 0, 4), ()])
def test_arrays(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, dtype)
    back = unpack(pack({"array": array}))["array"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.flags.writeable
    assert (back == array).all()


def test_an_array_in_another_order_keeps_its_meaning() -> None:
    array = np.arange(6).reshape(2, 3).T
    assert (unpack(pack(array)) == array).all()


def test_arrays_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack(np.arange(3, dtype="<i2"))
    monkeypatch.setitem(sys.modules, "numpy", None)
    back = unpack(data)
    assert back == NeutralArray("<i2", (3,), b"\0\0\1\0\2\0")
    assert pack(back) == data


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**64, "value: an integer of 65 bits has no neutral form"),
        (-(2**63) - 1, "an integer of 64 bits has no neutral form"),
        ([{"when": object()}], r"value\[0\]\['when'\]: object has no neutral form"),
        ({(1, 2): 3}, r"a dict key of type tuple has no neutral form"),
        ({1, 2}, "set has no neutral form"),
        (np.array([object()]), "NumPy array of dtype object has no neutral form"),
        (np.complex128(1), "numpy.complex128 has no neutral form"),
        ("\ud800", "a str that is not valid Unicode"),
        (datetime(2024, 1, 1), "a datetime without a time zone"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "outside of the years 1 to 9999"),
        (Decimal("Infinity"), r"Decimal\('Infinity'\) has no neutral form"),
        (Decimal("sNaN"), r"Decimal\('sNaN'\) has no neutral form"),
        (Decimal("1" * 1001), "a Decimal of 1001 digits has no neutral form, 1000 are the most"),
        ([timedelta(1)], r"value\[0\]: datetime.timedelta has no neutral form"),
    ],
)
def test_what_has_no_neutral_form_is_named_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(NeutralError, match=message):
        pack(value)


def test_depth_is_bounded_both_ways() -> None:
    value: Any = 0
    for _ in range(128):
        value = [value]
    assert unpack(pack(value)) == value
    with pytest.raises(NeutralError, match="nested deeper than 128"):
        pack([value])
    with pytest.raises(NeutralError, match="nested deeper than 128"):
        unpack(b"\x91" * 129 + b"\x00")
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NeutralError, match="nested deeper"):
        pack(loop)


def test_dependencies() -> None:
    class Handle:
        def __init__(self, index: int) -> None:
            self.index = index

    data = pack([Handle(3)], dependency=lambda value: value.index)
    assert data == b"\x91\xd6\x02\x03\0\0\0"
    assert unpack(data, dependency=lambda index: index * 2) == [6]
    with pytest.raises(NeutralError, match="dependency"):
        unpack(data)
    with pytest.raises(NeutralError, match="Handle has no neutral form"):
        pack(Handle(1), dependency=lambda _: None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x01\x01",
        b"\x91",
        b"\xd9\x05abc",
        b"\xa1\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x81\x90\x00",
        b"\xd4\x07\x00",
        b"\xc7\x01\x01\x05",
        b"\xc7\x05\x01\x03|O8\x00",
        b"\xdf\xff\xff\xff\xff",
    ],
)
def test_bytes_that_are_no_neutral_value_are_refused(data: bytes) -> None:
    with pytest.raises(NeutralError):
        unpack(data)


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case["name"])
def test_what_swift_refuses_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(NeutralError):
        unpack(bytes.fromhex(case["hex"]), dependency=lambda number: [number])


@pytest.mark.parametrize(
    ("dtype", "data"), [("|S0", b""), ("<f3", bytes(3)), ("|O8", bytes(8)), ("<f8", bytes(7))]
)
def test_arrays_that_no_one_could_read_are_not_written(dtype: str, data: bytes) -> None:
    with pytest.raises(NeutralError, match="an array of"):
        pack(NeutralArray(dtype, (), data))


def test_an_array_is_refused_without_numpy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    good = pack(NeutralArray("<i2", (2,), bytes(4)))
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert unpack(good) == NeutralArray("<i2", (2,), bytes(4))
    with pytest.raises(NeutralError, match="3 bytes instead of 4"):
        unpack(good.replace(b"\xc7\x11", b"\xc7\x10")[:-1])
    with pytest.raises(NeutralError, match="no such dtype"):
        unpack(good.replace(b"<i2", b"<i3"))


def test_cut_and_damaged_bytes_are_refused_or_read_but_never_crash() -> None:
    random.seed(7)
    data = pack([VALUES[:30], {"array": np.arange(9).reshape(3, 3)}, "text", b"bytes"])
    for cut in range(len(data)):
        with pytest.raises(NeutralError):
            unpack(data[:cut])
    for _ in range(5_000):
        damaged = bytearray(data)
        damaged[random.randrange(len(data))] ^= 1 << random.randrange(8)
        try:
            unpack(bytes(damaged))
        except NeutralError:
            continue


def test_names() -> None:
    assert set(neutral.__all__) == {"NeutralArray", "NeutralError", "Packed", "list_header", "pack", "unpack"}


#: Lists of one kind, which are written and read at once, and of several.
LISTS = st.lists(
    st.one_of(
        st.lists(st.integers(-(1 << 63), (1 << 64) - 1), max_size=300),
        st.lists(st.integers(0, 300), max_size=2_000),
        st.lists(st.integers(-40, 130), max_size=300),
        st.lists(st.integers(-(1 << 33), 1 << 33), max_size=300),
        st.lists(st.floats(allow_nan=False), max_size=300),
        st.lists(st.booleans(), max_size=300),
        st.lists(st.text(max_size=40), max_size=300),
        st.lists(st.binary(max_size=300), max_size=100),
        st.lists(st.integers(0, 70_000).map("x".__mul__), max_size=20),
        st.lists(st.one_of(st.integers(-200, 70_000), st.floats(allow_nan=False), st.text(), st.none())),
    ),
    max_size=4,
)


@given(LISTS)
@settings(deadline=None)
def test_long_lists_are_what_they_were(lists: list[list[object]]) -> None:
    value = [item for one in lists for item in one]
    data = pack(value)
    assert [(type(item), item) for item in unpack(data)] == [(type(item), item) for item in value]
    # Element by element, the same bytes.
    single = b"".join(pack(item) for item in value)
    assert data.endswith(single)
    assert len(data) - len(single) in {1, 3, 5}
    for cut in (1, len(single) // 2):
        if single and cut < len(single):
            with pytest.raises(NeutralError):
                unpack(data[:-cut])


@given(LISTS, st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_lists_are_what_they_are_element_by_element(
    monkeypatch: pytest.MonkeyPatch, lists: list[list[object]], draw: st.DataObject
) -> None:
    damaged = bytearray(pack([item for one in lists for item in one]))
    for _ in range(3):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))

    def read() -> str:
        try:
            return repr(unpack(damaged))
        except NeutralError as error:
            return str(error)

    at_once = read()
    with monkeypatch.context() as patch:
        patch.setattr(neutral, "SHORT_LIST", 1 << 40)
        assert at_once == read()


def test_a_text_that_is_not_unicode_is_named_with_its_place() -> None:
    with pytest.raises(NeutralError, match=r"value\[70\]: a str that is not valid Unicode"):
        pack([*["x"] * 70, "\ud800", "y"])


def test_the_place_of_an_integer_that_is_too_large_is_named() -> None:
    with pytest.raises(NeutralError, match=r"value\[70\]: an integer of 65 bits"):
        pack([*range(70), 1 << 64, *range(9)])
