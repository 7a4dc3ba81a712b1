"""The client's own ZMTP over Unix sockets, against a ROUTER of libzmq and against peers that misbehave."""

from __future__ import annotations

import secrets
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from client_support import eventually

from isthmus import Client, ClusterError
from isthmus._wire import WireError
from isthmus._zmtp import UnixChannel

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06ROUTER"


class Router:
    """A ROUTER of libzmq at a path, that can go and come back."""

    def __init__(self, folder: Path) -> None:
        self.address = f"ipc://{folder}/router.ipc"
        self.context = zmq.Context()
        self.listen()

    def listen(self) -> None:
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.SNDHWM, 0)
        self.socket.set(zmq.RCVHWM, 0)
        self.socket.set(zmq.RCVTIMEO, 10_000)
        self.socket.bind(self.address)

    def leave(self) -> None:
        self.socket.close()

    def close(self) -> None:
        self.context.destroy(linger=0)


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    made = Router(tmp_path)
    yield made
    made.close()


@pytest.fixture
def channel(router: Router) -> Iterator[UnixChannel]:
    made = UnixChannel(router.address)
    made.open()
    yield made
    made.dispose()


def turn(channel: UnixChannel) -> bool:
    """One look at a channel, as the client does it: flush, then read."""
    poller = select.poll()
    poller.register(channel.descriptor, select.POLLIN | (select.POLLOUT if channel.has_unsent else 0))
    poller.poll(100)
    channel.flush()
    return channel.is_readable()


def drive(channel: UnixChannel) -> tuple[bytes, list[Any]]:
    eventually(lambda: turn(channel), "a message comes")
    return channel.receive()


@pytest.mark.parametrize(
    "parts",
    [
        [b"x"],
        [b"y" * 255],
        [b"y" * 256],
        [b"head", b""],
        [b"", b"", b""],
        [b"h", b"a" * 70_000, b"", b"b" * 300, b"c" * 131_072],
        [b"part", *[bytes([number % 256]) * (number % 700) for number in range(3_000)]],
    ],
    ids=["one byte", "short", "long head", "empty", "all empty", "mixed", "many"],
)
def test_a_message_comes_back_as_it_was(router: Router, channel: UnixChannel, parts: list[bytes]) -> None:
    channel.send(parts[0], parts[1:])
    poller = select.poll()
    poller.register(router.socket.get(zmq.FD), select.POLLIN)
    eventually(lambda: turn(channel) or router.socket.poll(0), "the message arrives")
    received = router.socket.recv_multipart()
    assert received[1:] == parts
    router.socket.send_multipart(received)
    frame, attachments = drive(channel)
    assert [frame, *map(bytes, attachments)] == parts
    assert all(not view.readonly for view in attachments)


def test_64_megabytes_go_there_in_pieces_and_back(router: Router, channel: UnixChannel) -> None:
    big = secrets.token_bytes(64 << 20)
    received: list[list[bytes]] = []

    def echo() -> None:
        received.append(router.socket.recv_multipart())
        router.socket.send_multipart(received[0])

    helper = threading.Thread(target=echo)
    helper.start()
    eventually(lambda: turn(channel) or channel._ready, "the handshake")
    channel.send(b"head", [big, b"tail"])
    assert channel.has_unsent
    channel.send(b"second")
    frame, attachments = drive(channel)
    helper.join()
    assert frame == b"head"
    assert attachments[0] == big
    assert attachments[1] == b"tail"
    assert received[0][2] == big
    assert router.socket.recv_multipart()[1] == b"second"
    assert not channel.has_unsent


def test_thousands_of_small_messages_keep_their_order(router: Router, channel: UnixChannel) -> None:
    eventually(lambda: turn(channel) or channel._ready, "the handshake")
    messages = [number.to_bytes(4, "big") * (number % 300) + b"!" for number in range(5_000)]
    for message in messages:
        channel.send(message)
    eventually(lambda: turn(channel) or not channel.has_unsent, "all is sent")
    for message in messages:
        route, received = router.socket.recv_multipart()
        assert received == message
        router.socket.send_multipart([route, received])
    assert [drive(channel)[0] for _ in messages] == messages


def test_what_is_sent_just_before_the_end_arrives(router: Router, channel: UnixChannel) -> None:
    eventually(lambda: turn(channel) or channel._ready, "the handshake")
    channel.send(b"goodbye")
    channel.close()
    assert router.socket.recv_multipart()[1] == b"goodbye"


def test_a_peer_that_dies_and_returns(router: Router, channel: UnixChannel) -> None:
    eventually(lambda: turn(channel) or channel._ready, "the handshake")
    router.leave()
    eventually(lambda: turn(channel) or channel.is_lost, "the end is noticed")
    channel.send(b"into the void")
    channel.open()
    assert channel.is_lost
    router.listen()
    channel.open()
    channel.send(b"again")
    eventually(lambda: turn(channel) or router.socket.poll(0), "the message arrives")
    assert router.socket.recv_multipart()[1] == b"again"


def test_a_heartbeat_of_libzmq_is_answered(router: Router) -> None:
    router.leave()
    router.socket = router.context.socket(zmq.ROUTER)
    router.socket.set(zmq.HEARTBEAT_IVL, 20)
    router.socket.set(zmq.HEARTBEAT_TIMEOUT, 200)
    router.socket.set(zmq.RCVTIMEO, 10_000)
    router.socket.bind(router.address)
    channel = UnixChannel(router.address)
    channel.open()
    # Without answers, libzmq would have ended the connection before the hundredth look.
    for number in range(20):
        channel.send(number.to_bytes(1, "big"))
        eventually(lambda: turn(channel) or router.socket.poll(0), "the message arrives")
        assert router.socket.recv_multipart()[1] == number.to_bytes(1, "big")
        poller = select.poll()
        poller.register(channel.descriptor, select.POLLIN)
        assert poller.poll(5_000), "a heartbeat comes"
    assert not channel.is_lost
    channel.dispose()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(tmp_path / "peer.ipc"))
    made.listen()
    yield made
    made.close()


GARBAGE = {
    "no ZMTP": (b"HTTP/1.1 400 Bad Request\r\n", "no greeting"),
    "ZMTP 1": (b"\x01\x00\x00", "no greeting"),
    "ZMTP 2": (b"\xff" + bytes(8) + b"\x7f\x01\x05", "no greeting"),
    "CURVE": (GREETING.replace(b"NULL\0", b"CURVE"), "CURVE"),
    "not ready": (GREETING + b"\x00\x01x", "before the handshake"),
    "no router": (GREETING + bytes((4, len(READY))) + READY.replace(b"ROUTER", b"XPUBXX"), "no ROUTER"),
    "refused": (GREETING + b"\x04\x0a\x05ERROR\x03bad", "bad"),
    "flags": (GREETING + bytes((4, len(READY))) + READY + b"\xf0\x01x", "flags"),
    "too long": (GREETING + bytes((4, len(READY))) + READY + b"\x02" + b"\x7f" * 8, "bytes"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_ends_the_connection_and_says_why(listener: socket.socket, name: str) -> None:
    said, words = GARBAGE[name]
    channel = UnixChannel(f"ipc://{listener.getsockname()}")
    channel.open()
    peer = listener.accept()[0]
    peer.sendall(said)
    with pytest.raises(WireError, match=words):
        eventually(lambda: turn(channel), "the error")
    assert channel.is_lost
    channel.dispose()
    peer.close()


def test_every_byte_alone_is_understood(listener: socket.socket) -> None:
    channel = UnixChannel(f"ipc://{listener.getsockname()}")
    channel.open()
    peer = listener.accept()[0]
    long = b"z" * 40_000
    frames = b"\x01\x02hi\x03" + (40_000).to_bytes(8, "big") + long + b"\x00\x00"
    whole = GREETING + bytes((4, len(READY))) + READY + frames
    for byte in whole[:-39_000]:
        peer.sendall(bytes((byte,)))
        assert not turn(channel)
    peer.sendall(whole[-39_000:])
    frame, attachments = drive(channel)
    assert [frame, *map(bytes, attachments)] == [b"hi", long, b""]
    channel.dispose()
    peer.close()


def test_a_client_says_that_its_scheduler_is_none(listener: socket.socket) -> None:
    peers: list[socket.socket] = []

    def answer() -> None:
        peers.append(listener.accept()[0])
        peers[0].sendall(b"SSH-2.0-OpenSSH\r\n")

    helper = threading.Thread(target=answer)
    helper.start()
    with pytest.raises(ClusterError, match="no greeting of ZMTP"):
        Client(f"ipc://{listener.getsockname()}")
    helper.join()
    peers[0].close()
