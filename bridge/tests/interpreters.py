"""The interpreters on which the executor is tested, and those that are wanted and missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WANTED = ("3.10", "3.11", "3.12", "3.13")


def _version(python: Path) -> str | None:
    code = "import sys, sysconfig\n"
    code += "print('%d.%d' % sys.version_info[:2], sysconfig.get_config_var('Py_ENABLE_SHARED'))"
    try:
        answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version, shared = answer.split()
    return version if shared == "1" else None


def _find() -> tuple[dict[str, Path], list[str]]:
    """Interpreters by name, and what is missing."""
    if named := os.environ.get("ISTHMUS_PYTHONS"):
        return {path: Path(path) for path in named.split(":")}, []
    found: dict[str, Path] = {}
    debian = Path("/usr/bin/python3")
    if _version(debian) in WANTED:
        found["debian"] = debian
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for python in sorted(root.glob("versions/3.*/bin/python")):
        version = _version(python)
        if version in WANTED:
            found[python.parts[-3]] = python
    versions = {name.rpartition(".")[0] for name in found}
    missing = [f"pyenv {version}" for version in WANTED if version not in versions]
    return found, missing + ["debian"] * ("debian" not in found)


PYTHONS, MISSING = _find()
