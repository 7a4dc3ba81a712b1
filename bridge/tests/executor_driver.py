"""Plays the worker of one executor over a socket pair, for tests and measurements."""

from __future__ import annotations

import contextlib
import fcntl
import inspect
import io
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus_bridge import neutral

ROOT = Path(__file__).resolve().parents[2]
BRIDGE = ROOT / "bridge" / "src" / "isthmus_bridge"

FINISHED, RETURNED, FUNCTION, ASSIGN, RETRACT, STOP, SETUP = 33, 35, 49, 50, 51, 52, 53
FORGET_SESSION, FORGET_FUNCTION, GREETING, READY, FAILED, SHUTDOWN = 54, 55, 64, 65, 66, 67
DEVICES = 68
PICKLE, NEUTRAL, RAW = 1, 2, 3
PYTHON, SWIFT = 1, 2
VALUE, EXCEPTION, CANCELLED, LOST, TIMED_OUT = range(5)
INLINE_MAX = 64 << 10
SESSION = 0x1234_5678_9ABC_DEF0


def executor_binary() -> Path:
    """The executor to test: what `ISTHMUS_EXECUTOR` names, or the release build."""
    named = os.environ.get("ISTHMUS_EXECUTOR")
    path = Path(named) if named else ROOT / ".build" / "release" / "isthmus-executor"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run `make build`, or set ISTHMUS_EXECUTOR")
    return path


def library_of(python: str | Path) -> str:
    """The libpython of an interpreter."""
    code = "import os,sysconfig as s;print(os.path.join(*s.get_config_vars('LIBDIR','INSTSONAME')))"
    return subprocess.check_output([str(python), "-c", code], text=True).strip()


@dataclass
class Payload:
    codec: int
    data: bytes
    buffers: list[bytes] = field(default_factory=list)


@dataclass
class Outcome:
    sequence: int
    attempt: int
    status: int
    reason: int
    detail: str
    ran: int
    parts: dict[int, Payload]

    def value(self) -> Any:
        payload = self.parts[0]
        if payload.codec == PICKLE:
            return pickle.loads(payload.data, buffers=[bytearray(b) for b in payload.buffers])
        return payload.data

    def text(self, part: int) -> str:
        return self.parts[part].data.decode() if part in self.parts else ""

    @property
    def stdout(self) -> str:
        return self.text(1)

    @property
    def stderr(self) -> str:
        return self.text(2)

    @property
    def log(self) -> str:
        return self.text(3)

    @property
    def traceback(self) -> str:
        return self.text(4)


class GoneError(Exception):
    """The executor has closed the socket."""


def encode(payload: Payload) -> tuple[bytes, list[bytes]]:
    if len(payload.data) >= INLINE_MAX:
        head = struct.pack("<BBHI", payload.codec, 2, len(payload.buffers), 0)
        return head, [payload.data, *payload.buffers]
    head = struct.pack("<BBHI", payload.codec, 1, len(payload.buffers), len(payload.data))
    return head + payload.data, list(payload.buffers)


def pickled(value: Any) -> Payload:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    return Payload(PICKLE, data, [bytes(b.raw()) for b in buffers])


class Executor:
    """One executor process and our end of its socket."""

    def __init__(
        self,
        python: str | Path,
        library: str | None = None,
        *,
        wire: int = 1,
        env: dict[str, str] | None = None,
        bridge: Path = BRIDGE,
        command: list[str] | None = None,
    ) -> None:
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.files = [_memory_file("stdout"), _memory_file("stderr")]
        command = command or [
            str(executor_binary()), "--python", str(python), "--library", library or library_of(python)
        ]  # fmt: skip
        descriptors = [self.files[0], self.files[1], theirs.fileno()]

        def place() -> None:
            kept = [fcntl.fcntl(number, fcntl.F_DUPFD, 10) for number in descriptors]
            for target, number in zip((1, 2, 3), kept, strict=True):
                os.dup2(number, target)
                os.close(number)

        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=place,  # noqa: PLW1509 - no other thread runs here
            pass_fds=(3,),
            close_fds=True,
            start_new_session=True,
            env=env,
        )
        theirs.close()
        self.buffer = bytearray()
        self.sequence = 0
        self.functions: dict[Any, int] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.order: list[int] = []
        self.returned: list[int] = []
        fields = _field("wire", 1, struct.pack("<Q", wire)) + _field("worker", 1, struct.pack("<Q", 77))
        fields += _field("bridge", 4, str(bridge).encode()) + _field("memory_max", 1, struct.pack("<Q", 0))
        self.send(GREETING, struct.pack("<II", 4, 0) + fields)

    def close(self) -> None:
        self.socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        for number in self.files:
            os.close(number)

    def __enter__(self) -> Executor:  # noqa: PYI034
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def captured(self) -> str:
        """What the process has written to descriptors 1 and 2 and not handed over as a task's output."""
        text = b""
        for number in self.files:
            text += os.pread(number, 1 << 20, max(0, os.fstat(number).st_size - (1 << 20)))
        return text.replace(b"\0", b"").decode(errors="replace")

    # What the worker says.

    def send(self, kind: int, body: bytes, attachments: list[bytes] | None = None, flags: int = 0) -> None:
        attachments = attachments or []
        record = struct.pack("<BBHI", kind, flags, len(attachments), len(body)) + body
        for attachment in attachments:
            record += struct.pack("<Q", len(attachment)) + attachment
        self.socket.sendall(record)

    def define(self, number: int, definition: Payload, session: int = SESSION, kind: int = PYTHON) -> None:
        head, attachments = encode(definition)
        self.send(FUNCTION, struct.pack("<QIBBH16s", session, number, kind, 0, 0, b"") + head, attachments)

    def setup(self, arguments: Payload, number: int = 0, session: int = SESSION) -> None:
        head, attachments = encode(arguments)
        self.send(SETUP, struct.pack("<QII", session, number, 0) + head, attachments)

    def devices(self, names: str) -> None:
        self.send(DEVICES, struct.pack("<II", len(names), 0) + names.encode())

    def assign(
        self,
        arguments: Payload,
        function: int = 0,
        *,
        result: int = PICKLE,
        mode: int = 0,
        dependencies: list[Payload] | None = None,
        session: int = SESSION,
    ) -> int:
        self.sequence += 1
        record, attachments = self.assignment(
            self.sequence, arguments, function, result, mode, dependencies or [], session
        )
        self.send(ASSIGN, record, attachments)
        return self.sequence

    @staticmethod
    def assignment(
        sequence: int,
        arguments: Payload,
        function: int = 0,
        result: int = PICKLE,
        mode: int = 0,
        dependencies: list[Payload] | tuple[()] = (),
        session: int = SESSION,
    ) -> tuple[bytes, list[bytes]]:
        body = struct.pack(
            "<QQIIBBBBIII", session, sequence, 1, function, 1, result, mode, 0, 0, 1000, len(dependencies)
        )
        attachments: list[bytes] = []
        for payload in (arguments, *dependencies):
            head, more = encode(payload)
            body += head
            attachments += more
        return body, attachments

    def start(self, function: Any, *args: Any, result: int = PICKLE, mode: int = 0, **kwargs: Any) -> int:
        """Submit a plain function (no closure) by its source text: the executor may have another version."""
        if function not in self.functions:
            self.functions[function] = len(self.functions) + 100
            source = textwrap.dedent(inspect.getsource(function))
            definition = neutral.pack({"source": source, "name": function.__name__})
            self.define(self.functions[function], Payload(NEUTRAL, definition))
        return self.assign(pickled((args, kwargs)), self.functions[function], result=result, mode=mode)

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Outcome:
        return self.outcome(self.start(function, *args, **kwargs))

    def attempts(self, kind: int, sequences: list[int], flags: int = 0) -> None:
        body = struct.pack("<II", len(sequences), 0)
        for sequence in sequences:
            body += struct.pack("<QQII", SESSION, sequence, 1, 0)
        self.send(kind, body, flags=flags)

    def retract(self, *sequences: int) -> None:
        self.attempts(RETRACT, list(sequences))

    def stop(self, *sequences: int, time_is_up: bool = False) -> None:
        self.attempts(STOP, list(sequences), flags=1 if time_is_up else 0)

    # What the executor says.

    def receive(self, timeout: float = 30) -> tuple[int, bytes, list[bytes]]:
        kind, _, count, length = struct.unpack("<BBHI", self._take(8, timeout))
        body = self._take(length, timeout)
        attachments = []
        for _ in range(count):
            (size,) = struct.unpack("<Q", self._take(8, timeout))
            attachments.append(self._take(size, timeout))
        return kind, body, attachments

    def _take(self, count: int, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        while len(self.buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError(
                    f"nothing from the executor within {timeout} s; it wrote: {self.captured()}"
                )
            try:
                data = self.socket.recv(max(1 << 16, min(1 << 24, count - len(self.buffer))))
            except ConnectionResetError:
                data = b""
            if not data:
                raise GoneError(f"the executor is gone; it wrote: {self.captured()}")
            self.buffer += data
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def ready(self, timeout: float = 30) -> dict[str, Any]:
        kind, body, _ = self.receive(timeout)
        if kind == FAILED:
            raise RuntimeError(body[8:].decode())
        assert kind == READY, kind
        return _fields(body)

    def failed(self, timeout: float = 30) -> str:
        kind, body, _ = self.receive(timeout)
        assert kind == FAILED, kind
        return body[8:].decode()

    def step(self, timeout: float = 30) -> None:
        kind, body, attachments = self.receive(timeout)
        if kind == RETURNED:
            for index in range(struct.unpack_from("<I", body)[0]):
                self.returned.append(struct.unpack_from("<Q", body, 8 + 24 * index + 8)[0])
            return
        assert kind == FINISHED, kind
        outcome = decode(body, attachments)
        assert outcome.sequence not in self.outcomes, "two outcomes of one task"
        self.outcomes[outcome.sequence] = outcome
        self.order.append(outcome.sequence)

    def outcome(self, sequence: int, timeout: float = 30) -> Outcome:
        deadline = time.monotonic() + timeout
        while sequence not in self.outcomes:
            self.step(max(0.01, deadline - time.monotonic()))
        return self.outcomes[sequence]


def decode(body: bytes, attachments: list[bytes]) -> Outcome:
    _, sequence, attempt, status, reason, _, count, _, ran, worker, length, _ = struct.unpack_from(
        "<QQIBBBBIIQII", body
    )
    assert worker == 77
    stream = io.BytesIO(body[48:])
    detail = stream.read(length).decode()
    parts: dict[int, Payload] = {}
    for _ in range(count):
        kind = stream.read(8)[0]
        codec, form, buffers, size = struct.unpack("<BBHI", stream.read(8))
        data = attachments.pop(0) if form == 2 else stream.read(size)
        parts[kind] = Payload(codec, data, [attachments.pop(0) for _ in range(buffers)])
    assert not attachments
    assert not stream.read()
    return Outcome(sequence, attempt, status, reason, detail, ran, parts)


def _memory_file(name: str) -> int:
    number = os.memfd_create(name)
    fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)
    return number


def _field(name: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<BBHI", 0, kind, len(name), len(value)) + name.encode() + value


def _fields(body: bytes) -> dict[str, Any]:
    result: dict[str, Any] = {}
    offset = 8
    for _ in range(struct.unpack_from("<I", body)[0]):
        _, kind, name_length, length = struct.unpack_from("<BBHI", body, offset)
        offset += 8
        name = body[offset : offset + name_length].decode()
        value = body[offset + name_length : offset + name_length + length]
        result[name] = struct.unpack("<Q", value)[0] if kind == 1 else value.decode()
        offset += name_length + length
    return result
