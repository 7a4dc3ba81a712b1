"""Writes Vectors/*.json from docs/wire-protocol.md alone.

It shares no code with the Swift and Python implementations, so that an error of one of them cannot hide in
the vectors. Add a case here when a frame or record is added, then run it:

    python3 Tests/WireTests/make_vectors.py

A file holds a list of cases: `name`, `hex` (the bytes) and `value` (what they mean). A record's bytes are its
header and body. `neutral.json` notes values as JSON, with {"float": text}, {"bytes": hex},
{"map": [[key, value], ...]}, {"ndarray": {...}}, {"dependency": n}, {"uuid": hex}, {"decimal": {...}} and
{"instant": microseconds} for what JSON lacks. A case with
`"decode_only": true` is not the form that a writer chooses. `malformed.json` holds bytes that must be
refused.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

from malformed_vectors import malformed
from vector_bytes import (
    DIGEST,
    NOTHING,
    OTHER,
    REFERENCE,
    SESSION,
    Json,
    assign,
    attached,
    attempt,
    attempts_body,
    define_function,
    field,
    field_bytes,
    fields_body,
    frame,
    handshake,
    inline,
    outcome,
    payload,
    record,
    scalars,
    submit,
    tasks_body,
)

FOLDER = Path(__file__).parent / "Vectors"


def case(name: str, data: bytes, value: Json, **more: Json) -> Json:
    return {"name": name, "hex": data.hex(), "value": value, **more}


def write(name: str, cases: list[Json]) -> None:
    text = json.dumps(cases, indent=1, ensure_ascii=True)
    (FOLDER / f"{name}.json").write_text(text + "\n")


def handshakes() -> None:
    hello: dict[str, Json] = {
        "lowest": 1,
        "highest": 1,
        "role": "client",
        "session": SESSION,
        "epoch": 0,
        "received": 0,
    }
    client = [
        field("python", "string", "3.11"),
        field("cloudpickle", "string", "3.1.2"),
        field("host", "string", "hôte"),
        field("pid", "unsigned", 4242),
        field("name", "string", ""),
        field("parent", "string", "0123456789abcdef-17", matters=True),
    ]
    worker = [
        field("slots", "unsigned", 8),
        field("memory", "unsigned", 2**64 - 1),
        field("offset", "signed", -5),
        field("load", "real", 0.25),
        field("key", "bytes", "00ff80"),
        field("draining", "flag", True),
        field("fresh", "flag", False),
    ]
    cases = []
    for name, value in [
        ("Python client", hello | {"fields": client}),
        ("without fields, resuming", hello | {"epoch": 3, "received": 900, "fields": []}),
        ("worker, every type of field", hello | {"role": "worker", "fields": worker}),
    ]:
        cases.append(case(name, handshake(1, value), value))
    write("hello", cases)
    welcome = hello | {
        "role": "scheduler",
        "epoch": 7,
        "received": 12,
        "fields": [
            field("heartbeat_ms", "unsigned", 1000),
            field("lease_ms", "unsigned", 15000),
            field("tasks", "unsigned", 250000),
            field("bytes", "unsigned", 512 << 20),
            field("resumed", "flag", True),
        ],
    }
    write("welcome", [case("resumed", handshake(2, welcome), welcome)])
    refusal = hello | {
        "role": "scheduler",
        "lowest": 2,
        "highest": 3,
        "fields": [
            field("code", "string", "version"),
            field("field", "string", "protocol version"),
            field("message", "string", "You speak version 1, this scheduler 2 to 3: update the client."),
        ],
    }
    write("refusal", [case("version", handshake(3, refusal), refusal)])


def frames() -> None:
    base: dict[str, Json] = {"session": SESSION, "epoch": 7, "acknowledged": 41, "number": 0, "records": 0}
    records = record("accepted", struct.pack("<Q", 5)) + record("drain", b"")
    data = base | {"kind": "data", "number": 42, "records": 2}
    write(
        "frame",
        [
            case("data with two records", frame(data, records), data),
            case("acknowledge", frame(v := base | {"kind": "acknowledge"}), v),
            case("resend from 40", frame(v := base | {"kind": "resend", "number": 40}), v),
            case("goodbye", frame(v := base | {"kind": "goodbye", "epoch": 2**64 - 1}), v),
        ],
    )


def client_records() -> None:
    definition = {
        "function": 1,
        "kind": "python",
        "digest": DIGEST,
        "definition": inline("neutral", b"\xaamath:hypot"),
    }
    large = definition | {"function": 2**32 - 1, "kind": "swift", "definition": attached("pickle", 2)}
    write(
        "defineFunction",
        [
            case("by import path", record("defineFunction", define_function(definition)), definition),
            case(
                "attached with buffers",
                record("defineFunction", define_function(large), attachments=3),
                large,
                attachments=3,
            ),
        ],
    )
    write("forgetFunction", [case("9", record("forgetFunction", struct.pack("<I", 9)), {"function": 9})])
    options: dict[str, Json] = {
        "options": 2,
        "fields": [
            field("result", "string", "neutral", matters=True),
            field("timeout_ms", "unsigned", 30000, matters=True),
            field("idempotent", "flag", False, matters=True),
            field("priority", "signed", -2),
        ],
    }
    body = struct.pack("<II", 2, 4) + field_bytes(options["fields"])
    write("defineOptions", [case("four fields", record("defineOptions", body), options)])
    plain = {
        "sequence": 1,
        "function": 1,
        "options": 0,
        "kind": "python",
        "parent": None,
        "dependencies": [],
        "arguments": inline("pickle", b"\x80\x05K\x01."),
    }
    nested = plain | {
        "sequence": 2**40,
        "options": 3,
        "kind": "swift",
        "parent": {"session": OTHER, "sequence": 17},
        "dependencies": [1, 2**40 - 1],
        "arguments": attached("neutral"),
    }
    write(
        "submit",
        [
            case("plain", record("submit", submit(plain)), plain),
            case(
                "child task with dependencies",
                record("submit", submit(nested), flags=1, attachments=1),
                nested,
                flags=1,
                attachments=1,
            ),
            case(
                "by reference",
                record("submit", submit(v := plain | {"arguments": REFERENCE})),
                v,
            ),
        ],
    )
    write(
        "cancel",
        [
            case("before it starts", record("cancel", struct.pack("<Q", 77)), {"sequence": 77}),
            case("also running", record("cancel", struct.pack("<Q", 77), 1), {"sequence": 77}, flags=1),
        ],
    )
    ranges = [[1, 1000], [2**40, 1]]
    body = struct.pack("<II", 2, 0) + b"".join(struct.pack("<QQ", *r) for r in ranges)
    write("release", [case("two ranges", record("release", body), {"ranges": ranges})])
    write("want", [case("one task", record("want", struct.pack("<Q", 78)), {"sequence": 78})])
    setup = {"function": 3, "arguments": inline("pickle", b"\x80\x05).")}
    body = struct.pack("<II", 3, 0) + payload(setup["arguments"])
    write("setup", [case("inline", record("setup", body), setup)])
    write("accepted", [case("5", record("accepted", struct.pack("<Q", 5)), {"sequence": 5})])


def outcomes() -> None:
    base = {
        "session": SESSION,
        "sequence": 5,
        "attempt": 1,
        "status": "value",
        "reason": 0,
        "backend": 0,
        "waited_us": 120,
        "ran_us": 2**32 - 1,
        "worker": OTHER,
        "detail": "",
        "parts": [{"kind": "value", "payload": inline("neutral", b"\x2a")}],
    }
    failed = base | {
        "status": "exception",
        "parts": [
            {"kind": "value", "payload": attached("pickle", 1)},
            {"kind": "standardOutput", "payload": inline("raw", b"out\n")},
            {"kind": "standardError", "payload": NOTHING},
            {"kind": "log", "payload": attached("raw")},
            {"kind": "traceback", "payload": inline("raw", "Traceback …".encode())},
            {
                "kind": "exceptionSummary",
                "payload": inline(
                    "neutral",
                    b"\x83\xa5class\xaaValueError\xa7message\xa3bad"
                    b"\xa5bases\x93\xaaValueError\xa9Exception\xadBaseException",
                ),
            },
        ],
    }
    lost = base | {
        "status": "lost",
        "reason": 1,
        "attempt": 3,
        "detail": "The executor was killed by signal 11 (SIGSEGV).",
        "parts": [],
    }
    for kind in ("outcome", "workerFinished"):
        write(
            kind,
            [
                case("value", record(kind, outcome(base)), base),
                case("exception", record(kind, outcome(failed), attachments=3), failed, attachments=3),
                case("lost", record(kind, outcome(lost)), lost),
                *(
                    [case("held", record(kind, outcome(base), flags=1), base, flags=1)]
                    if kind == "workerFinished"
                    else []
                ),
            ],
        )


def worker_records() -> None:
    many = {"attempts": [attempt(SESSION, 1, 1), attempt(OTHER, 2**63, 2**32 - 1)]}
    none: Json = {"attempts": []}
    for kind in ("started", "workerStarted", "returned", "retract", "stop"):
        write(
            kind,
            [
                case("two", record(kind, attempts_body(many["attempts"])), many),
                case("none", record(kind, attempts_body([])), none),
            ],
        )
    report = {
        "fields": [
            field("running", "unsigned", 2),
            field("queued", "unsigned", 30),
            field("rss", "unsigned", 123456789),
            field("draining", "flag", False),
        ]
    }
    write("report", [case("four fields", record("report", fields_body(report["fields"])), report)])
    function = {
        "session": SESSION,
        "function": 1,
        "kind": "swift",
        "digest": DIGEST,
        "definition": inline("neutral", b"\xa8tokenize"),
    }
    body = struct.pack("<Q", SESSION) + define_function(function)
    write("function", [case("by name", record("function", body), function)])
    plain = {
        "session": SESSION,
        "sequence": 5,
        "attempt": 1,
        "function": 1,
        "kind": "python",
        "resultCodec": "neutral",
        "mode": "process",
        "timeout_ms": 0,
        "grace_ms": 1000,
        "arguments": inline("neutral", b"\x92\x03\x04"),
        "dependencies": [],
        "rank": 0,
        "devices": 0,
        "counted": False,
    }
    joined = plain | {
        "attempt": 2,
        "mode": "asyncio",
        "resultCodec": "pickle",
        "rank": -7,
        "timeout_ms": 30000,
        "arguments": attached("pickle", 2),
        "dependencies": [inline("neutral", b"\x2a"), attached("pickle"), NOTHING],
    }
    owner = joined | {"attempt": 3, "devices": 0x8000_0000_0000_0005, "counted": True}
    referring = plain | {"dependencies": [REFERENCE, inline("raw", b"small"), REFERENCE]}
    write(
        "assign",
        [
            case("plain", record("assign", assign(plain)), plain),
            case("joined", record("assign", assign(joined), attachments=4), joined, attachments=4),
            case(
                "with devices",
                record("assign", assign(owner), flags=3, attachments=4),
                owner,
                flags=3,
                attachments=4,
            ),
            case("of values that the worker has", record("assign", assign(referring)), referring),
        ],
    )
    values()
    setup = {"session": SESSION, "function": 3, "arguments": inline("pickle", b"\x80\x05).")}
    body = struct.pack("<QII", SESSION, 3, 0) + payload(setup["arguments"])
    write("workerSetup", [case("inline", record("workerSetup", body), setup)])
    body = struct.pack("<Q", SESSION)
    write("forgetSession", [case("one", record("forgetSession", body), {"session": SESSION})])
    value = {"session": SESSION, "function": 4}
    body = struct.pack("<QI", SESSION, 4)
    write("forgetWorkerFunction", [case("one", record("forgetWorkerFunction", body), value)])
    write("drain", [case("empty", record("drain", b""), {})])


def values() -> None:
    small = {"session": SESSION, "sequence": 7, "payload": inline("neutral", b"\xc4\x02ab")}
    large = {"session": OTHER, "sequence": 2**63 | 9, "payload": attached("pickle", 2)}
    cases = []
    for name, value, attachments in [("inline", small, 0), ("of a conversion, attached", large, 3)]:
        body = struct.pack("<QQ", value["session"], value["sequence"]) + payload(value["payload"])
        more = {"attachments": attachments} if attachments else {}
        cases.append(case(name, record("value", body, attachments=attachments), value, **more))
    write("value", cases)
    two = {"tasks": [{"session": SESSION, "sequence": 7}, {"session": OTHER, "sequence": 2**64 - 1}]}
    none: Json = {"tasks": []}
    write(
        "forgetValues",
        [
            case("two", record("forgetValues", tasks_body(two["tasks"])), two),
            case("none", record("forgetValues", tasks_body([])), none),
        ],
    )


def executor_records() -> None:
    greeting = {
        "fields": [
            field("wire", "unsigned", 1),
            field("worker", "unsigned", OTHER),
            field("bridge", "string", "/opt/isthmus/isthmus_bridge"),
            field("memory_max", "unsigned", 1 << 31),
        ]
    }
    write("greeting", [case("four", record("greeting", fields_body(greeting["fields"])), greeting)])
    ready = {
        "fields": [
            field("wire", "unsigned", 1),
            field("pid", "unsigned", 99),
            field("kind", "string", "swift"),
            field("functions", "string", "lexical\ntokenize"),
        ]
    }
    write("ready", [case("swift", record("ready", fields_body(ready["fields"])), ready)])
    text = "cloudpickle is missing: pip install cloudpickle"
    body = struct.pack("<II", len(text), 0) + text.encode()
    write("failed", [case("cloudpickle", record("failed", body), {"text": text})])
    write("shutdown", [case("empty", record("shutdown", b""), {})])
    body = struct.pack("<II", 5, 0) + b"0,GPU"
    write("devices", [case("two", record("devices", body), {"text": "0,GPU"})])


def neutral() -> None:
    pack = struct.pack
    array = {"dtype": "<f8", "shape": [2, 1], "bytes": pack("<dd", 1.5, -2.0).hex()}
    body = b"\x03<f8\x02" + pack("<QQ", 2, 1) + pack("<dd", 1.5, -2.0)
    empty = {"dtype": "|b1", "shape": [], "bytes": "01"}
    times = b"\x08<M8[25s]\x01" + pack("<Qq", 1, -1)
    instants = {"dtype": "<M8[25s]", "shape": [1], "bytes": "ff" * 8}
    nothing = {"dtype": "<i2", "shape": [0, 1 << 61], "bytes": ""}
    cases = [
        case("none", b"\xc0", None),
        case("true", b"\xc3", True),
        case("false", b"\xc2", False),
    ]
    integers = [
        (0, b"\0"),
        (127, b"\x7f"),
        (128, b"\xcc\x80"),
        (255, b"\xcc\xff"),
        (256, b"\xcd\x01\0"),
        (65535, b"\xcd\xff\xff"),
        (65536, b"\xce\0\x01\0\0"),
        (2**32 - 1, b"\xce" + b"\xff" * 4),
        (2**32, b"\xcf\0\0\0\x01\0\0\0\0"),
        (2**63, b"\xcf\x80" + b"\0" * 7),
        (2**64 - 1, b"\xcf" + b"\xff" * 8),
        (-1, b"\xff"),
        (-32, b"\xe0"),
        (-33, b"\xd0\xdf"),
        (-128, b"\xd0\x80"),
        (-129, b"\xd1\xff\x7f"),
        (-32768, b"\xd1\x80\0"),
        (-32769, b"\xd2\xff\xff\x7f\xff"),
        (-(2**31), b"\xd2\x80\0\0\0"),
        (-(2**31) - 1, b"\xd3" + pack(">q", -(2**31) - 1)),
        (-(2**63), b"\xd3\x80" + b"\0" * 7),
    ]
    cases += [case(f"integer {number}", data, number) for number, data in integers]
    for text, number in [
        ("0.0", 0.0),
        ("-0.0", -0.0),
        ("1.5", 1.5),
        ("1e+300", 1e300),
        ("inf", float("inf")),
        ("-inf", float("-inf")),
    ]:
        cases.append(case(f"float {text}", b"\xcb" + pack(">d", number), {"float": text}))
    cases += [
        case("float of 32 bits", b"\xca" + pack(">f", 1.5), {"float": "1.5"}, decode_only=True),
        case("integer, not shortest", b"\xd3" + pack(">q", 5), 5, decode_only=True),
        case("empty string", b"\xa0", ""),
        case("string beyond ASCII", b"\xa7" + "größ".encode() + b"\0", "größ\0"),
        case("string of 31", b"\xbf" + b"a" * 31, "a" * 31),
        case("string of 32", b"\xd9\x20" + b"a" * 32, "a" * 32),
        case("string of 256", b"\xda\x01\0" + b"a" * 256, "a" * 256),
        case("empty bytes", b"\xc4\0", {"bytes": ""}),
        case("bytes", b"\xc4\x02\0\xff", {"bytes": "00ff"}),
        case("bytes of 256", b"\xc5\x01\0" + bytes(256), {"bytes": bytes(256).hex()}),
        case("empty list", b"\x90", []),
        case("list", b"\x93\x01\xa1a\xc0", [1, "a", None]),
        case("list of 15", b"\x9f" + b"\x01" * 15, [1] * 15),
        case("list of 16", b"\xdc\0\x10" + b"\x01" * 16, [1] * 16),
        case("empty map", b"\x80", {"map": []}),
        case("map", b"\x82\xa1a\x01\x02\xc2", {"map": [["a", 1], [2, False]]}),
        case(
            "map of 16",
            b"\xde\0\x10" + b"".join(bytes([i, i]) for i in range(16)),
            {"map": [[i, i] for i in range(16)]},
        ),
        case("nested", b"\x91\x91\x81\xa1k\x90", [[{"map": [["k", []]]}]]),
        case("array", b"\xc7" + bytes([len(body)]) + b"\x01" + body, {"ndarray": array}),
        case("array without dimensions", b"\xc7\x06\x01\x03|b1\0\x01", {"ndarray": empty}),
        case("array of times", b"\xc7" + bytes([len(times)]) + b"\x01" + times, {"ndarray": instants}),
        case("empty array", b"\xc7\x15\x01\x03<i2\x02" + pack("<QQ", 0, 1 << 61), {"ndarray": nothing}),
        *(case(*scalar) for scalar in scalars()),
        case("dependency 0", b"\xd6\x02\0\0\0\0", {"dependency": 0}),
        case("dependency in a list", b"\x92\xd6\x02\x01\x02\0\0\x05", [{"dependency": 513}, 5]),
        case(
            "keyword arguments",
            b"\x82\xa4args\x91\x01\xa6kwargs\x81\xa1k\xc3",
            {"map": [["args", [1]], ["kwargs", {"map": [["k", True]]}]]},
        ),
    ]
    write("neutral", cases)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    handshakes()
    frames()
    client_records()
    outcomes()
    worker_records()
    executor_records()
    neutral()
    write("malformed", malformed())
