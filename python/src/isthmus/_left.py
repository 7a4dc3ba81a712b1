"""Values that stay with the scheduler, because they are large, until somebody asks for them.

A future whose value was left there is done: its outcome is known. Who wants the value has it sent. The first
large value of a client is asked for when its outcome is there; from then on whoever waits for a value says so
at once, and it comes with the outcome. As long as no value is large, nothing is said.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from . import _wire as wire
from ._inbox import settle
from .errors import ClusterError
from .future import EXCEPTION, LEFT, NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._link import Callbacks
    from ._outbox import Outbox
    from .future import Future


class LeftValues:
    """The values of one session that its scheduler keeps. For all but `ask`, the link is locked."""

    def __init__(self, outbox: Outbox) -> None:
        #: Whether a value was ever left out.
        self.seen = False
        #: Whether those that are held come here before the session ends.
        self.is_wanted = True
        self._outbox = outbox
        self._asked: set[int] = set()
        self._futures: dict[int, weakref.ref[Future[Any]]] = {}

    def ask(self, future: Future[Any]) -> bool:
        """Have the value sent as soon as there is one. False if there is nothing to be said. Any thread."""
        if not self.seen or future._stage not in (NOTHING, LEFT):
            return False
        sequence = future._sequence
        if self._outbox.is_held_here():
            # In a signal handler that must not wait here; the wait for the value says so.
            return False
        with self._outbox.gate:
            if sequence in self._asked or not sequence:
                return False
            self._asked.add(sequence)
            self._outbox.add(wire.want(sequence))
        return True

    def leave(self, future: Future[Any]) -> None:
        """The outcome of this future came without its value."""
        self.seen = True
        self._futures[future._sequence] = weakref.ref(future)

    def awaited(self, sequence: int) -> Future[Any] | None:
        """The future that lacks this value, if somebody still holds it."""
        found = self._futures.get(sequence)
        return None if found is None else found()

    def arrived(self, sequence: int) -> None:
        """The value has been laid into its future."""
        self._futures.pop(sequence, None)
        self._asked.discard(sequence)

    def released(self, sequences: Iterable[int]) -> None:
        """Nobody holds these futures any more."""
        for sequence in sequences:
            self._asked.discard(sequence)
            self._futures.pop(sequence, None)

    def ask_for_all(self) -> bool:
        """Before the session ends: have what a future lacks sent. False if nothing is missing.

        A value that went to other tasks, and that nobody has asked for, is not.
        """
        missing = False
        if not self.is_wanted:
            return False
        for found in list(self._futures.values()):
            future = found()
            if future is None or future._stage != LEFT:
                continue
            if future._sequence in self._asked or future._is_end():
                self.ask(future)
                missing = True
        return missing

    def fail(self, error: BaseException) -> list[tuple[Future[Any], Callbacks]]:
        """The session is over: what was not sent is lost. Returns the callbacks that are due now."""
        due = []
        while self._futures:
            future = self._futures.popitem()[1]()
            if future is not None and future._stage == LEFT:
                lost = ClusterError(
                    f"task {future.task_id} has ended with a value that is large, so it stayed with the "
                    f"scheduler, and it cannot be had any more: {error}"
                )
                lost.__cause__ = error
                due.append((future, settle(future, future._head, lost, EXCEPTION, future._state)))
        return due
