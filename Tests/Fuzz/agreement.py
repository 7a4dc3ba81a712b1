"""Whether Python reads what Swift reads: judges lines of a corpus file, `input verdict`, each in hex.

Swift's verdict is `refused`, `same`, or what it writes of the value that it read. Python must refuse the same
inputs, and read the input and what Swift wrote of it as one value.

    python3 Tests/Fuzz/agreement.py DECODER FILE
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bridge" / "src"), str(ROOT / "python" / "src")]

from isthmus import _wire as wire  # noqa: E402
from isthmus_bridge import neutral  # noqa: E402

DECODERS = ("handshake", "frame", "record", "neutral")


class NotForAClientError(Exception):
    """A record that a client never receives: Python looks at no more than its header."""


@dataclass(frozen=True)
class Dependency:
    """Stands for the value of a dependency."""

    number: int


def _read_neutral(data: bytes) -> object:
    value = neutral.unpack(data, dependency=Dependency)
    # As bytes, in which a NaN equals itself and 1 differs from 1.0.
    return neutral.pack(value, dependency=lambda found: getattr(found, "number", None))


def _read_handshake(data: bytes) -> object:
    return repr(wire.decode_handshake(data))


def _read_record(data: bytes, offset: int = 0, used: int = 0) -> tuple[wire.Record, object]:
    found = wire.decode_record(data, offset, used)
    if found.type == wire.ACCEPTED:
        return found, wire.decode_accepted(data, found)
    if found.type == wire.STARTED:
        return found, wire.decode_started(data, found)
    if found.type == wire.OUTCOME:
        body = data[found.start : found.end]
        head, parts = wire.decode_outcome_head(body, 0)
        # As many as payloads can ask for: whether they came is the receiver's to check.
        attachments = [b""] * (head.parts << 16)
        return found, (head, wire.decode_parts(body, parts, head.parts, attachments))
    raise NotForAClientError


def _read_frame(data: bytes) -> object:
    header = wire.decode_frame_header(data)
    offset, used, records = wire.FRAME_HEADER_BYTES, 0, []
    for _ in range(header.records):
        found, value = _read_record(data, offset, used)
        offset, used = found.end, used + found.attachments
        records.append((found, value))
    return header, records


READERS: dict[str, Callable[[bytes], object]] = {
    "handshake": _read_handshake,
    "frame": _read_frame,
    "record": _read_record,
    "neutral": _read_neutral,
}


def disagreement(decoder: str, line: str) -> str | None:
    """What Python makes of an input, where that is not what Swift made of it."""
    read = READERS[decoder]
    text, verdict = line.split()
    data = bytes.fromhex(text)
    value: Any
    try:
        value = read(data)
    except NotForAClientError:
        return None
    except (neutral.NeutralError, wire.WireError) as error:
        return None if verdict == "refused" else f"only Python refuses {text}: {error}"
    except Exception as error:
        return f"{type(error).__name__} at {text}: {error}"
    if verdict == "refused":
        return f"only Python reads {text}: {value!r:.200}"
    if verdict == "same":
        return None
    written = read(bytes.fromhex(verdict))
    return None if written == value else f"{text}: {value!r:.200} is {written!r:.200} when Swift wrote it"


if __name__ == "__main__":
    found = [disagreement(sys.argv[1], line) for line in Path(sys.argv[2]).read_text().splitlines()]
    problems = [text for text in found if text is not None]
    print("\n".join(problems))
    sys.exit(bool(problems))
