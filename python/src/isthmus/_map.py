"""`map`: many calls as few tasks, in order, in bounded memory.

Elements travel in chunks. How long they take is measured, and a chunk is made to last a few milliseconds:
long enough to hide what a task costs, short enough to spread over the slots and to come back soon. The
iterables are read only as far ahead as the window allows. A chunk whose executor died is cut in halves until
the guilty element is alone.
"""

from __future__ import annotations

import itertools
import logging
import operator
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from isthmus_bridge.chunks import run_chunk

from . import _limits as limits
from ._chunks import element_error
from ._interrupts import interrupted, is_interactive
from ._pace import Pace
from ._task import TaskFunction
from .errors import ExecutorCrashed
from .future import Future
from .options import SwiftFunction, TaskOptions

if TYPE_CHECKING:
    from ._engine import Engine
    from ._submitting import Submitter
    from ._views import View

_logger = logging.getLogger("isthmus")

Columns = Sequence[Sequence[Any]]


class Chunk:
    """A task with some elements, which are kept in case it has to be cut in two."""

    __slots__ = ("columns", "future", "is_known", "length", "size")

    def __init__(self, future: Future[Any], columns: Columns, length: int) -> None:
        self.future = future
        self.columns = columns
        self.length = length
        self.size = future._size
        #: Whether the pace has learned from it.
        self.is_known = False


class Feed:
    """Reads the iterables of a `map` and has their elements called; knows the results, one list per chunk.

    Whoever takes results feeds it. When nobody does, because the iterator was dropped before it was used, or
    because the client was shut down, `finish` feeds it to the end.
    """

    def __init__(
        self,
        engine: Engine,
        submitter: Submitter,
        function: Callable[..., Any] | SwiftFunction,
        iterables: tuple[Iterable[Any], ...],
        deadline: float | None,
        pace: Pace,
        options: TaskOptions,
        buffersize: int | None,
        chunked: bool,
    ) -> None:
        self._engine = engine
        self._submitter = submitter
        self._number = 0
        self._chunked = chunked
        self._swift = function if isinstance(function, SwiftFunction) else None
        self._deadline = deadline
        self._buffersize = buffersize
        self._pace = pace
        self._is_finite = pace.remaining is not None
        #: Held while a chunk is made or taken; never while somebody waits.
        self._lock = threading.RLock()
        #: In the order of the results; and those of them that were running when it was last looked.
        self._pending: deque[Chunk] = deque()
        self._running: deque[Chunk] = deque()
        self._elements = 0
        self._error: BaseException | None = None
        self._closed = self._is_given_up = False
        #: Somebody has asked for a result; nobody can any more.
        self.is_read = self._is_detached = False
        self._columns = len(iterables)
        self._options = submitter.named(function, submitter.options(options))
        self._source: Iterator[Any] | None = (
            iter(iterables[0]) if len(iterables) == 1 else iter(zip(*iterables, strict=False))
        )
        if self._swift is None:
            self._number = submitter.define_value(partial(run_chunk, function) if chunked else function)
        engine.feeds.add(self)
        try:
            self._fill()
        except BaseException as error:
            self.stop(error)
            raise

    def __iter__(self) -> Iterator[list[Any]]:
        return self

    def __next__(self) -> list[Any]:
        """The results of the next chunk; raises what its next element raised."""
        self.is_read = True
        while True:
            with self._lock:
                self._fill()
                if not self._pending:
                    self.close()
                    error, self._error = self._error, None
                    if error is not None:
                        raise error
                    raise StopIteration
                first = self._pending[0].future
                if first.done():
                    values = self._take()
                    if values is not None:
                        return values
                    continue
            if not self._wait_for(first):
                self.close()
                raise FutureTimeoutError("a result of map was not there in time")

    def _wait_for(self, future: Future[Any]) -> bool:
        """Until a future is there, or something else has happened. False when time is up."""
        link = self._engine.link
        remaining = None
        if self._deadline is not None and not self._is_detached:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                return False
        self._engine.wait_for(_Either(future, link, link.messages), remaining)
        return True

    def _take(self) -> list[Any] | None:
        """The values of the first chunk; None if it had to be sent again in parts."""
        chunk = self._pending[0]
        self._pace.finished(chunk)
        try:
            result = chunk.future.result()
        except ExecutorCrashed as error:
            self._pending.popleft()
            if chunk.length > 1 and self._chunked and self._cut(chunk):
                return None
            self._fail(error)
            return []
        except BaseException as error:
            self._pending.popleft()
            self._fail(error)
            return []
        self._pending.popleft()
        self._elements -= chunk.length
        self._pace.weigh(chunk)
        if not self._chunked:
            return [result]
        values, failure = result
        if failure is not None:
            self._fail(element_error(failure))
        return values  # type: ignore[no-any-return]

    def _fail(self, error: BaseException) -> None:
        """The iteration ends with `error`, after what came before it was handed out."""
        self._error = error
        self._exhausted()
        self._cancel()

    def _exhausted(self) -> None:
        """No further element is read."""
        self._source = None
        self._engine.feeds.discard(self)

    def _fill(self) -> None:
        """Send chunks while there is room."""
        while self._source is not None and self._has_room():
            length = self._pace.next_length()
            if self._buffersize is not None:
                length = min(length, self._buffersize - self._elements)
            elif not self._pace.fixed:
                length = min(length, limits.LOOKAHEAD_ELEMENTS_MAX - self._not_taken())
            drawn: list[Any] = []
            try:
                # `extend` keeps what it has taken when the iterator raises.
                drawn.extend(itertools.islice(self._source, length))
            except Exception as error:
                # After what came before it. Anything else, as Ctrl-C, is for who reads now.
                self._error = error
                self._exhausted()
            if self._closed or self._is_given_up:
                return
            if drawn:
                columns = [drawn] if self._columns == 1 else list(map(list, zip(*drawn, strict=True)))
                chunk = self._send(columns, len(drawn))
                self._pending.append(chunk)
                self._pace.submitted(chunk)
                self._elements += chunk.length
            if len(drawn) < length:
                self._exhausted()

    def _has_room(self) -> bool:
        """Whether a further chunk may be sent; for a constant price, however many are pending."""
        running = self._running
        while running and running[0].future.done():
            self._pace.finished(running.popleft())
        # One that takes long must not hide those behind it that have ended.
        running.rotate(-1)
        if self._is_detached:
            while self._pending and self._pending[0].future.done():
                self._elements -= self._pending.popleft().length
        return self._pace.has_room(len(running), len(self._pending), self._not_taken(), self._buffersize)

    def _not_taken(self) -> int:
        """Elements that count as read ahead."""
        # After the shutdown, somebody may take the results at any time: all of them are kept.
        return 0 if self._engine.is_shut and not self._is_detached else self._elements

    def _send(self, columns: Columns, length: int) -> Chunk:
        submitter, options = self._submitter, self._options
        if self._chunked and self._swift is not None:
            future = submitter.submit_swift(self._swift, tuple(columns), {}, options, late=True, chunked=True)
        elif self._chunked:
            future = submitter.submit_numbered(self._number, (columns,), options, late=True)
        else:
            args = tuple(column[0] for column in columns)
            if self._swift is not None:
                future = submitter.submit_swift(self._swift, args, {}, options, late=True)
            else:
                future = submitter.submit_numbered(self._number, args, options, late=True)
        # Every result is handed out, so it is asked for; that leaves with the next frame.
        self._engine.link.left.ask(future)
        chunk = Chunk(future, columns, length)
        self._running.append(chunk)
        return chunk

    def _cut(self, chunk: Chunk) -> bool:
        middle = chunk.length // 2
        halves = []
        try:
            for part in (slice(0, middle), slice(middle, None)):
                columns = [column[part] for column in chunk.columns]
                halves.append(self._send(columns, len(columns[0])))
        except RuntimeError:
            # The client was shut down: the crash itself has to do.
            return False
        self._pending.extendleft(reversed(halves))
        return True

    def _cancel(self, running: bool = False) -> None:
        pending, self._pending = self._pending, deque()
        self._running.clear()
        for chunk in pending:
            chunk.future.cancel(running=running)

    def drop(self) -> None:
        """Nobody holds the iterator any more. If nobody ever used it, the calls are still made."""
        if self._closed:
            return
        if self.is_read or self._buffersize is not None:
            self.close()
            return
        self._is_detached = True
        if self._source is None:
            self._forget()
        else:
            self._engine.feed([self])

    def finish(self) -> None:
        """Have every element called, in bounded memory where nobody takes the results."""
        if not self._may_finish():
            return
        try:
            while self._source is not None and not self._closed:
                with self._lock:
                    self._fill()
                    first = self._running[0].future if self._running else None
                if first is not None:
                    self._wait_for(first)
        except BaseException as error:
            self._error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._exhausted()
            if self._closed:
                self._cancel()
            elif self._is_detached:
                self._forget()
        if self._is_detached and self._error is not None and not self._is_given_up:
            _logger.error("a map that nobody reads has ended early", exc_info=self._error)

    def _may_finish(self) -> bool:
        """False for what may be endless and was already read from: that is not for us to end."""
        if self._buffersize is None and (self._is_finite or not self.is_read):
            return True
        with self._lock:
            if self._source is not None:
                words = "with buffersize" if self._buffersize else "over an iterable without a length"
                self._error = RuntimeError(
                    f"the client was shut down while a map {words} was being read: what was read ahead is "
                    "all that there is. Take its results before the shutdown"
                )
                self._exhausted()
        return False

    def give_up(self) -> None:
        """Read no further; whoever takes results gets those that there are, then `CancelledError`."""
        if self._source is not None:
            self._error = CancelledError()
            self._is_given_up = True
        self._exhausted()

    def forked(self) -> None:
        """In a child process: whoever held the lock is not here."""
        self._lock = threading.RLock()

    def close(self, *, running: bool = False) -> None:
        """Give up what was not taken; with `running`, stop what runs, too.

        Never waits: who reads an iterable now finds out after it.
        """
        if self._closed:
            return
        self._closed = True
        self._exhausted()
        self._cancel(running)
        self._forget()

    def stop(self, error: BaseException) -> None:
        """Give it up because of what was raised where it was read; see `_interrupts`."""
        waited = [chunk.future._sequence for chunk in self._pending]
        is_interrupt = isinstance(error, KeyboardInterrupt) and is_interactive()
        self.close(running=is_interrupt)
        if is_interrupt:
            interrupted(self._engine, waited)

    def _forget(self) -> None:
        number, self._number = self._number, 0
        if number:
            self._submitter.forget(number)


class _Holder:
    """What the iterator of a `map` holds on to."""

    def __init__(self, feed: Feed, view: object) -> None:
        self.feed = feed
        # A client that somebody maps with is in use.
        self.view = view

    def __del__(self) -> None:
        # This may run at any moment, under any lock: leave the work to the client's own thread.
        if not self.feed._closed:
            self.feed._engine.later(self.feed.drop)


class _Either:
    """Done when the future is, or when any message has come."""

    __slots__ = ("_future", "_link", "_seen")

    def __init__(self, future: Future[Any], link: Any, seen: int) -> None:
        self._future = future
        self._link = link
        self._seen = seen

    def done(self) -> bool:
        return self._future.done() or self._link.messages != self._seen


def map_chunks(
    view: View,
    function: Callable[..., Any] | SwiftFunction,
    iterables: tuple[Iterable[Any], ...],
    timeout: float | None,
    chunksize: int | None,
    buffersize: int | None = None,
) -> Iterator[Any]:
    """See `Client.map`."""
    deadline = None if timeout is None else time.monotonic() + timeout
    options = view._task_options
    if isinstance(function, TaskFunction):
        options = options.over(function._task_options)
        function = function.importable()
    for name, value in (("chunksize", chunksize), ("buffersize", buffersize)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be >= 1")
    # These options speak of single calls, so each call is a task of its own.
    single = options.idempotent is False
    single = single or options.retries is not None or options.result is not None
    single = single or (options.timeout is not None and chunksize is None)
    if options.timeout is not None and not single:
        options = replace(options, timeout=options.timeout * (chunksize or 1))
    remaining = min((_length(iterable) for iterable in iterables), default=0)
    known = None if remaining == _UNKNOWN else remaining
    pace = Pace(1 if single else chunksize, known, view._slots)
    feed = Feed(
        view._engine, view._submitter, function, iterables, deadline, pace, options, buffersize,
        chunked=not single,
    )  # fmt: skip
    return _elements(_Holder(feed, view))


_UNKNOWN: Final = 2**62


def _length(iterable: Iterable[Any]) -> int:
    return operator.length_hint(iterable, _UNKNOWN)


def _elements(holder: _Holder) -> Iterator[Any]:
    feed = holder.feed
    try:
        for values in feed:
            # The list shrinks while it is handed out: no reference to what the user has dropped is kept.
            values.reverse()
            while values:
                yield values.pop()
    except KeyboardInterrupt as error:
        # Nobody can ask this iterator any more.
        feed.stop(error)
        raise
    finally:
        feed.close()
