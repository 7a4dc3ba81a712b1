"""What one client gains, the other gains too, or docs/parity.md says why not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "dev" / "parity"))

import public_names  # noqa: E402
import table  # noqa: E402


def test_each_public_name_is_in_a_row() -> None:
    assert table.problems() == []


def test_the_page_is_what_the_rows_say() -> None:
    assert table.PAGE.read_text() == table.page(), "run dev/parity/table.py"


def test_a_name_that_is_gained_alone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    python, swift = public_names.python_names(), public_names.swift_names()
    monkeypatch.setattr(table, "python_names", lambda: python | {"Client.teleport"})
    monkeypatch.setattr(table, "swift_names", lambda: swift - {"Client.close"})
    assert table.problems() == [
        "python's public Client.teleport is in no row of dev/parity/rows.py",
        "swift has no public Client.close, which the row 'at once' names",
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("public struct A {\n    public let b: Int\n    var c = 1\n}\n", {"A", "A.b"}),
        (
            "extension A.B {\n    public func f(_ x: Int, to y: (Int, Int) -> Void) {}\n}\n",
            {"A.B.f", "A.B.f(to)"},
        ),
        ("public enum E {\n    case one(String), two\n}\n", {"E", "E.one", "E.two"}),
        ("struct Hidden {\n    public let b: Int\n}\n", set()),
        (
            "public final class A {\n    public convenience init(\n        at b: Int\n    ) {}\n}\n",
            {"A", "A(at)"},
        ),
    ],
)
def test_swift_declarations_are_read(text: str, names: set[str]) -> None:
    assert public_names._declared(text) == names
