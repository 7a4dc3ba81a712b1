"""The machine inside a client: a link, the threads that drive it, and its end.

Who waits drives the link (`_lead`). A background thread drives it when nobody waits; while somebody does, it
naps and looks up now and then. Callbacks of users run in the background thread only: never inside `submit` or
`result` of a thread that may hold a lock of its own.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any

from . import _inbox
from . import _limits as limits
from . import _wire as wire
from ._bell import Bell
from ._lead import MUFFLED, Lead, Poller
from ._link import Callbacks, Link
from ._outage import Outage
from ._transport import Channel
from ._waiting import Awaited, Condition
from .errors import ClusterError, ForkedClientError
from .future import Future, run_callbacks

if TYPE_CHECKING:
    from ._map import Feed

_monotonic = time.monotonic
_logger = logging.getLogger("isthmus")


class Engine:
    """One session with a scheduler, and the threads around it."""

    def __init__(
        self,
        channel: Channel,
        session_id: int,
        hello: dict[str, wire.FieldValue],
        reconnect_timeout: float | None = limits.RECONNECT_SECONDS,
    ) -> None:
        self.session_id = session_id
        self.link = Link(channel, session_id, hello, self._call_back, Outage(reconnect_timeout, self.later))
        self.released = self.link.released
        self.outbox = self.link.outbox
        self.table = self.link.table
        #: The maps whose iterables were not read to their ends.
        self.feeds: set[Feed] = set()
        #: Only what was begun before may still submit.
        self.is_shut = False
        self._closing = False
        self._when_closed: list[Callable[[], None]] = []
        self._say_why: Callable[[], str] | None = None
        self._callbacks: deque[Callable[[], object]] = deque()
        self.lead = Lead(self.link, self._lead_left, self._cluster_gone)
        #: Held at the link.
        self._lock = self.lead.link_lock
        self._closed = self.lead.closed
        self._thread_sleeps = False
        self._napping = False
        self._bell = Bell()
        self._thread: threading.Thread | None = threading.Thread(
            target=self._run, name="isthmus", daemon=True
        )
        self.lead.thread = self._thread

    def start(self) -> None:
        """Connect; returns when the scheduler has let the session in. Raises `ClusterError`."""
        link = self.link
        link.open()
        assert self._thread is not None
        self._thread.start()
        self.wait_for(Condition(link.is_answered), limits.CONNECT_SECONDS)
        if not link.is_answered() or link.channel.is_key_refused:
            self._fail(link.why_unanswered())
        if link.refusal is not None:
            self.close(wait=True, cancel=True)
            raise link.refusal

    def watch_process(self, descriptor: int, say_why: Callable[[], str]) -> None:
        """When `descriptor` becomes readable, the cluster is gone; `say_why` finds words for it."""
        self._say_why = say_why
        self.lead.process_end = descriptor

    def when_closed(self, action: Callable[[], None]) -> None:
        """Run `action` after the session has ended."""
        self._when_closed.append(action)

    def wait_for_credit(self, size: int, late: bool = False) -> None:
        """Block until the scheduler takes on more.

        It does so in an event loop and in a callback too: who waits drives the link, so what frees credit
        comes in. `late`: the task may be submitted after the shutdown.
        """
        link = self.link

        def is_over() -> bool:
            return link.has_credit(size) or link.has_failed or (link.refusal is not None and not late)

        self.wait_for(Condition(is_over), None)

    def send_gathered(self, is_first: bool) -> None:
        """After a task was added: send it now, or leave it to who comes next.

        `is_first`: no other task was gathered when it was added, as seen under the gate; so exactly one
        thread sees to it that what is gathered leaves.
        """
        outbox = self.outbox
        if is_first:
            if len(self.table) > 1 and _monotonic() - self.link.pushed_at < limits.GATHER_SECONDS:
                self.ring()
                return
        elif outbox.records and outbox.size < limits.FRAME_BYTES:
            return
        elif outbox.records:
            # While the link is slow, frames must not grow beyond what a peer accepts.
            with outbox.gate:
                outbox.close_frame()
        self.push()

    def push(self) -> None:
        """Send what was gathered, unless another thread is at the link: then that one is told."""
        link, lead, lock = self.link, self.lead, self._lock
        channel = link.channel
        # A signal handler may have interrupted this very thread at the link.
        while not lock._is_owned() and lock.acquire(False):
            try:
                link.push()
                if channel.signals_once and (lead.is_taken or self._thread_sleeps):
                    # Sending may have swallowed the signal on which another thread sleeps.
                    lead.drained(link.drain())
            finally:
                lock.release()
            if channel.has_unsent:
                # Who sleeps on the descriptor must now wait until it can be written to, too.
                (lead.bell if lead.is_taken else self._bell).ring()
            if not link.can_push():
                return
        # It may have looked at the outbox already, and be about to sleep.
        (lead.bell if lead.is_taken else self._bell).ring()

    def ring(self) -> None:
        """Wake the background thread. Safe in any thread, at any moment."""
        self._bell.ring()

    def wait_for(self, awaited: Awaited, timeout: float | None) -> bool:
        """See `Lead.wait_for`."""
        return self.lead.wait_for(awaited, timeout)

    def _lead_left(self) -> None:
        if self._napping or self.lead.followers or self._callbacks:
            self.ring()

    def _cluster_gone(self) -> None:
        self._fail(ClusterError(self._say_why() if self._say_why else "the cluster has ended"))

    def ask(self, future: Future[Any]) -> None:
        """Have the value of a task sent here, however large it is."""
        if self.link.left.ask(future):
            self.push()

    def _run(self) -> None:
        """The background thread. However it ends, every future is done and nobody waits for it."""
        try:
            self._turn_until_closed()
        except BaseException as error:
            _logger.exception("the thread of the client ended")
            failure = ClusterError(
                f"the client of {self.link.channel.address} has failed: {type(error).__name__}: {error}"
            )
            failure.__cause__ = error
            self._fail(failure)
            self._run_callbacks()
        finally:
            self._finish()

    def _turn_until_closed(self) -> None:
        link, lead = self.link, self.lead
        seen, nap, submitted = 0, limits.TICK_SECONDS, 0
        poller: Poller | None = None
        nap_poller = select.poll()
        nap_poller.register(self._bell.descriptor, select.POLLIN)
        while True:
            self._run_callbacks()
            is_done = self._closing and not self.table and (not self.feeds or link.has_failed)
            if is_done and not link.left.ask_for_all():
                break
            drives = lead.is_taken or lead.count != seen
            if drives and not link.outbox and not link.release_is_due():
                # Somebody waits, or did a moment ago: that thread drives, and two would only fight. One that
                # goes on waiting is left alone for longer each time, and rings the bell when it leaves.
                nap = min(2 * nap, limits.TICK_SECONDS_MAX) if lead.count == seen else limits.TICK_SECONDS
                seen = lead.count
                self._napping = nap > limits.TICK_SECONDS
                if not self._callbacks:
                    lead.sleep(nap_poller, self._bell, nap)
                self._napping = False
                continue
            seen, nap = lead.count, limits.TICK_SECONDS / 2
            if self.outbox.sequence - submitted > limits.BURST_TASKS and not self._callbacks:
                # A thread is submitting one task after the other, and sends what fills a frame: to be woken
                # by each outcome and each first record would only take the interpreter from it.
                time.sleep(limits.BURST_SECONDS)
            submitted = self.outbox.sequence
            self._thread_sleeps = True
            with self._lock:
                before = link.messages
                link.release()
                wait = link.turn()
                lead.drained(link.messages - before)
            if wait > 0 and not self._callbacks and not lead.is_taken:
                channel = link.channel
                if poller is None or poller[0] != channel.descriptor or poller[1] != channel.has_unsent:
                    poller = lead.make_poller(self._bell)
                lead.sleep(poller[2], self._bell, wait)
            self._thread_sleeps = False

    def _run_callbacks(self) -> None:
        while self._callbacks:
            try:
                self._callbacks.popleft()()
            except BaseException:
                _logger.exception("exception in the thread of the client")

    def _call_back(self, future: Future[Any], callbacks: Callbacks) -> None:
        """Called at the link, by any thread."""
        self.later(partial(run_callbacks, callbacks, future))

    def later(self, action: Callable[[], object]) -> None:
        """Have the background thread run `action`. Safe in any thread, at any moment, under any lock."""
        self._callbacks.append(action)
        self.ring()

    def abandon(self) -> None:
        """Like `close` without waiting, for a client that nobody holds any more."""
        self._closing = True
        self.ring()

    def cancel(self, future: Future[Any], running: bool) -> bool:
        """See `Future.cancel`."""
        if future.done() or (future._state == "RUNNING" and not running):
            return future.cancelled()
        with self._lock:
            sequence = future._sequence
            if future._state == "RUNNING" and not running:
                return False
            if self.table.pop(sequence, None) is None:
                return future.cancelled()
            self.link.give_up(future, running)
        run_callbacks(_inbox.fail(future, CancelledError()), future)
        self.lead.bell.ring()
        self.ring()
        return True

    def cancel_all(self, sequences: Iterable[int], running: bool = True) -> None:
        """Cancel those of these tasks that have not ended; with `running`, those that run as well."""
        cancelled = []
        with self._lock:
            for sequence in sequences:
                future = self.table.get(sequence)
                if future is None or (future._state == "RUNNING" and not running):
                    continue
                if self.table.pop(sequence, None) is not None:
                    self.link.give_up(future, running)
                    cancelled.append(future)
        for future in cancelled:
            run_callbacks(_inbox.fail(future, CancelledError()), future)
        self.lead.bell.ring()
        self.ring()

    def cancel_everything(self, running: bool) -> None:
        """Cancel all tasks, and read no further for a `map`."""
        for feed in list(self.feeds):
            feed.give_up()
        self.cancel_all(list(self.table), running)

    def feed(self, feeds: list[Feed]) -> None:
        """Have a thread of its own finish maps that nobody reads: it may wait for a user's iterables."""

        def finish() -> None:
            for feed in feeds:
                feed.finish()
            self.ring()

        threading.Thread(target=finish, name="isthmus map", daemon=True).start()

    def _fail(self, error: BaseException) -> None:
        """End everything with `error`."""
        with self._lock:
            self.link.fail(error)
        self.lead.bell.ring()

    def close(self, wait: bool, cancel: bool = False) -> None:
        """Take no more tasks; end the session when those submitted have ended (or were cancelled)."""
        with self.outbox.gate:
            if self.link.refusal is None:
                self.link.refusal = RuntimeError("cannot schedule new futures after shutdown")
        self.is_shut = True
        feeds = list(self.feeds)
        if cancel:
            for feed in feeds:
                feed.give_up()
            # What idle slots start at once shall start: it is handed over first. Then the scheduler, which
            # knows what has started, answers for each task that has not.
            link, last = self.link, self.outbox.sequence
            self.wait_for(
                Condition(lambda: link.accepted >= last or not self.table), limits.HAND_OVER_SECONDS
            )
            link.ask_to_cancel()
        self._closing = True
        self.ring()
        thread = self._thread
        if not wait or thread is None or threading.current_thread() is thread:
            if feeds:
                self.feed(feeds)
            return
        for feed in feeds:
            feed.finish()
        self.wait_for(Condition(self._is_done), None)
        self.ring()
        self._closed.wait()
        thread.join()
        self._thread = None

    def _is_done(self) -> bool:
        return (not self.table and not self.feeds) or self._closed.is_set()

    def interrupt(self, wait: bool) -> None:
        """Ctrl-C: cancel everything, what runs too. `wait`: until the session has ended, not for tasks."""
        with self.outbox.gate:
            if self.link.refusal is None:
                self.link.refusal = RuntimeError("cannot schedule new futures after an interrupt")
        self.cancel_everything(running=True)
        self.link.left.is_wanted = False
        # An embedded cluster ends with its client.
        self.close(wait=wait or self._say_why is not None)

    def _finish(self) -> None:
        """The end of the background thread: say goodbye and let go of everything."""
        try:
            with self._lock:
                try:
                    self.link.close()
                finally:
                    self.link.channel.dispose()
        except Exception:
            _logger.exception("the connection to %s could not be closed", self.link.channel.address)
        self._run_callbacks()
        try:
            for action in self._when_closed:
                action()
            self._when_closed.clear()
        finally:
            self.feeds.clear()
            self.lead.end()
            # A client that is kept keeps no descriptor; nor is there a cycle that only a collection finds.
            self._bell = MUFFLED
            self.link.call_back = _call_back_here

    def forked(self) -> None:
        """In a child process: the connection stays with the parent, and whoever held a lock is not here."""
        lead = self.lead
        lead.forked()
        self._lock, self._closed = lead.link_lock, lead.closed
        self.outbox.forked()
        self._thread_sleeps = self._napping = False
        self._bell = MUFFLED
        for feed in self.feeds:
            feed.forked()
        self.feeds.clear()
        self.link.channel.forsake()
        for future in self.table.values():
            future._sync = None
        self.link.refusal = None
        self.link.fail(
            ForkedClientError(
                "this client belongs to the parent process: a forked child has no connection to the cluster. "
                "Make a new Client in the child, or start it with the method 'spawn'"
            )
        )


def _call_back_here(future: Future[Any], callbacks: Callbacks) -> None:
    """Where there is no thread for it any more."""
    run_callbacks(callbacks, future)
