"""The bytes of frames and records, written from docs/wire-protocol.md alone; see make_vectors.py."""

from __future__ import annotations

import struct
from typing import Any

Json = Any
CODECS = {"pickle": 1, "neutral": 2, "raw": 3}
KINDS = {"python": 1, "swift": 2, "command": 3}
ROLES = {"client": 1, "worker": 2, "driver": 3, "operator": 4, "scheduler": 5}
FRAMES = {"data": 4, "acknowledge": 5, "resend": 6, "goodbye": 7}
STATUSES = {"value": 0, "exception": 1, "cancelled": 2, "lost": 3, "timedOut": 4, "refused": 5}
MODES = {"process": 0, "thread": 1, "asyncio": 2}
PARTS = {
    "value": 0,
    "standardOutput": 1,
    "standardError": 2,
    "log": 3,
    "traceback": 4,
    "exceptionSummary": 5,
}
RECORDS = {
    "defineFunction": 1,
    "forgetFunction": 2,
    "defineOptions": 3,
    "submit": 4,
    "cancel": 5,
    "want": 8,
    "release": 6,
    "setup": 7,
    "accepted": 17,
    "outcome": 18,
    "started": 20,
    "workerFinished": 33,
    "workerStarted": 34,
    "returned": 35,
    "report": 36,
    "function": 49,
    "assign": 50,
    "retract": 51,
    "stop": 52,
    "workerSetup": 53,
    "forgetSession": 54,
    "forgetWorkerFunction": 55,
    "drain": 56,
    "value": 57,
    "forgetValues": 58,
    "greeting": 64,
    "ready": 65,
    "failed": 66,
    "shutdown": 67,
    "devices": 68,
}
SESSION = 0x0123456789ABCDEF
OTHER = 0xFEDCBA9876543210
DIGEST = "000102030405060708090a0b0c0d0e0f"


def field(name: str, kind: str, value: Json, matters: bool = False) -> Json:
    return {"name": name, "type": kind, "value": value, "matters": matters}


def field_bytes(fields: list[Json]) -> bytes:
    out = b""
    for f in fields:
        kind, value = f["type"], f["value"]
        if kind == "unsigned":
            number, raw = 1, struct.pack("<Q", value)
        elif kind == "signed":
            number, raw = 2, struct.pack("<q", value)
        elif kind == "real":
            number, raw = 3, struct.pack("<d", value)
        elif kind == "string":
            number, raw = 4, value.encode()
        elif kind == "bytes":
            number, raw = 5, bytes.fromhex(value)
        else:
            number, raw = 6, bytes([value])
        name = f["name"].encode()
        out += struct.pack("<BBHI", f["matters"], number, len(name), len(raw)) + name + raw
    return out


def handshake(kind: int, v: Json) -> bytes:
    head = struct.pack("<BBHHBB", 0, kind, v["lowest"], v["highest"], ROLES[v["role"]], 0)
    numbers = struct.pack("<QQQI", v["session"], v["epoch"], v["received"], len(v["fields"]))
    return head + b"ISTHMUS\0" + numbers + field_bytes(v["fields"])


def frame(v: Json, records: bytes = b"") -> bytes:
    return (
        struct.pack("<BBHI", 1, FRAMES[v["kind"]], 0, v["records"])
        + struct.pack("<QQQQ", v["session"], v["epoch"], v["number"], v["acknowledged"])
        + records
    )


def inline(codec: str, data: bytes, buffers: int = 0) -> Json:
    return {"codec": codec, "form": "inline", "buffers": buffers, "bytes": data.hex()}


def attached(codec: str, buffers: int = 0) -> Json:
    return {"codec": codec, "form": "attached", "buffers": buffers}


NOTHING = {"codec": "raw", "form": "nothing", "buffers": 0}
REFERENCE = {
    "codec": "pickle",
    "form": "reference",
    "buffers": 0,
    "owner": OTHER,
    "high": 1,
    "low": 2,
    "size": 1 << 33,
}


def payload(p: Json) -> bytes:
    form = {"nothing": 0, "inline": 1, "attached": 2, "reference": 3}[p["form"]]
    data = b""
    if p["form"] == "inline":
        data = bytes.fromhex(p["bytes"])
    elif p["form"] == "reference":
        data = struct.pack("<QQQQ", p["owner"], p["high"], p["low"], p["size"])
    return struct.pack("<BBHI", CODECS[p["codec"]], form, p["buffers"], len(data)) + data


def record(kind: str, body: bytes, flags: int = 0, attachments: int = 0) -> bytes:
    return struct.pack("<BBHI", RECORDS[kind], flags, attachments, len(body)) + body


def attempt(session: int, sequence: int, number: int) -> Json:
    return {"session": session, "sequence": sequence, "attempt": number}


def attempts_body(attempts: list[Json]) -> bytes:
    out = struct.pack("<II", len(attempts), 0)
    for a in attempts:
        out += struct.pack("<QQII", a["session"], a["sequence"], a["attempt"], 0)
    return out


def tasks_body(tasks: list[Json]) -> bytes:
    out = struct.pack("<II", len(tasks), 0)
    return out + b"".join(struct.pack("<QQ", t["session"], t["sequence"]) for t in tasks)


def fields_body(fields: list[Json]) -> bytes:
    return struct.pack("<II", len(fields), 0) + field_bytes(fields)


def define_function(v: Json) -> bytes:
    head = struct.pack("<IBBH", v["function"], KINDS[v["kind"]], 0, 0)
    return head + bytes.fromhex(v["digest"]) + payload(v["definition"])


def submit(v: Json) -> bytes:
    out = struct.pack(
        "<QIIIBBH",
        v["sequence"],
        v["function"],
        v["options"],
        len(v["dependencies"]),
        KINDS[v["kind"]],
        0,
        0,
    )
    if v["parent"]:
        out += struct.pack("<QQ", v["parent"]["session"], v["parent"]["sequence"])
    out += b"".join(struct.pack("<Q", d) for d in v["dependencies"])
    return out + payload(v["arguments"])


def assign(v: Json) -> bytes:
    out = struct.pack(
        "<QQIIBBBbIII",
        v["session"],
        v["sequence"],
        v["attempt"],
        v["function"],
        KINDS[v["kind"]],
        CODECS[v["resultCodec"]],
        MODES[v["mode"]],
        v["rank"],
        v["timeout_ms"],
        v["grace_ms"],
        len(v["dependencies"]),
    )
    if v["devices"]:
        out += struct.pack("<Q", v["devices"])
    return out + payload(v["arguments"]) + b"".join(payload(d) for d in v["dependencies"])


def outcome(v: Json) -> bytes:
    detail: bytes = v["detail"].encode()
    out = struct.pack(
        "<QQIBBBBIIQII",
        v["session"],
        v["sequence"],
        v["attempt"],
        STATUSES[v["status"]],
        v["reason"],
        v["backend"],
        len(v["parts"]),
        v["waited_us"],
        v["ran_us"],
        v["worker"],
        len(detail),
        0,
    )
    out += detail
    for part in v["parts"]:
        out += struct.pack("<BBHI", PARTS[part["kind"]], 0, 0, 0) + payload(part["payload"])
    return out


def scalars() -> list[tuple[str, bytes, Json]]:
    """UUIDs, decimal numbers and points in time."""
    cases: list[tuple[str, bytes, Json]] = [
        ("UUID", b"\xd8\x03" + bytes(range(16)), {"uuid": bytes(range(16)).hex()})
    ]
    for kind, exponent, digits in [
        (0, 0, "0"),
        (1, -2, "150"),
        (0, 100, "9" * 38),
        (2, 0, ""),
        (0, -(2**31) + 1, "7" * 300),
    ]:
        body = struct.pack("<Bi", kind, exponent) + digits.encode()
        head = b"\xc7" + bytes([len(body)]) if len(body) < 256 else b"\xc8" + struct.pack(">H", len(body))
        number: Json = {"decimal": {"kind": kind, "exponent": exponent, "digits": digits}}
        name = f"decimal of kind {kind}, {len(digits)} digits, exponent {exponent}"
        cases.append((name, head + b"\x04" + body, number))
    for microseconds in (0, -1, 1_709_209_859_999_999, -62_135_596_800_000_000, 253_402_300_799_999_999):
        data = b"\xd7\x05" + struct.pack("<q", microseconds)
        cases.append((f"instant {microseconds}", data, {"instant": microseconds}))
    return cases
