"""Who drives the link while threads wait, and how the others come to know.

A thread that waits *leads*: it drives the link itself, so that a result needs no hop between two threads
that fight for one interpreter lock. There is one lead. Who waits while another thread has it *follows*: it
is told of its future by who lays the outcome in, and looks now and then whether the lead is free. When
nobody waits, the background thread of `_engine` drives.

A signal handler of Python's runs in the main thread, between two steps of whatever that thread does. The
lead belongs to a thread, not to a frame: a handler that waits while its own thread leads drives the link with
the same lead, for the interrupted frame cannot. In two places it cannot drive either: where the interrupted
frame was just changing the link, the outbox or a future, whose lock it holds. Then the wait ends with a
`RuntimeError` at once, where it would last for ever.

Locks, in the order in which they are taken: the lead, `link_lock`, `outbox.gate`. No code of users runs
under the last two.
"""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from . import _limits as limits
from ._bell import Bell, Muffled
from ._waiting import Awaited, Request
from .future import Arrival, Future, making

if TYPE_CHECKING:
    from ._link import Link

_monotonic = time.monotonic

#: A poller, and what it was made for: the channel's descriptor, and whether something waits to be written.
Poller = tuple[int, bool, select.poll]

MUFFLED: Final = Muffled()


class Lead:
    """The threads of one client that wait, one of which drives its link."""

    def __init__(self, link: Link, when_left: Callable[[], None], when_gone: Callable[[], None]) -> None:
        self._link = link
        #: Called by who leaves the lead.
        self._when_left = when_left
        #: Called by who finds that the embedded cluster has ended.
        self._when_gone = when_gone
        # Of a kind that knows its thread, like that of the link: see above.
        self._lock: Any = threading.RLock()
        #: Held by who changes the link.
        self.link_lock: Any = threading.RLock()
        #: The end of the client.
        self.closed = threading.Event()
        #: How often somebody has begun to lead.
        self.count = 0
        #: How many threads follow.
        self.followers = 0
        #: Somebody leads. Set before the last look at the link, so that who swallows a signal knows whom to
        #: wake.
        self.is_taken = False
        #: Wakes who leads.
        self.bell: Bell = Bell()
        #: Becomes readable when the embedded cluster has ended; -1 without one.
        self.process_end = -1
        #: The background thread of the client: as long as that waits, nobody runs callbacks.
        self.thread: threading.Thread | None = None
        self._poller: Poller | None = None
        # The frames of the thread that leads: more than one where a signal handler waits.
        self._depth = 0
        self._followed: list[Any] = []

    def wait_for(self, awaited: Awaited, timeout: float | None) -> bool:
        """Drive the link until `awaited` is done; false when `timeout` seconds went by.

        In an event loop, a request to cancel the task that blocks it is a `CancelledError` here: that is how
        Ctrl-C arrives under `asyncio.run`.
        """
        deadline = None if timeout is None else _monotonic() + timeout
        request: Request | None = None
        lead = self._lock
        while not awaited.done():
            if request is None:
                request = Request()
                self._refuse_to_wait_for_oneself()
            if lead.acquire(False):
                self.count += 1
                try:
                    if self._drive(awaited, deadline, request):
                        return True
                finally:
                    lead.release()
                    self._when_left()
            remaining = None if deadline is None else deadline - _monotonic()
            if remaining is not None and remaining <= 0:
                return awaited.done()
            request.heed()
            self._follow(awaited, remaining)
        return True

    def _refuse_to_wait_for_oneself(self) -> None:
        """Raises `RuntimeError` where this thread holds a lock that driving takes."""
        if (
            self.link_lock._is_owned()
            or self._link.outbox.is_held_here()
            or making._is_owned()  # type: ignore[attr-defined]
            or (self._followed and any(condition._is_owned() for condition in self._followed))
        ):
            raise RuntimeError(
                "a signal handler waits for a task, and has interrupted the client in the midst of a step "
                "that goes on only after the handler: have the handler only note what is to be done"
            )

    def _drive(self, awaited: Awaited, deadline: float | None, request: Request) -> bool:
        """False when time is up, or the link is closed."""
        link, lock = self._link, self.link_lock
        self._depth += 1
        self.is_taken = True
        try:
            wait = link.rest()
            while True:
                if wait <= 0:
                    with lock:
                        wait = link.turn()
                if awaited.done():
                    return True
                if deadline is not None:
                    remaining = deadline - _monotonic()
                    if remaining <= 0:
                        return False
                    wait = min(wait, remaining)
                if self.closed.is_set():
                    return False
                if request.task is not None:
                    request.heed()
                    wait = min(wait, limits.FOLLOW_SECONDS)
                if wait > 0:
                    self.sleep(self._fresh_poller(), self.bell, wait)
                    wait = 0.0
        finally:
            self._depth -= 1
            self.is_taken = self._depth > 0
            if self._depth:
                # The interrupted frame sleeps, and what it sleeps for may have been taken by this one.
                self.bell.ring()

    def _fresh_poller(self) -> select.poll:
        """What the lead sleeps on: one poller for all waits, as long as it fits the channel."""
        if self._depth > 1:
            # The interrupted frame may be in the midst of a `poll` with the one that is kept.
            return self.make_poller(self.bell)[2]
        cached, channel = self._poller, self._link.channel
        if cached is None or cached[0] != channel.descriptor or cached[1] != channel.has_unsent:
            cached = self._poller = self.make_poller(self.bell)
        return cached[2]

    def _follow(self, awaited: Awaited, remaining: float | None) -> None:
        """Another thread drives: wait to be told, and look again in case it has left."""
        pause = limits.FOLLOW_SECONDS
        if threading.current_thread() is self.thread or not isinstance(awaited, (Future, Arrival)):
            pause = limits.TICK_SECONDS
        if remaining is not None:
            pause = min(pause, remaining)
        self.followers += 1
        try:
            if isinstance(awaited, (Future, Arrival)):
                condition = awaited._condition
                self._followed.append(condition)
                try:
                    with condition:
                        if not awaited.done():
                            condition.wait(pause)
                finally:
                    self._followed.remove(condition)
            else:
                time.sleep(pause)
        finally:
            self.followers -= 1

    def drained(self, messages: int) -> None:
        """What the leading thread sleeps for may have been taken by another one."""
        if messages and self.is_taken:
            self.bell.ring()

    def make_poller(self, bell: Bell) -> Poller:
        """For a thread that sleeps until the link has something, or `bell` rings."""
        channel = self._link.channel
        descriptor, writes = channel.descriptor, channel.has_unsent
        poller = select.poll()
        for source in (bell.descriptor, descriptor, self.process_end):
            if source >= 0:
                poller.register(source, select.POLLIN)
        if writes and descriptor >= 0:
            poller.register(descriptor, select.POLLIN | select.POLLOUT)
        return descriptor, writes, poller

    def sleep(self, poller: select.poll, bell: Bell, seconds: float) -> None:
        """Until something comes, the bell rings, or time is up."""
        for descriptor, _ in poller.poll(math.ceil(seconds * 1000)):
            if descriptor == bell.descriptor:
                bell.silence()
            elif descriptor == self.process_end:
                self.process_end = -1
                self._poller = None
                self._when_gone()

    def end(self) -> None:
        """The client has ended: nobody leads any more."""
        self.closed.set()
        self.bell.ring()
        # A client that is kept keeps no descriptor; nor is there a cycle that only a collection finds.
        self.bell, self._poller = MUFFLED, None
        self._when_left = self._when_gone = _nothing

    def forked(self) -> None:
        """In a child process: whoever held a lock is not here."""
        self._lock = threading.RLock()
        self.link_lock = threading.RLock()
        self.closed = threading.Event()
        self.closed.set()
        self.is_taken = False
        self._depth = self.followers = 0
        self._followed.clear()
        self.bell, self._poller, self.process_end = MUFFLED, None, -1


def _nothing() -> None:
    """Where there is nobody to be told any more."""
