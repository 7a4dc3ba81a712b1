"""The wheel: it takes the built executables along, or says which command builds them."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from client_support import ROOT

USES_ZEROMQ = """
#include <stdio.h>
#include <zmq.h>
int main(void) { return puts(zmq_has("curve") ? "encrypted" : "plain") < 0; }
"""


def hook(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "python" / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BinariesHook(str(ROOT / "python"), {}, None, None, str(folder), "wheel")


def test_a_wheel_for_other_machines_is_complete(tmp_path: Path) -> None:
    """`auditwheel` agrees, and an executable of the wheel runs with the libraries of the wheel.

    Those executables are small ones here: to pack the real ones takes a minute.
    """
    for name in ("isthmus", "isthmus-executor"):
        command = ["clang", "-x", "c", "-", "-lzmq", "-o", str(tmp_path / name)]
        subprocess.run(command, input=USES_ZEROMQ, text=True, check=True)
    environment = os.environ | {"OUT": str(tmp_path), "ISTHMUS_BINARY": str(tmp_path / "isthmus")}
    done = subprocess.run(
        [ROOT / "dev" / "wheel.sh"], capture_output=True, text=True, check=False, timeout=280, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("isthmus-*-manylinux_*.whl")
    assert f'"{wheel.stem.split("-")[-1]}"' in done.stdout
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "wheel")
    binary = tmp_path / "wheel" / "isthmus" / "bin" / "isthmus"
    binary.chmod(0o755)
    assert subprocess.run([binary], check=True, capture_output=True).stdout == b"encrypted\n"
    loaded = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout
    for line in loaded.splitlines():
        own = "libzmq" in line or "libsodium" in line
        assert not own or f"{binary.parent}/../../isthmus.libs/" in line
    assert "libzmq" in loaded


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
