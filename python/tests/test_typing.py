"""What type checkers say of a user's program: all that is right passes, all that is wrong is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("typed_user.py")


def mypy(folder: Path) -> str:
    command = ["mypy", "--strict", "--no-error-summary", f"--cache-dir={folder}", "--config-file="]
    return run(*command, str(PROGRAM))


def pyright(folder: Path) -> str:
    # Node comes from a wheel; nothing is downloaded when it runs.
    shutil.copy(PROGRAM, folder)
    settings = {"include": [PROGRAM.name], "reportUnusedExpression": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    return run("pyright", "--pythonpath", sys.executable, "--project", str(folder))


def run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env=environment)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_program_is_checked(checker: object, tmp_path: Path) -> None:
    told = checker(tmp_path)  # type: ignore[operator]
    found = {int(line) for line in re.findall(r"typed_user\.py:(\d+):(?:\d+)?[ :-]+error", told)}
    lines = PROGRAM.read_text().splitlines()
    assert found == {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}, told
