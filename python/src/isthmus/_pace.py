"""How far `map` reads ahead: from how long elements take, and what they and their results weigh."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from . import _limits as limits
from .future import LEFT

if TYPE_CHECKING:
    from ._map import Chunk

#: Calls that are sent one by one before much is known of them; and for each slot, where the slots are known,
#: until the first result has shown that results are small.
_PROBES: Final = 64
_PROBES_PER_SLOT: Final = 4
#: Chunks for each slot that are on their way or not yet taken, however large their results are.
_CHUNKS_PER_SLOT_MIN: Final = 2
#: What a result counts that stayed with the scheduler: until it is here, only that it is large is known.
_LEFT_BYTES: Final = limits.LOOKAHEAD_BYTES_MAX // 4


class Pace:
    """How many elements the next chunk gets, and how many chunks may be on their way."""

    def __init__(self, fixed: int | None, remaining: int | None, slots: int | None = None) -> None:
        self.fixed = fixed
        self.remaining = remaining
        self.slots = slots or len(os.sched_getaffinity(0))
        self.length = fixed or 1
        self.chunks = _PROBES_PER_SLOT * self.slots
        self.chunks_min = _CHUNKS_PER_SLOT_MIN * self.slots
        if slots is None:
            self.chunks = self.chunks_min = max(_PROBES, self.chunks)
        self.element_seconds = 0.0
        self.element_bytes = 0.0

    def next_length(self) -> int:
        """Elements of the next chunk."""
        if self.fixed:
            return self.fixed
        length = self.length
        if self.remaining is not None:
            # Towards the end smaller ones, so that all slots finish together.
            length = min(length, max(1, self.remaining // (4 * self.slots)))
        return length

    def submitted(self, chunk: Chunk) -> None:
        """A chunk was sent."""
        if self.remaining is not None:
            self.remaining = max(0, self.remaining - chunk.length)

    def finished(self, chunk: Chunk) -> None:
        """A chunk came back: learn from it, once."""
        self.weigh(chunk)
        outcome = chunk.future.outcome
        if outcome is None or chunk.is_known:
            return
        chunk.is_known = True
        seconds = outcome.ran / chunk.length
        known = self.element_seconds
        self.element_seconds = seconds if not known else known + (seconds - known) / 4
        if chunk.length * self.element_bytes * _PROBES < limits.LOOKAHEAD_BYTES_MAX:
            self.chunks = max(self.chunks, _PROBES)
        if outcome.waited < max(outcome.ran, limits.CHUNK_SECONDS):
            # It hardly waited: there is room in the cluster for more at once.
            self.chunks = min(self.chunks + 1, limits.LOOKAHEAD_CHUNKS_MAX)
        wanted = limits.CHUNK_SECONDS / max(self.element_seconds, 1e-9)
        wanted = min(wanted, limits.CHUNK_BYTES_MAX / max(self.element_bytes, 1.0))
        self.length = max(1, min(int(wanted), 8 * self.length, limits.CHUNK_ELEMENTS_MAX))

    def weigh(self, chunk: Chunk) -> None:
        """Learn what it and its result take."""
        future = chunk.future
        came = len(future._data) if type(future._data) is bytes else future._size
        if future._stage == LEFT:
            came = _LEFT_BYTES
        self.element_bytes = max(max(chunk.size, came) / chunk.length, self.element_bytes * 3 / 4)

    def has_room(self, running: int, chunks: int, elements: int, buffersize: int | None) -> bool:
        """Whether a further chunk may be sent while so many run, and so much is not yet taken."""
        if buffersize is not None:
            return elements < buffersize
        if running >= self.chunks or elements >= limits.LOOKAHEAD_ELEMENTS_MAX:
            return False
        return chunks < self.chunks_min or elements * self.element_bytes < limits.LOOKAHEAD_BYTES_MAX
