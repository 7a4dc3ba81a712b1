"""The committed gRPC code belongs to the committed .proto: the generator takes minutes to build."""

from __future__ import annotations

import hashlib
from pathlib import Path

API = Path(__file__).resolve().parents[2] / "Sources" / "ControlAPI"


def test_generated_code_is_of_this_proto() -> None:
    recorded, name = (API / "Generated" / "control.proto.sha256").read_text().split()
    found = hashlib.sha256((API / "Protos" / name).read_bytes()).hexdigest()
    assert found == recorded, "the .proto has changed: run `make proto` and commit what it writes"
