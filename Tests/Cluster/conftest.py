"""The fixture of this folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_kit import Cluster


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """An empty cluster; shows every log when the test fails."""
    directory = Path(tempfile.mkdtemp(prefix="isthmus-test-"))
    made = Cluster(directory)
    failed_before = request.session.testsfailed
    try:
        yield made
        died = [
            name
            for name, process in made.processes.items()
            if process.poll() is not None and name not in made.expected_dead
        ]
        assert not died, f"died during the test: {died}"
    finally:
        made.stop_everything()
        if request.session.testsfailed > failed_before:
            for log in sorted(directory.glob("*.log")):
                print(f"---- {log.name}\n{log.read_text(errors='replace')[-8000:]}")
        shutil.rmtree(directory, ignore_errors=True)
