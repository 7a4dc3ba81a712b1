"""Puts the built executables and `isthmus_bridge` into the wheel."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REPOSITORY = Path(__file__).resolve().parent.parent


class BinariesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Without the executables there is no wheel: a client that can start nothing helps nobody."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files."""
        if version == "editable":
            # The sources are used where they are, and the executables are found by ISTHMUS_BINARY.
            return
        bridge = REPOSITORY / "bridge" / "src" / "isthmus_bridge"
        isthmus = Path(os.environ.get("ISTHMUS_BINARY") or REPOSITORY / ".build" / "release" / "isthmus")
        executor = isthmus.with_name("isthmus-executor")
        missing = [str(path) for path in (isthmus, executor, bridge) if not path.exists()]
        if missing:
            raise SystemExit(
                f"\nNot found: {', '.join(missing)}.\nBuild the executables first: `make build` in "
                f"{REPOSITORY}, or set ISTHMUS_BINARY to an `isthmus` with `isthmus-executor` beside it.\n"
            )
        self.folder = tempfile.mkdtemp(prefix="isthmus-wheel-")
        include = build_data["force_include"]
        for path in (isthmus, executor):
            include[str(self.stripped(path))] = f"isthmus/bin/{path.name}"
        include[str(bridge)] = "isthmus_bridge"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"

    def stripped(self, path: Path) -> Path:
        """A copy without symbols, if there is a tool for that."""
        copy = Path(self.folder) / path.name
        shutil.copy2(path.resolve(), copy)
        strip = shutil.which("strip")
        if strip is not None:
            subprocess.run([strip, str(copy)], check=True)
        return copy

    def finalize(self, *_: Any) -> None:
        """Called when the wheel is written."""
        folder = getattr(self, "folder", None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
