"""Frames and records as bytes: docs/wire-protocol.md for a client. No sockets, no state.

The writers return what goes into a frame; the readers check every length before they use it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

from . import _limits as limits

Bytes: TypeAlias = bytes | bytearray | memoryview
FieldValue: TypeAlias = bool | int | float | str | bytes

LOWEST_VERSION: Final = 1
HIGHEST_VERSION: Final = 1
MAGIC: Final = b"ISTHMUS\0"

HELLO, WELCOME, REFUSAL = 1, 2, 3
DATA, ACKNOWLEDGE, RESEND, GOODBYE = 4, 5, 6, 7
ROLE_CLIENT: Final = 1

DEFINE_FUNCTION, FORGET_FUNCTION, DEFINE_OPTIONS, SUBMIT, CANCEL, RELEASE, SETUP, WANT = range(1, 9)
ACCEPTED, OUTCOME, STARTED = 17, 18, 20
_KNOWN_RECORDS: Final = frozenset((*range(1, 9), 17, 18, 20, *range(33, 37), *range(49, 59), *range(64, 69)))

KIND_PYTHON, KIND_SWIFT, KIND_COMMAND = 1, 2, 3
PICKLE, NEUTRAL, RAW = 1, 2, 3
FORM_NOTHING, FORM_INLINE, FORM_ATTACHED, FORM_REFERENCE = 0, 1, 2, 3
#: Flag of an outcome: its value was left out, and comes when it is wanted.
VALUE_IS_LEFT: Final = 1
PART_VALUE, PART_STDOUT, PART_STDERR, PART_LOG, PART_TRACEBACK, PART_SUMMARY = range(6)

STATUSES: Final = ("value", "exception", "cancelled", "lost", "timed out", "refused")
REASONS: Final = (
    "none",
    "executorCrashed",
    "memoryLimit",
    "workerLost",
    "notIdempotent",
    "dependencyFailed",
    "initializerFailed",
    "notSerializable",
    "limitExceeded",
    "unknownOption",
    "unservable",
    "executionTimeout",
    "clientRequest",
    "functionNotLoadable",
    "malformed",
    "sessionClosed",
    "argumentsNotLoadable",
    "deadlineExceeded",
)

_HANDSHAKE = Struct("<BBHHBB8sQQQI")
_FRAME = Struct("<BBHIQQQQ")
_RECORD = Struct("<BBHI")
_FIELD = Struct("<BBHI")
_PAYLOAD = Struct("<BBHI")
_DEFINITION = Struct("<IBBH16s")
#: Record header, submit head and payload header at once: the usual task needs no other call.
_SUBMIT = Struct("<BBHIQIIIBBHBBHI")
_SUBMIT_HEAD = Struct("<QIIIBBH")
_OUTCOME_HEAD = Struct("<QQIBBBBIIQII")
_PART = Struct("<B7x")
_ATTEMPT = Struct("<QQII")
_U64 = Struct("<Q")
_U32 = Struct("<I")
_U32_PAIR = Struct("<II")
_U64_PAIR = Struct("<QQ")
_SCALARS: Final = {1: Struct("<Q"), 2: Struct("<q"), 3: Struct("<d"), 6: Struct("<B")}

FRAME_HEADER_BYTES: Final = _FRAME.size
RECORD_HEADER_BYTES: Final = _RECORD.size
OUTCOME_HEAD_BYTES: Final = _OUTCOME_HEAD.size

#: An outcome with one inline part and no detail, from its record header to its payload's length:
#: type, attachments, body length, sequence, status, reason, parts, detail length, kind of the part,
#: codec, form, buffers, length.
PLAIN_OUTCOME: Final = Struct("<BxHI8xQ4xBBxB16xI4xB7xBBHI")

pack_submit: Final = _SUBMIT.pack


class WireError(Exception):
    """Bytes that no peer of ours would send; the message says what was read, never the bytes."""


class Handshake(NamedTuple):
    """Hello, welcome or refusal."""

    kind: int
    lowest_version: int
    highest_version: int
    role: int
    session: int
    epoch: int
    received: int
    fields: dict[str, FieldValue]


class FrameHeader(NamedTuple):
    """The head of a frame of version 1."""

    kind: int
    records: int
    session: int
    epoch: int
    number: int
    acknowledged: int


class Record(NamedTuple):
    """A record of a frame: where its body is, and which attachments are its own."""

    type: int
    flags: int
    start: int
    end: int
    first_attachment: int
    attachments: int


class Payload(NamedTuple):
    """A value as bytes: the main part, and the out-of-band buffers of a pickle."""

    codec: int
    data: Bytes
    buffers: Sequence[Bytes]


@dataclass(frozen=True)
class OutcomeHead:
    """The fixed part of an outcome, with its detail."""

    session: int
    sequence: int
    attempt: int
    status: int
    reason: int
    backend: int
    parts: int
    waited_microseconds: int
    ran_microseconds: int
    worker: int
    detail: str


def encode_fields(fields: Mapping[str, FieldValue], mattering: Iterable[str] = ()) -> bytes:
    """Fields by name; those in `mattering` make a receiver refuse that does not know them."""
    out = []
    for name, value in fields.items():
        number, data = _scalar(value)
        flags = 1 if name in mattering else 0
        encoded = name.encode("ascii")
        out.append(_FIELD.pack(flags, number, len(encoded), len(data)) + encoded + data)
    return b"".join(out)


def _scalar(value: FieldValue) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return 6, bytes([value])
    if isinstance(value, int):
        return (2, _SCALARS[2].pack(value)) if value < 0 else (1, _SCALARS[1].pack(value))
    if isinstance(value, float):
        return 3, _SCALARS[3].pack(value)
    if isinstance(value, str):
        return 4, value.encode()
    return 5, bytes(value)


def decode_fields(data: Bytes, offset: int, count: int) -> tuple[dict[str, FieldValue], int]:
    """`count` fields from `offset`; returns them and the offset behind them."""
    if count > limits.FIELDS_MAX:
        raise WireError(f"{count} fields, at most {limits.FIELDS_MAX}")
    fields: dict[str, FieldValue] = {}
    for _ in range(count):
        _, kind, name_length, length = _unpack(_FIELD, data, offset, "field")
        offset += _FIELD.size
        if name_length > limits.FIELD_NAME_BYTES_MAX or length > limits.FIELD_VALUE_BYTES_MAX:
            raise WireError(f"field of {name_length} + {length} bytes is over the limit")
        name = _text(data, offset, name_length, "field name")
        offset += name_length
        if name in fields:
            raise WireError(f"field {name} is there twice")
        fields[name] = _field_value(kind, data, offset, length, name)
        offset += length
    return fields, offset


def _field_value(kind: int, data: Bytes, offset: int, length: int, name: str) -> FieldValue:
    if kind == 4:
        return _text(data, offset, length, f"field {name}")
    if kind == 5:
        return bytes(_slice(data, offset, length, f"field {name}"))
    scalar = _SCALARS.get(kind)
    if scalar is None:
        raise WireError(f"field {name} has the unknown type {kind}")
    if length != scalar.size:
        raise WireError(f"field {name} of type {kind} has {length} bytes")
    value: FieldValue = _unpack(scalar, data, offset, f"field {name}")[0]
    return bool(value) if kind == 6 else value


def encode_handshake(
    kind: int, session: int, epoch: int, received: int, fields: bytes, count: int, role: int = ROLE_CLIENT
) -> bytes:
    """A hello (or what a stand-in for the scheduler answers) with fields that are encoded already."""
    head = _HANDSHAKE.pack(
        0, kind, LOWEST_VERSION, HIGHEST_VERSION, role, 0, MAGIC, session, epoch, received, count
    )
    return head + fields


def decode_handshake(data: Bytes) -> Handshake:
    """Reads a frame whose first byte is 0."""
    values = _unpack(_HANDSHAKE, data, 0, "handshake")
    zero, kind, lowest, highest, role, _, magic, session, epoch, received, count = values
    if zero != 0 or kind not in (HELLO, WELCOME, REFUSAL):
        raise WireError(f"unknown handshake kind {kind}")
    if magic != MAGIC:
        raise WireError("the magic is not ISTHMUS")
    if not 1 <= role <= 5:
        raise WireError(f"unknown role {role}")
    fields, _ = decode_fields(data, _HANDSHAKE.size, count)
    return Handshake(kind, lowest, highest, role, session, epoch, received, fields)


def encode_frame_header(
    kind: int, session: int, epoch: int, acknowledged: int, number: int = 0, records: int = 0
) -> bytes:
    """The 40 bytes in front of the records."""
    return _FRAME.pack(1, kind, 0, records, session, epoch, number, acknowledged)


def decode_frame_header(data: Bytes) -> FrameHeader:
    """Reads the head of a frame of version 1."""
    version, kind, _, records, session, epoch, number, acknowledged = _unpack(_FRAME, data, 0, "frame")
    if version != 1:
        raise WireError(f"frame of protocol version {version}, this build speaks 1")
    if not DATA <= kind <= GOODBYE:
        raise WireError(f"unknown frame kind {kind}")
    if records > limits.RECORDS_PER_FRAME_MAX:
        raise WireError(f"{records} records in a frame, at most {limits.RECORDS_PER_FRAME_MAX}")
    return FrameHeader(kind, records, session, epoch, number, acknowledged)


def decode_record(data: Bytes, offset: int, attachments_before: int) -> Record:
    """The record at `offset` of a frame whose earlier records own `attachments_before` attachments."""
    kind, flags, attachments, length = _unpack(_RECORD, data, offset, "record")
    start = offset + _RECORD.size
    if kind not in _KNOWN_RECORDS:
        raise WireError(f"unknown record type {kind}")
    if attachments > limits.ATTACHMENTS_PER_RECORD_MAX:
        raise WireError(f"{attachments} attachments, at most {limits.ATTACHMENTS_PER_RECORD_MAX}")
    if start + length > len(data):
        raise WireError(f"record body at byte {start}: {length} bytes wanted, {len(data) - start} left")
    return Record(kind, flags, start, start + length, attachments_before, attachments)


def record(kind: int, body: bytes, flags: int = 0, attachments: int = 0) -> bytes:
    """A record around its body."""
    return _RECORD.pack(kind, flags, attachments, len(body)) + body


def payload(codec: int, data: Bytes, buffers: Sequence[Bytes] = ()) -> tuple[bytes, list[Bytes]]:
    """A payload inside a body, and the attachments that go with it."""
    if len(data) < limits.INLINE_BYTES_MAX:
        return _PAYLOAD.pack(codec, FORM_INLINE, len(buffers), len(data)) + bytes(data), list(buffers)
    return _PAYLOAD.pack(codec, FORM_ATTACHED, len(buffers), 0), [data, *buffers]


def define_function(
    function: int, kind: int, digest: bytes, definition: bytes, attachments: int = 0
) -> bytes:
    """`definition` is a payload."""
    body = _DEFINITION.pack(function, kind, 0, 0, digest) + definition
    return record(DEFINE_FUNCTION, body, attachments=attachments)


def forget_function(function: int) -> bytes:
    """No later submit uses the function."""
    return record(FORGET_FUNCTION, _U32.pack(function))


def define_options(number: int, fields: Mapping[str, FieldValue]) -> bytes:
    """Options of tasks; what a user asked for matters."""
    mattering = fields.keys() - {"quiet"}
    return record(DEFINE_OPTIONS, _U32_PAIR.pack(number, len(fields)) + encode_fields(fields, mattering))


def submit(
    sequence: int,
    function: int,
    options: int,
    kind: int,
    arguments: bytes,
    dependencies: Sequence[int] = (),
    parent: tuple[int, int] | None = None,
    attachments: int = 0,
) -> bytes:
    """One task in its general form; `arguments` is a payload. `pack_submit` is the short way."""
    body = [_SUBMIT_HEAD.pack(sequence, function, options, len(dependencies), kind, 0, 0)]
    if parent is not None:
        body.append(_U64_PAIR.pack(*parent))
    if dependencies:
        body.append(Struct(f"<{len(dependencies)}Q").pack(*dependencies))
    body.append(arguments)
    return record(SUBMIT, b"".join(body), flags=0 if parent is None else 1, attachments=attachments)


def cancel(sequence: int, running: bool) -> bytes:
    """Gives a task up; `running`: also when it has started."""
    return record(CANCEL, _U64.pack(sequence), flags=1 if running else 0)


def release(sequences: Iterable[int]) -> bytes:
    """No one will use these outcomes again; neighbours are joined to ranges."""
    ranges: list[tuple[int, int]] = []
    first = count = 0
    for sequence in sorted(sequences):
        if count and sequence == first + count:
            count += 1
            continue
        if count:
            ranges.append((first, count))
        first, count = sequence, 1
    if count:
        ranges.append((first, count))
    body = _U32_PAIR.pack(len(ranges), 0) + b"".join(_U64_PAIR.pack(*pair) for pair in ranges)
    return record(RELEASE, body)


def setup(function: int, arguments: bytes, attachments: int = 0) -> bytes:
    """A call that runs once in each executor before its first task of this session."""
    return record(SETUP, _U32_PAIR.pack(function, 0) + arguments, attachments=attachments)


def want(sequence: int) -> bytes:
    """The value of a task is to be sent, however large it is."""
    return record(WANT, _U64.pack(sequence))


def decode_accepted(data: Bytes, found: Record) -> int:
    """Every sequence up to this one is accepted."""
    if found.end - found.start < _U64.size:
        raise WireError(f"accepted: {found.end - found.start} bytes in its body")
    value: int = _unpack(_U64, data, found.start, "accepted")[0]
    return value


def decode_started(data: Bytes, found: Record) -> list[tuple[int, int, int]]:
    """Session, sequence and number of each attempt that has been running for a while."""
    count, _ = _unpack(_U32_PAIR, data, found.start, "started")
    if found.start + 8 + count * _ATTEMPT.size > found.end:
        raise WireError(f"{count} attempts in {found.end - found.start} bytes")
    body = data[found.start + 8 : found.start + 8 + count * _ATTEMPT.size]
    return [(session, sequence, number) for session, sequence, number, _ in _ATTEMPT.iter_unpack(body)]


def decode_outcome_head(data: Bytes, offset: int) -> tuple[OutcomeHead, int]:
    """The head at `offset`, and the offset of the first part."""
    values = _unpack(_OUTCOME_HEAD, data, offset, "outcome")
    session, sequence, attempt, status, reason, backend, parts, waited, ran, worker, length, _ = values
    if status >= len(STATUSES):
        raise WireError(f"unknown status {status}")
    if reason >= len(REASONS):
        raise WireError(f"unknown reason {reason}")
    start = offset + _OUTCOME_HEAD.size
    detail = _text(data, start, length, "detail")
    head = OutcomeHead(
        session, sequence, attempt, status, reason, backend, parts, waited, ran, worker, detail
    )
    return head, start + length


class Missing(bytes):
    """Stands for an attachment for which there was no memory when it came."""

    size = 0

    @classmethod
    def of(cls, size: int) -> Missing:
        """For so many bytes."""
        made = cls()
        made.size = size
        return made


def decode_parts(
    data: Bytes, offset: int, count: int, attachments: Sequence[Bytes]
) -> list[tuple[int, Payload]]:
    """The parts of an outcome with their kinds; `attachments` are those of the record."""
    parts = []
    used = 0
    for _ in range(count):
        (kind,) = _unpack(_PART, data, offset, "part")
        if kind > PART_SUMMARY:
            raise WireError(f"unknown part {kind}")
        found, offset, used = decode_payload(data, offset + _PART.size, attachments, used)
        parts.append((kind, found))
    return parts


def decode_payload(
    data: Bytes, offset: int, attachments: Sequence[Bytes], used: int
) -> tuple[Payload, int, int]:
    """The payload at `offset`, the offset behind it, and how many attachments are used up."""
    codec, form, buffers, length = _unpack(_PAYLOAD, data, offset, "payload")
    offset += _PAYLOAD.size
    if not PICKLE <= codec <= RAW:
        raise WireError(f"unknown codec {codec}")
    if form > FORM_REFERENCE:
        raise WireError(f"unknown payload form {form}")
    if form != FORM_INLINE and length != (32 if form == FORM_REFERENCE else 0):
        raise WireError(f"payload form {form} with {length} bytes")
    if form == FORM_REFERENCE:
        raise WireError("a reference, which this build cannot follow")
    main = _slice(data, offset, length, "payload")
    wanted = buffers + (1 if form == FORM_ATTACHED else 0)
    if used + wanted > len(attachments):
        raise WireError(f"{used + wanted} attachments wanted, {len(attachments)} came")
    own = attachments[used : used + wanted]
    if form == FORM_ATTACHED:
        main, own = own[0], own[1:]
    return Payload(codec, main, own), offset + length, used + wanted


def _unpack(layout: Struct, data: Bytes, offset: int, what: str) -> tuple[Any, ...]:
    try:
        return layout.unpack_from(data, offset)
    except struct.error:
        raise WireError(
            f"{what} at byte {offset}: {layout.size} bytes wanted, {max(0, len(data) - offset)} left"
        ) from None


def _slice(data: Bytes, offset: int, length: int, what: str) -> Bytes:
    if offset + length > len(data):
        raise WireError(f"{what} at byte {offset}: {length} bytes wanted, {len(data) - offset} left")
    return data[offset : offset + length]


def _text(data: Bytes, offset: int, length: int, what: str) -> str:
    try:
        return bytes(_slice(data, offset, length, what)).decode()
    except UnicodeDecodeError:
        raise WireError(f"{what} is not UTF-8") from None
