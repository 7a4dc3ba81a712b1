"""Python judges the corpus of the fuzzer as Swift does, whose tests read the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement import DECODERS, disagreement

CORPUS = Path(__file__).parent / "Corpus"


@pytest.mark.parametrize("decoder", DECODERS)
def test_python_reads_what_swift_reads(decoder: str) -> None:
    lines = (CORPUS / f"{decoder}.txt").read_text().splitlines()
    assert len(lines) > 20, "the corpus is missing"
    assert [found for line in lines if (found := disagreement(decoder, line))] == []


def test_a_disagreement_is_seen() -> None:
    assert disagreement("neutral", "01 same") is None
    assert "only Python reads" in str(disagreement("neutral", "01 refused"))
    assert "only Python refuses" in str(disagreement("neutral", "c1 same"))
    assert "when Swift wrote it" in str(disagreement("neutral", "01 02"))
