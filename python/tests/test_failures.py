"""What a user meets when an address, a key, a callback or the client itself is at fault."""

from __future__ import annotations

import errno
import gc
import logging
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zmq
from client_support import eventually

import isthmus
from isthmus import Client
from isthmus._zeromq import ZeroMQChannel

if TYPE_CHECKING:
    from client_support import StandIns

WAIT = 30.0


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    public, secret = zmq.curve_keypair()
    path = tmp_path / "client.key"
    path.write_text(f"role client\npublic {public.decode()}\nsecret {secret.decode()}\n")
    with path.open("a") as file:
        file.write(f"scheduler {public.decode()}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:7077/", "tcp://127.0.0.1", "tcp://:7077", "tcp://host:70000", "tcp://host:*"],
)
def test_an_address_that_cannot_be_one_is_named(address: str, keys: Path) -> None:
    with pytest.raises(isthmus.ClusterError, match="is not an address") as caught:
        Client(address, keys=keys)
    assert address in str(caught.value)


@pytest.mark.parametrize("address", [None, "ipc:///tmp/scheduler.ipc"])
def test_keys_where_none_are_needed_are_refused_at_once(address: str | None, keys: Path) -> None:
    with pytest.raises(ValueError, match="keys are for tcp"):
        Client(address, keys=keys)


def test_what_libzmq_refuses_is_an_error_at_once(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise zmq.ZMQError(errno.EINVAL)

    monkeypatch.setattr(ZeroMQChannel, "_open", refuse)
    before = time.monotonic()
    with pytest.raises(isthmus.ClusterError, match=r"cannot connect to tcp://127\.0\.0\.1:1: Inv"):
        Client("tcp://127.0.0.1:1", keys=keys)
    assert time.monotonic() - before < 5


@pytest.mark.parametrize("key", ['"' * 40, "#" * 40, "short"])
def test_a_key_that_is_none_is_found_by_its_line(key: str, keys: Path) -> None:
    lines = keys.read_text().splitlines()
    lines[3] = f"scheduler {key}"
    keys.write_text("\n".join(lines))
    with pytest.raises(isthmus.ClusterError, match=r"client\.key, line 4: 'scheduler'"):
        Client("tcp://127.0.0.1:7077", keys=keys)


def test_a_client_whose_thread_fails_fails_its_futures(
    stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(stand_ins.start())
    future = client.submit(time.sleep, 5)

    def broken() -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(client._engine.link, "release", broken)
    client._engine.ring()
    eventually(future.done, "the thread has failed")
    with pytest.raises(isthmus.ClusterError, match="MemoryError: no more"):
        future.result(WAIT)
    with pytest.raises(isthmus.ClusterError, match="MemoryError"):
        client.submit(int, "1")
    client.shutdown()


def test_a_callback_that_exits_is_logged(stand_ins: StandIns, caplog: pytest.LogCaptureFixture) -> None:
    called = threading.Event()
    with caplog.at_level(logging.ERROR, "isthmus"), Client(stand_ins.start()) as client:
        future = client.submit(time.sleep, 0.2)
        future.add_done_callback(lambda _: sys.exit(1))
        future.add_done_callback(lambda _: called.set())
        assert called.wait(WAIT)
        assert client.submit(pow, 2, 3).result(WAIT) == 8
    assert "exception calling callback" in caplog.text


def test_map_of_what_cannot_be_iterated_is_a_plain_error(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with pytest.raises(TypeError, match="not iterable"):
        client.map(abs, 5)  # type: ignore[arg-type]
    gc.collect()
    assert ignored == []
