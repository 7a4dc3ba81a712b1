"""The wheel: it takes the built executables along, or says which command builds them."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

import pytest
from client_support import ROOT


def hook(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "python" / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BinariesHook(str(ROOT / "python"), {}, None, None, str(folder), "wheel")


def test_without_executables_the_build_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_BINARY", str(tmp_path / "isthmus"))
    with pytest.raises(SystemExit, match="make build"):
        hook(tmp_path).initialize("standard", {"force_include": {}})


def test_a_wheel_has_both_executables_and_the_bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("isthmus", "isthmus-executor"):
        (tmp_path / name).write_bytes(Path("/bin/true").read_bytes())
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("ISTHMUS_BINARY", str(tmp_path / "isthmus"))
    data: dict[str, Any] = {"force_include": {}}
    made = hook(tmp_path)
    made.initialize("standard", data)
    places = data["force_include"]
    assert sorted(places.values()) == [
        "isthmus/bin/isthmus",
        "isthmus/bin/isthmus-executor",
        "isthmus_bridge",
    ]
    assert all(os.path.exists(path) for path in places)
    assert data["tag"] == f"py3-none-linux_{platform.machine()}"
    assert data["pure_python"] is False
    made.finalize("standard", data, "")
    assert not os.path.exists(made.folder)
