"""A scheduler, worker and executor in one small process: enough of the protocol to test a client alone.

    python stand_in.py ADDRESS [--echo]

It runs tasks in a few threads and keeps its promises to the letter: order, acknowledgements, credit, one
outcome per task. With `--echo` it runs nothing and answers every task at once, to measure the client.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import struct
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import zmq

from isthmus import _wire as wire
from isthmus_bridge import dependencies as bridge
from isthmus_bridge import neutral
from isthmus_bridge.errors import describe

logger = logging.getLogger("stand-in")
SUBMIT = struct.Struct("<QIIIBBH")
OUTCOME = struct.Struct("<QQIBBBBIIQII")
PART = struct.Struct("<B7x")
ECHO_PARTS = PART.pack(0) + wire.payload(wire.PICKLE, pickle.dumps(None, 5))[0]


@dataclass
class Peer:
    """A client's session."""

    route: bytes
    session: int
    received: int = 0
    sent: int = 0
    functions: dict[int, Any] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict)
    failed: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    waiting: dict[int, Any] = field(default_factory=dict)
    setup: Any = None
    released: list[int] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    attachments: list[Any] = field(default_factory=list)
    kept: dict[int, list[Any]] = field(default_factory=dict)


class StandIn:
    """The loop."""

    def __init__(self, address: str, *, echo: bool, slots: int, credit: int) -> None:
        self.echo = echo
        self.credit = credit
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.set(zmq.SNDHWM, 0)
        self.socket.set(zmq.RCVHWM, 0)
        self.socket.bind(address)
        self.wake_in = self.context.socket(zmq.PULL)
        self.wake_in.bind("inproc://wake")
        self.pool = ThreadPoolExecutor(slots)
        self.local = threading.local()
        self.done: deque[tuple[Peer, int, int, bytes, list[Any], float]] = deque()
        self.peers: dict[bytes, Peer] = {}

    def serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.wake_in, zmq.POLLIN)
        while True:
            poller.poll(500)
            while self.wake_in.get(zmq.EVENTS) & zmq.POLLIN:
                self.wake_in.recv()
            while self.socket.get(zmq.EVENTS) & zmq.POLLIN:
                self.message(self.socket.recv_multipart())
            while self.done:
                self.answer(*self.done.popleft())
            for peer in self.peers.values():
                self.flush(peer)
                if not peer.waiting:
                    for sequence in peer.released:
                        peer.values.pop(sequence, None)
                    peer.released.clear()

    def message(self, parts: list[bytes]) -> None:
        route, frame, *attachments = parts
        if frame[0] == 0:
            hello = wire.decode_handshake(frame)
            known = next((p for p in self.peers.values() if p.session == hello.session), None)
            self.peers = {r: p for r, p in self.peers.items() if p is not known}
            peer = self.peers[route] = known or Peer(route, hello.session)
            peer.route = route
            fields = {"heartbeat_ms": 1000, "lease_ms": 15000, "tasks": self.credit, "bytes": 512 << 20}
            encoded = wire.encode_fields(fields)
            self.socket.send_multipart(
                [route, wire.encode_handshake(2, hello.session, 1, peer.received, encoded, len(fields), 5)]
            )
            self.repeat(peer, hello.received)
            return
        found = self.peers.get(route)
        header = wire.decode_frame_header(frame)
        if found is None or header.kind == wire.GOODBYE:
            self.peers.pop(route, None)
            return
        found.kept = {number: kept for number, kept in found.kept.items() if number > header.acknowledged}
        if header.kind == wire.RESEND:
            self.repeat(found, header.number - 1)
        if header.kind != wire.DATA or header.number != found.received + 1:
            return
        found.received = header.number
        if self.echo:
            self.echo_frame(found, frame, header.records)
        else:
            self.records(found, frame, header.records, attachments)

    def echo_frame(self, peer: Peer, frame: bytes, records: int) -> None:
        offset = wire.FRAME_HEADER_BYTES
        for _ in range(records):
            kind, _, _, length = struct.unpack_from("<BBHI", frame, offset)
            if kind == wire.SUBMIT:
                (sequence,) = struct.unpack_from("<Q", frame, offset + 8)
                head = OUTCOME.pack(peer.session, sequence, 1, 0, 0, 0, 1, 1, 1, 7, 0, 0)
                peer.records.append(wire.record(wire.OUTCOME, head + ECHO_PARTS))
                if len(peer.records) >= 1000:
                    self.flush(peer)
            offset += 8 + length

    def records(self, peer: Peer, frame: bytes, count: int, attachments: list[bytes]) -> None:
        offset, used = wire.FRAME_HEADER_BYTES, 0
        for _ in range(count):
            record = wire.decode_record(frame, offset, used)
            used += record.attachments
            self.record(peer, frame, record, attachments[record.first_attachment : used])
            offset = record.end

    def record(self, peer: Peer, frame: bytes, record: wire.Record, attachments: list[bytes]) -> None:
        if record.type == wire.DEFINE_FUNCTION:
            number = struct.unpack_from("<I", frame, record.start)[0]
            payload, _, _ = wire.decode_payload(frame, record.start + 24, attachments, 0)
            if payload.codec == wire.NEUTRAL:
                peer.functions[number] = self.swift(neutral.unpack(payload.data))
            else:
                peer.functions[number] = pickle.loads(payload.data, buffers=payload.buffers)
        elif record.type == wire.SUBMIT:
            self.submit(peer, frame, record, attachments)
        elif record.type == wire.CANCEL:
            sequence = struct.unpack_from("<Q", frame, record.start)[0]
            job = peer.waiting.get(sequence)
            if job is not None and job.cancel():
                del peer.waiting[sequence]
                self.done.append((peer, sequence, 2, b"", [], 0.0))
        elif record.type == wire.RELEASE:
            ranges = struct.unpack_from("<I", frame, record.start)[0]
            for first, count in struct.iter_unpack("<QQ", frame[record.start + 8 : record.end]):
                ranges -= 1
                peer.released += range(first, first + count)
            assert ranges == 0
        elif record.type == wire.SETUP:
            number = struct.unpack_from("<I", frame, record.start)[0]
            payload, _, _ = wire.decode_payload(frame, record.start + 8, attachments, 0)
            args, _ = pickle.loads(payload.data)
            peer.setup = partial(peer.functions[number], *args)

    def swift(self, definition: Any) -> Callable[..., Any]:
        """A function by its name, which may be called for each row of columns."""
        if isinstance(definition, str):
            return getattr(self, f"swift_{definition}")  # type: ignore[no-any-return]
        function = getattr(self, f"swift_{definition['name']}")
        return lambda columns: [list(map(function, *columns)), None]

    def swift_upper(self, text: str) -> str:
        """What a Swift executable might register."""
        return text.upper()

    def submit(self, peer: Peer, frame: bytes, record: wire.Record, attachments: list[bytes]) -> None:
        sequence, number, _, count, _, _, _ = SUBMIT.unpack_from(frame, record.start)
        offset = record.start + SUBMIT.size
        wanted = struct.unpack_from(f"<{count}Q", frame, offset)
        payload, _, _ = wire.decode_payload(frame, offset + 8 * count, attachments, 0)
        function = peer.functions.get(number)
        job = self.pool.submit(self.run, peer, sequence, function, payload, wanted)
        peer.waiting[sequence] = job

    def run(self, peer: Peer, sequence: int, function: Any, payload: wire.Payload, wanted: Any) -> None:
        started = time.perf_counter()
        status, parts, attachments = self.outcome(peer, sequence, function, payload, wanted)
        self.done.append((peer, sequence, status, parts, attachments, time.perf_counter() - started))
        if not hasattr(self.local, "wake"):
            self.local.wake = self.context.socket(zmq.PUSH)
            self.local.wake.connect("inproc://wake")
        self.local.wake.send(b"")

    def outcome(
        self, peer: Peer, sequence: int, function: Any, payload: wire.Payload, wanted: Any
    ) -> tuple[int, bytes, list[Any]]:
        try:
            if peer.setup is not None and not getattr(self.local, "ready", False):
                try:
                    peer.setup()
                except Exception:
                    return 3 + 256 * 6, b"initializer:" + traceback.format_exc().encode(), []
                self.local.ready = True
            while any(number in peer.waiting and not peer.waiting[number].done() for number in wanted):
                time.sleep(0.001)
            failed = next((peer.failed[number] for number in wanted if number in peer.failed), None)
            if failed is not None:
                peer.failed[sequence] = failed
                return failed[0], failed[1], []
            if payload.codec == wire.NEUTRAL:
                args = neutral.unpack(payload.data, dependency=lambda n: peer.values[wanted[n]])
                value = function(*args)
                peer.values[sequence] = value
                return 0, PART.pack(0) + wire.payload(wire.NEUTRAL, neutral.pack(value))[0], []
            loaders = [partial(peer.values.__getitem__, number) for number in wanted]
            bridge.current.dependencies = bridge.Dependencies(loaders)
            call = pickle.loads(payload.data, buffers=payload.buffers)
            function, args, kwargs = call if function is None else (function, *call)
            value = function(*args, **kwargs)
            peer.values[sequence] = value
            buffers: list[Any] = []
            data = pickle.dumps(value, 5, buffer_callback=lambda b: buffers.append(bytes(b.raw())))
            found, attachments = wire.payload(wire.PICKLE, data, buffers)
            return 0, PART.pack(0) + found, attachments
        except BaseException as error:
            failure = describe(error)
            parts = b""
            count = 2
            if failure.pickled is not None:
                parts = PART.pack(0) + wire.payload(wire.PICKLE, failure.pickled)[0]
                count = 3
            parts += PART.pack(4) + wire.payload(wire.RAW, failure.traceback.encode())[0]
            summary = {"class": failure.class_name, "message": failure.message}
            parts += PART.pack(5) + wire.payload(wire.NEUTRAL, neutral.pack(summary))[0]
            peer.failed[sequence] = 1 + 65536 * count, parts
            return 1 + 65536 * count, parts, []

    def answer(
        self, peer: Peer, sequence: int, status: int, parts: bytes, attachments: list[Any], ran: float
    ) -> None:
        peer.waiting.pop(sequence, None)
        status, reason, count = status & 255, status >> 8 & 255, (status >> 16) or (1 if parts else 0)
        detail = b""
        if parts.startswith(b"initializer:"):
            detail, parts, count = parts[12:], b"", 0
        head = OUTCOME.pack(
            peer.session, sequence, 1, status, reason, 0, count, 5, int(ran * 1e6), 7, len(detail), 0
        )
        record = wire.record(wire.OUTCOME, head + detail + parts, attachments=len(attachments))
        peer.records.append(record)
        peer.attachments += attachments
        if attachments or len(peer.records) >= 1000:
            self.flush(peer)

    def flush(self, peer: Peer) -> None:
        if not peer.records:
            return
        peer.sent += 1
        header = wire.encode_frame_header(
            wire.DATA, peer.session, 1, peer.received, peer.sent, len(peer.records)
        )
        message = peer.kept[peer.sent] = [b"".join([header, *peer.records]), *peer.attachments]
        self.socket.send_multipart([peer.route, *message], copy=False)
        peer.records, peer.attachments = [], []

    def repeat(self, peer: Peer, received: int) -> None:
        for number, message in peer.kept.items():
            if number > received:
                self.socket.send_multipart([peer.route, *message], copy=False)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--echo", action="store_true")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--credit", type=int, default=250_000)
    options = parser.parse_args()
    StandIn(options.address, echo=options.echo, slots=options.slots, credit=options.credit).serve()


if __name__ == "__main__":
    main()
