"""Writes inputs from which a fuzzer starts: the vectors of the protocol and the committed corpus.

python3 Tests/Fuzz/seeds.py FOLDER      # FOLDER/handshake/…, FOLDER/frame/…, FOLDER/record/…, …
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent / "WireTests" / "Vectors"
DECODERS = ("handshake", "frame", "record", "neutral")
DECODER_OF_FILE = {
    "hello": "handshake",
    "welcome": "handshake",
    "refusal": "handshake",
    "frame": "frame",
    "neutral": "neutral",
}


def inputs() -> Iterator[tuple[str, bytes]]:
    """Every known input with the decoder that it is for."""
    for file in sorted(VECTORS.glob("*.json")):
        for case in json.loads(file.read_text()):
            decoder = case["of"] if file.stem == "malformed" else DECODER_OF_FILE.get(file.stem, "record")
            data = bytes.fromhex(case["hex"])
            yield decoder, data
            if decoder == "record":
                yield "frame", bytes((1, 4, 0, 0, 1, 0, 0, 0)) + bytes(32) + data
    # Lists that announce 4,096 elements each, inside each other: reading must not make room for all of them.
    yield "neutral", b"\xdc\x10\x00" * 128 + b"\xc0" * 4096
    for decoder in DECODERS:
        corpus = HERE / "Corpus" / f"{decoder}.txt"
        if corpus.exists():
            for line in corpus.read_text().splitlines():
                yield decoder, bytes.fromhex(line.split()[0])


def main() -> None:
    folder = Path(sys.argv[1])
    for decoder in DECODERS:
        (folder / decoder).mkdir(parents=True, exist_ok=True)
    for decoder, data in inputs():
        (folder / decoder / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
