"""Clusters for the tests of the client: a stand-in that is always there, and the real executables."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Executors import `client_tasks` by name: a client hands its import path on to its embedded cluster.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from client_support import ROOT, StandIns

from isthmus import Client


@pytest.fixture(scope="session", autouse=True)
def binary() -> None:
    """The executables of this checkout, unless others are named."""
    built = ROOT / ".build" / "release" / "isthmus"
    if "ISTHMUS_BINARY" not in os.environ and built.exists():
        os.environ["ISTHMUS_BINARY"] = str(built)


@pytest.fixture(scope="session")
def stand_ins() -> Iterator[StandIns]:
    with tempfile.TemporaryDirectory(prefix="isthmus-") as folder:
        made = StandIns(Path(folder))
        yield made
        made.stop()


@pytest.fixture(scope="session")
def shared_clients(stand_ins: StandIns) -> Iterator[Callable[[str], Client]]:
    made: dict[str, Client] = {}

    def get(kind: str) -> Client:
        if kind not in made:
            made[kind] = Client(stand_ins.start()) if kind == "stand-in" else Client(slots=2)
        return made[kind]

    yield get
    for client in made.values():
        # A test that failed may have left a task that never ends.
        client.cancel_all(running=True)
        client.shutdown()


@pytest.fixture(params=["stand-in", "cluster"])
def client(request: pytest.FixtureRequest, shared_clients: Callable[[str], Client]) -> Client:
    """A client of each kind of cluster: what a user was promised holds for both."""
    return shared_clients(request.param)


@pytest.fixture
def cluster(shared_clients: Callable[[str], Client]) -> Client:
    """A client of a real cluster, for what only executors can do."""
    return shared_clients("cluster")
