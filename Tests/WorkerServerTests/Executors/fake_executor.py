#!/usr/bin/env python3
"""Speaks the executor's socket (docs/wire-protocol.md) without running any task of a user.

The arguments of an attempt are raw text that says what to do. The worker starts it like a Swift executor.
"""

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import time

WIRE = 1
READY, FAILED, FINISHED, RETURNED = 65, 66, 33, 35
GREETING, ASSIGN, RETRACT, STOP, FUNCTION, SETUP, FORGET, SHUTDOWN = 64, 50, 51, 52, 49, 53, 54, 67
DEVICES = 68

NOTHING, INITIALIZER = 1, 3


def record(kind: int, body: bytes, attachments: list[bytes] | None = None) -> bytes:
    """A record and what follows it in the stream."""
    attached = attachments or []
    stream = struct.pack("<BBHI", kind, 0, len(attached), len(body)) + body
    return stream + b"".join(struct.pack("<Q", len(each)) + each for each in attached)


def field(name: str, value: int | str) -> bytes:
    """A named value."""
    raw = struct.pack("<Q", value) if isinstance(value, int) else value.encode()
    head = struct.pack("<BBHI", 0, 1 if isinstance(value, int) else 4, len(name), len(raw))
    return head + name.encode() + raw


def outcome(attempt: bytes, value: bytes, status: int = 0) -> bytes:
    """A finished record with one part."""
    session, sequence, number = struct.unpack("<QQI", attempt)
    head = struct.pack("<QQIBBBBIIQII", session, sequence, number, status, 0, 0, 1, 0, 50, 0, 0, 0)
    part = struct.pack("<BBHI", 0, 0, 0, 0)
    if len(value) >= 65536:
        return record(FINISHED, head + part + struct.pack("<BBHI", 3, 2, 0, 0), [value])
    return record(FINISHED, head + part + struct.pack("<BBHI", 3, 1, 0, len(value)) + value)


def brimful(attempt: bytes, size: int) -> bytes:
    """A value of some size with as much output beside it as is kept, all of it attached."""
    session, sequence, number = struct.unpack("<QQI", attempt)
    body = struct.pack("<QQIBBBBIIQII", session, sequence, number, 0, 0, 0, 3, 0, 50, 0, 0, 0)
    for kind in (0, 1, 2):
        body += struct.pack("<BBHI", kind, 0, 0, 0) + struct.pack("<BBHI", 3, 2, 0, 0)
    return record(FINISHED, body, [bytes(size), bytes(65600), bytes(65600)])


def dependencies(body: bytes, parts: list[bytes]) -> list[bytes]:
    """The values that came with an attempt; the bytes of each are one, with its buffers behind them."""
    left, offset, values = list(parts), 40, []
    for _ in range(1 + struct.unpack_from("<I", body, 36)[0]):
        _, form, buffers, size = struct.unpack_from("<BBHI", body, offset)
        value = left.pop(0) if form == 2 else body[offset + 8 : offset + 8 + size]
        values.append(value + b"".join(left.pop(0) for _ in range(buffers)))
        offset += 8 + size
        if form == 3:
            raise ValueError("no executor follows a reference")
    return values[1:]


class Executor:
    """One life."""

    def __init__(self) -> None:
        self.socket = socket.socket(fileno=3)
        self.stream = self.socket.makefile("rb")
        self.seen: list[str] = []
        self.waiting: list[tuple[bytes, list[bytes]]] = []

    def send(self, stream: bytes) -> None:
        """Write all of it."""
        self.socket.sendall(stream)

    def read(self) -> tuple[int, bytes, list[bytes]]:
        """The next record with its attachments; the worker's end is the end."""
        header = self.stream.read(8)
        if len(header) < 8:
            os.killpg(0, signal.SIGKILL)
        kind, flags, attached, size = struct.unpack("<BBHI", header)
        body = self.stream.read(size)
        if kind == ASSIGN and flags & 1:
            # Which devices it has: their names came in a record of their own.
            body = body[:40] + body[48:]
        parts = [self.stream.read(struct.unpack("<Q", self.stream.read(8))[0]) for _ in range(attached)]
        return kind, body, parts

    def run(self) -> None:
        """Greet, then do what comes."""
        self.read()
        fields = [field("wire", WIRE), field("pid", os.getpid()), field("functions", "echo\nsleep")]
        self.send(record(READY, struct.pack("<II", len(fields), 0) + b"".join(fields)))
        while True:
            if self.waiting:
                self.attempt(*self.waiting.pop(0))
                continue
            kind, body, parts = self.read()
            if kind == SHUTDOWN:
                return
            if kind == FUNCTION:
                self.seen.append(f"function {struct.unpack_from('<I', body, 8)[0]}")
            elif kind == DEVICES:
                self.seen.append(f"devices {body[8:].decode()}")
            elif kind == SETUP:
                self.seen.append("setup")
                self.initialize(body)
            elif kind == FORGET:
                self.seen.append("forget")
            elif kind == ASSIGN:
                self.attempt(body, parts)

    def initialize(self, body: bytes) -> None:
        """Do what the arguments of a setup say."""
        arguments = body[24:].decode("latin-1")
        self.say(INITIALIZER, body[:8])
        if arguments == "exit":
            print("no such model", flush=True)
            os._exit(9)
        if arguments == "hang":
            time.sleep(600)
        self.say(NOTHING)

    def say(self, activity: int, session: bytes = bytes(8)) -> None:
        """What the worker is to believe that this executor does."""
        os.pwrite(4, session, 16)
        os.pwrite(4, struct.pack("<I", activity), 8)

    def fail(self, text: str) -> None:
        """Say that no task can run here."""
        self.read()
        self.send(record(FAILED, struct.pack("<II", len(text), 0) + text.encode()))

    def attempt(self, body: bytes, parts: list[bytes]) -> None:
        """Do what the arguments say."""
        attempt = body[:20]
        _, form, _, size = struct.unpack_from("<BBHI", body, 40)
        arguments = parts[0] if form == 2 else body[48 : 48 + size]
        words = arguments[:200].decode("latin-1").split()
        verb = words[0] if words else ""
        if verb in {"pid", "seen", "join", "environment"}:
            self.send(outcome(attempt, self.answer(verb, words) or b"|".join(dependencies(body, parts))))
        elif verb == "exit":
            print("my last words", flush=True)
            os._exit(int(words[1]))
        elif verb == "segfault":
            ctypes.string_at(0)
        elif verb == "journal":
            self.leave_in_journal(outcome(attempt, b"finished before"))
        elif verb == "sleep":
            time.sleep(float(words[1]))
            self.send(outcome(attempt, b"slept"))
        elif verb == "heed":
            self.heed(attempt)
        elif verb == "together":
            self.together(attempt)
        elif verb == "grandchild":
            child = subprocess.Popen(["sleep", "600"])
            self.send(outcome(attempt, str(child.pid).encode()))
        elif verb == "eat":
            self.hoard = bytearray(int(words[1]) << 20)
            time.sleep(60)
        elif verb == "brim":
            self.send(brimful(attempt, int(words[1])))
        elif verb in {"linger", "garbage", "close"}:
            self.go_mad(verb, attempt)
        else:
            self.send(outcome(attempt, arguments))

    def answer(self, verb: str, words: list[str]) -> bytes:
        """What this executor knows of itself."""
        answers = {"pid": str(os.getpid()), "seen": ",".join(self.seen)}
        if verb == "environment":
            return repr(os.environ.get(words[1])).encode()
        return answers.get(verb, "").encode()

    def go_mad(self, how: str, attempt: bytes) -> None:
        """Break the protocol, and stay."""
        if how == "linger":
            self.send(outcome(attempt, str(os.getpid()).encode()))
            self.say(NOTHING)
        elif how == "garbage":
            self.send(b"\xff" * 64)
        else:
            self.socket.shutdown(socket.SHUT_RDWR)
            os.close(3)
        time.sleep(60)

    def heed(self, attempt: bytes) -> None:
        """Run until told to stop, giving back what is asked for."""
        while True:
            kind, body, parts = self.read()
            if kind == STOP:
                self.send(outcome(attempt, b"stopped", status=1))
                return
            if kind == ASSIGN:
                self.waiting.append((body, parts))
            if kind == RETRACT:
                there = [each for each in self.waiting if each[0][:20] == body[8:28]]
                self.waiting = [each for each in self.waiting if each not in there]
                if there:
                    self.send(record(RETURNED, body))

    def together(self, attempt: bytes) -> None:
        """Once another is asked back, answer that it is too late: with the outcomes of both, in one write."""
        while True:
            kind, body, _ = self.read()
            if kind == RETRACT:
                self.send(outcome(attempt, b"first") + outcome(body[8:28], b"second"))
                return

    def leave_in_journal(self, stream: bytes) -> None:
        """Keep a result back, and die before it is written."""
        os.pwrite(4, stream, 64)
        os.pwrite(4, struct.pack("<I", len(stream)), 0)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(Executor().run())
