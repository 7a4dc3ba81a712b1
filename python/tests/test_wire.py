"""The bytes of docs/wire-protocol.md, by the vectors that Swift reads too."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from isthmus import _wire as wire

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "WireTests" / "Vectors"
Case = dict[str, Any]
CODECS = {"pickle": wire.PICKLE, "neutral": wire.NEUTRAL, "raw": wire.RAW}
KINDS = {"python": wire.KIND_PYTHON, "swift": wire.KIND_SWIFT, "command": wire.KIND_COMMAND}
ROLES = {"client": 1, "worker": 2, "driver": 3, "operator": 4, "scheduler": 5}
STATUSES = ["value", "exception", "cancelled", "lost", "timedOut", "refused"]
PARTS = ["value", "standardOutput", "standardError", "log", "traceback", "exceptionSummary"]


def cases(*names: str) -> list[Any]:
    found = []
    for name in names:
        read = json.loads((FOLDER / f"{name}.json").read_text())
        found += [pytest.param(case, id=f"{name}-{case['name']}") for case in read]
    return found


def raw(case: Case) -> bytes:
    return bytes.fromhex(case["hex"])


def field_values(fields: list[Case]) -> dict[str, wire.FieldValue]:
    return {f["name"]: bytes.fromhex(f["value"]) if f["type"] == "bytes" else f["value"] for f in fields}


def payload(value: Case) -> bytes:
    """A payload as a client writes it; an attached one is stood for by its header."""
    if value["form"] == "inline":
        return wire.payload(CODECS[value["codec"]], bytes.fromhex(value["bytes"]), [b""] * value["buffers"])[
            0
        ]
    assert value["form"] == "attached"
    return wire.payload(CODECS[value["codec"]], b"x" * 65_536, [b""] * value["buffers"])[0]


@pytest.mark.parametrize("case", cases("hello", "welcome", "refusal"))
def test_handshakes_are_read(case: Case) -> None:
    found = wire.decode_handshake(raw(case))
    value = case["value"]
    assert (found.lowest_version, found.highest_version) == (value["lowest"], value["highest"])
    assert (found.session, found.epoch, found.received) == (
        value["session"],
        value["epoch"],
        value["received"],
    )
    assert found.role == ROLES[value["role"]]
    assert found.fields == field_values(value["fields"])


def test_a_hello_is_written() -> None:
    case = next(c.values[0] for c in cases("hello") if c.values[0]["name"] == "Python client")
    value = case["value"]
    fields = field_values(value["fields"])
    encoded = wire.encode_fields(fields, [f["name"] for f in value["fields"] if f["matters"]])
    hello = wire.encode_handshake(wire.HELLO, value["session"], 0, 0, encoded, len(fields))
    assert hello == raw(case)


@pytest.mark.parametrize("case", cases("frame"))
def test_frames(case: Case) -> None:
    data, value = raw(case), case["value"]
    kind = {"data": 4, "acknowledge": 5, "resend": 6, "goodbye": 7}[value["kind"]]
    found = wire.decode_frame_header(data)
    numbers = (value["records"], value["session"], value["epoch"], value["number"], value["acknowledged"])
    assert found == (kind, *numbers)
    records, session, epoch, number, acknowledged = numbers
    assert wire.encode_frame_header(kind, session, epoch, acknowledged, number, records) == data[:40]


@pytest.mark.parametrize("case", cases("defineFunction"))
def test_functions_are_defined(case: Case) -> None:
    value = case["value"]
    digest = bytes.fromhex(value["digest"])
    definition = payload(value["definition"])
    attachments = case.get("attachments", 0)
    made = wire.define_function(value["function"], KINDS[value["kind"]], digest, definition, attachments)
    assert made == raw(case)


@pytest.mark.parametrize("case", cases("submit"))
def test_tasks_are_submitted(case: Case) -> None:
    value = case["value"]
    by_reference = value["arguments"]["form"] == "reference"
    arguments = raw(case)[-40:] if by_reference else payload(value["arguments"])
    parent = value["parent"] and (value["parent"]["session"], value["parent"]["sequence"])
    made = wire.submit(
        value["sequence"],
        value["function"],
        value["options"],
        KINDS[value["kind"]],
        arguments,
        value["dependencies"],
        parent,
        case.get("attachments", 0),
    )
    assert made == raw(case)


def test_the_short_way_to_submit_writes_the_same() -> None:
    data = b"\x80\x05K\x01."
    short = wire.pack_submit(4, 0, 0, 32 + len(data), 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, len(data)) + data
    plain = next(c.values[0] for c in cases("submit") if c.values[0]["name"] == "plain")
    assert short == raw(plain)


@pytest.mark.parametrize("case", cases("cancel", "release", "setup", "forgetFunction", "defineOptions"))
def test_small_records_are_written(case: Case) -> None:
    value = case["value"]
    if "ranges" in value:
        numbers = [n for first, count in value["ranges"] for n in range(first, first + count)]
        made = wire.release(reversed(numbers))
    elif "fields" in value:
        fields = field_values(value["fields"])
        mattering = [f["name"] for f in value["fields"] if f["matters"]]
        body = struct.pack("<II", value["options"], len(fields)) + wire.encode_fields(fields, mattering)
        made = wire.record(wire.DEFINE_OPTIONS, body)
        fields.pop("priority")
        assert wire.define_options(2, fields)[16:] == made[16 : len(wire.define_options(2, fields))]
    elif "arguments" in value:
        made = wire.setup(value["function"], payload(value["arguments"]))
    elif "sequence" in value:
        made = wire.cancel(value["sequence"], running=bool(case.get("flags")))
    else:
        made = wire.forget_function(value["function"])
    assert made == raw(case)


def test_a_want_is_written() -> None:
    case = cases("want")[0].values[0]
    assert wire.want(case["value"]["sequence"]) == raw(case)


def test_accepted_is_read() -> None:
    case = cases("accepted")[0].values[0]
    assert wire.decode_accepted(raw(case), wire.decode_record(raw(case), 0, 0)) == case["value"]["sequence"]


def test_a_record_is_not_read_beyond_its_end() -> None:
    data = struct.pack("<BBHI", wire.ACCEPTED, 0, 0, 0) + bytes(8)
    with pytest.raises(wire.WireError):
        wire.decode_accepted(data, wire.decode_record(data, 0, 0))


@pytest.mark.parametrize("case", cases("started"))
def test_started_is_read(case: Case) -> None:
    found = wire.decode_started(raw(case), wire.decode_record(raw(case), 0, 0))
    attempts = case["value"]["attempts"]
    assert found == [(a["session"], a["sequence"], a["attempt"]) for a in attempts]


@pytest.mark.parametrize("case", cases("outcome"))
def test_outcomes_are_read(case: Case) -> None:
    data, value = raw(case), case["value"]
    record = wire.decode_record(data, 0, 0)
    assert record.type == wire.OUTCOME
    attachments = [f"attachment {n}".encode() for n in range(record.attachments)]
    head, offset = wire.decode_outcome_head(data, record.start)
    assert (head.session, head.sequence, head.attempt) == (
        value["session"],
        value["sequence"],
        value["attempt"],
    )
    assert (STATUSES[head.status], head.reason, head.backend) == (
        value["status"],
        value["reason"],
        value["backend"],
    )
    assert (head.waited_microseconds, head.ran_microseconds) == (value["waited_us"], value["ran_us"])
    assert (head.worker, head.detail) == (value["worker"], value["detail"])
    if any(part["payload"]["form"] == "reference" for part in value["parts"]):
        return
    parts = wire.decode_parts(data, offset, head.parts, attachments)
    assert [PARTS[kind] for kind, _ in parts] == [part["kind"] for part in value["parts"]]
    used = 0
    for (_, found), part in zip(parts, value["parts"], strict=True):
        expected = part["payload"]
        assert found.codec == CODECS[expected["codec"]]
        if expected["form"] == "attached":
            assert found.data == attachments[used]
            used += 1
        else:
            assert bytes(found.data).hex() == expected.get("bytes", "")
        assert list(found.buffers) == attachments[used : used + expected["buffers"]]
        used += expected["buffers"]


def test_the_short_way_to_read_an_outcome_reads_the_same() -> None:
    case = next(c.values[0] for c in cases("outcome") if c.values[0]["name"] == "value")
    data = raw(case)
    kind, attached, length, sequence, *rest = wire.PLAIN_OUTCOME.unpack_from(data)
    assert (kind, attached, length, sequence) == (wire.OUTCOME, 0, len(data) - 8, case["value"]["sequence"])
    assert rest == [0, 0, 1, 0, 0, wire.NEUTRAL, wire.FORM_INLINE, 0, 1]


def test_what_is_cut_short_is_refused() -> None:
    case = next(c.values[0] for c in cases("outcome") if c.values[0]["name"] == "value")
    for length in range(len(raw(case))):
        data = raw(case)[:length]
        with pytest.raises(wire.WireError):
            record = wire.decode_record(data, 0, 0)
            head, offset = wire.decode_outcome_head(data, record.start)
            wire.decode_parts(data, offset, head.parts, [])


@pytest.mark.parametrize("case", [c for c in cases("malformed") if c.values[0]["of"] != "neutral"])
def test_malformed_bytes_are_refused(case: Case) -> None:
    read = {
        "frame": wire.decode_frame_header,
        "handshake": wire.decode_handshake,
        "record": lambda data: wire.decode_record(data, 0, 0),
    }[case["of"]]
    with pytest.raises(wire.WireError):
        read(raw(case))
