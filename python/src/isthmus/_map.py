"""`map`: many calls as few tasks, in order, in bounded memory.

Elements travel in chunks. How long they take is measured, and a chunk is made to last a few milliseconds:
long enough to hide what a task costs, short enough to spread over the slots and to come back soon. The
iterables are read only as far ahead as the window allows. A chunk whose executor died is cut in halves until
the guilty element is alone.
"""

from __future__ import annotations

import itertools
import operator
import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from isthmus_bridge.chunks import run_chunk

from . import _limits as limits
from ._outcomes import contained, remote_traceback
from ._task import TaskFunction
from .errors import ExecutorCrashed, RemoteError
from .future import Future
from .options import SwiftFunction, TaskOptions

if TYPE_CHECKING:
    from ._engine import Engine
    from ._submitting import Submitter

Columns = Sequence[Sequence[Any]]

#: Calls that are sent one by one before anything is known of how long they take.
_PROBES: Final = 64


class _Chunk:
    """A task with some elements, which are kept in case it has to be cut in two."""

    __slots__ = ("columns", "future", "length", "size")

    def __init__(self, future: Future[Any], columns: Columns, length: int) -> None:
        self.future = future
        self.columns = columns
        self.length = length
        self.size = future._size


class _Pace:
    """How many elements the next chunk gets, and how many chunks may be on their way."""

    def __init__(self, fixed: int | None, remaining: int | None) -> None:
        self.fixed = fixed
        self.remaining = remaining
        self.slots = len(os.sched_getaffinity(0))
        self.length = fixed or 1
        self.chunks = max(_PROBES, 4 * self.slots)
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

    def submitted(self, chunk: _Chunk) -> None:
        """A chunk was sent."""
        if self.remaining is not None:
            self.remaining = max(0, self.remaining - chunk.length)

    def finished(self, chunk: _Chunk) -> None:
        """A chunk came back: learn from it."""
        outcome = chunk.future.outcome
        if outcome is None:
            return
        seconds = outcome.ran / chunk.length
        known = self.element_seconds
        self.element_seconds = seconds if not known else known + (seconds - known) / 4
        came = len(chunk.future._data) if isinstance(chunk.future._data, bytes) else 0
        self.element_bytes = max(chunk.size, came) / chunk.length
        if outcome.waited < max(outcome.ran, limits.CHUNK_SECONDS):
            # It hardly waited: there is room in the cluster for more at once.
            self.chunks = min(self.chunks + 1, limits.LOOKAHEAD_CHUNKS_MAX)
        wanted = limits.CHUNK_SECONDS / max(self.element_seconds, 1e-9)
        wanted = min(wanted, limits.CHUNK_BYTES_MAX / max(self.element_bytes, 1.0))
        self.length = max(1, min(int(wanted), 8 * self.length, limits.CHUNK_ELEMENTS_MAX))

    def has_room(self, chunks: int, elements: int, buffersize: int | None) -> bool:
        """Whether a further chunk may be sent while so much is on its way or not yet taken."""
        if buffersize is not None:
            return elements < buffersize
        return (
            chunks < self.chunks
            and elements < limits.LOOKAHEAD_ELEMENTS_MAX
            and elements * self.element_bytes < limits.LOOKAHEAD_BYTES_MAX
        )


class _Results:
    """The results of a `map`, one list per chunk; an iterator."""

    def __init__(
        self,
        engine: Engine,
        submitter: Submitter,
        function: Callable[..., Any] | SwiftFunction,
        iterables: tuple[Iterable[Any], ...],
        deadline: float | None,
        pace: _Pace,
        options: TaskOptions,
        buffersize: int | None,
        chunked: bool,
    ) -> None:
        # Everything that `close` looks at is there before anything can raise.
        self._engine = engine
        self._submitter = submitter
        self._number = 0
        self._chunked = chunked
        self._swift = function if isinstance(function, SwiftFunction) else None
        self._deadline = deadline
        self._buffersize = buffersize
        self._pace = pace
        self._pending: deque[_Chunk] = deque()
        self._elements = 0
        self._error: BaseException | None = None
        self._closed = False
        self._columns = len(iterables)
        self._source: Iterator[Any] | None = None
        self._options = submitter.named(function, submitter.options(options))
        self._source = iter(iterables[0]) if len(iterables) == 1 else iter(zip(*iterables, strict=False))
        if self._swift is None:
            self._number = submitter.define_value(partial(run_chunk, function) if chunked else function)
        self._fill()

    def __iter__(self) -> Iterator[list[Any]]:
        return self

    def __next__(self) -> list[Any]:
        """The results of the next chunk; raises what its next element raised."""
        while True:
            self._fill()
            if not self._pending:
                self.close()
                error, self._error = self._error, None
                if error is not None:
                    raise error
                raise StopIteration
            if not self._await_first():
                self.close()
                raise FutureTimeoutError("a result of map was not there in time")
            values = self._take()
            if values is not None:
                return values

    def _take(self) -> list[Any] | None:
        """The values of the first chunk; None if it had to be sent again in parts."""
        chunk = self._pending[0]
        self._pace.finished(chunk)
        try:
            result = chunk.future.result()
        except ExecutorCrashed as error:
            self._pending.popleft()
            if chunk.length > 1 and self._chunked:
                self._cut(chunk)
                return None
            self._fail(error)
            return []
        except BaseException as error:
            self._pending.popleft()
            self._fail(error)
            return []
        self._pending.popleft()
        self._elements -= chunk.length
        if not self._chunked:
            return [result]
        values, failure = result
        if failure is not None:
            self._fail(_exception(failure))
        return values  # type: ignore[no-any-return]

    def _fail(self, error: BaseException) -> None:
        """The iteration ends with `error`, after what came before it was handed out."""
        self._error = error
        self._source = None
        self._cancel()

    def _await_first(self) -> bool:
        """Until the first chunk is there; sends more meanwhile. False when time is up."""
        engine, future = self._engine, self._pending[0].future
        link = engine.link
        while not future.done():
            seen = link.messages
            remaining = None
            if self._deadline is not None:
                remaining = self._deadline - time.monotonic()
                if remaining <= 0:
                    return False
            engine.wait_for(_Either(future, link, seen), remaining)
            self._fill()
        return True

    def _fill(self) -> None:
        """Send chunks while there is room."""
        if self._source is None:
            return
        running = sum(not chunk.future.done() for chunk in self._pending)
        while self._source is not None and self._pace.has_room(running, self._elements, self._buffersize):
            length = self._pace.next_length()
            if self._buffersize is not None:
                length = min(length, self._buffersize - self._elements)
            drawn: list[Any] = []
            try:
                # `extend` keeps what it has taken when the iterator raises.
                drawn.extend(itertools.islice(self._source, length))
            except BaseException as error:
                self._error, self._source = error, None
            if len(drawn) < length:
                self._source = None
            if not drawn:
                return
            columns = [drawn] if self._columns == 1 else [list(column) for column in zip(*drawn, strict=True)]
            chunk = self._send(columns, len(drawn))
            self._pending.append(chunk)
            self._pace.submitted(chunk)
            self._elements += chunk.length
            running += 1

    def _send(self, columns: Columns, length: int) -> _Chunk:
        if self._chunked:
            future = self._submitter.submit_numbered(self._number, (columns,), self._options)
        else:
            args = tuple(column[0] for column in columns)
            if self._swift is not None:
                future = self._submitter.submit(self._swift, args, {}, self._options)
            else:
                future = self._submitter.submit_numbered(self._number, args, self._options)
        return _Chunk(future, columns, length)

    def _cut(self, chunk: _Chunk) -> None:
        middle = chunk.length // 2
        halves = []
        for part in (slice(0, middle), slice(middle, None)):
            columns = [column[part] for column in chunk.columns]
            halves.append(self._send(columns, len(columns[0])))
        self._pending.extendleft(reversed(halves))

    def _cancel(self) -> None:
        pending, self._pending = self._pending, deque()
        for chunk in pending:
            chunk.future.cancel()

    def close(self) -> None:
        """Give up what was not taken."""
        if self._closed:
            return
        self._closed = True
        self._source = None
        self._cancel()
        if self._number:
            self._submitter.forget(self._number)

    def __del__(self) -> None:
        # This may run at any moment, under any lock: leave the work to the client's own thread.
        if not getattr(self, "_closed", True):
            self._closed = True
            self._engine.later(partial(_abandon, self._submitter, self._number, self._pending))


class _Either:
    """Done when the future is, or when any message has come."""

    __slots__ = ("_future", "_link", "_seen")

    def __init__(self, future: Future[Any], link: Any, seen: int) -> None:
        self._future = future
        self._link = link
        self._seen = seen

    def done(self) -> bool:
        return self._future.done() or self._link.messages != self._seen


def _abandon(submitter: Submitter, number: int, pending: deque[_Chunk]) -> None:
    for chunk in pending:
        chunk.future.cancel()
    if number:
        submitter.forget(number)


def _exception(failure: Any) -> BaseException:
    """The exception of an element, as itself where possible."""
    made: BaseException | None = None
    if failure.pickled is not None:
        try:
            made = pickle.loads(failure.pickled)
        except KeyboardInterrupt:
            raise
        except BaseException:
            made = None
    if not isinstance(made, BaseException):
        made = RemoteError(failure.class_name, failure.message, failure.traceback)
    if made.__cause__ is None and failure.traceback:
        made.__cause__ = remote_traceback(failure.traceback)
    return contained(made)


def map_chunks(
    engine: Engine,
    submitter: Submitter,
    options: TaskOptions,
    function: Callable[..., Any] | SwiftFunction,
    iterables: tuple[Iterable[Any], ...],
    timeout: float | None,
    chunksize: int | None,
    buffersize: int | None = None,
) -> Iterator[Any]:
    """See `Client.map`."""
    deadline = None if timeout is None else time.monotonic() + timeout
    if isinstance(function, TaskFunction):
        options = options.over(function._task_options)
        function = function.importable()
    for name, value in (("chunksize", chunksize), ("buffersize", buffersize)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be >= 1")
    # These options speak of single calls, so each call is a task of its own.
    single = isinstance(function, SwiftFunction) or options.idempotent is False
    single = single or options.retries is not None or options.result is not None
    single = single or (options.timeout is not None and chunksize is None)
    if options.timeout is not None and not single:
        options = replace(options, timeout=options.timeout * (chunksize or 1))
    remaining = min((_length(iterable) for iterable in iterables), default=0)
    pace = _Pace(1 if single else chunksize, None if remaining == _UNKNOWN else remaining)
    results = _Results(
        engine, submitter, function, iterables, deadline, pace, options, buffersize, chunked=not single
    )
    return _elements(results)


_UNKNOWN: Final = 2**62


def _length(iterable: Iterable[Any]) -> int:
    return operator.length_hint(iterable, _UNKNOWN)


def _elements(results: _Results) -> Iterator[Any]:
    try:
        for values in results:
            # The list shrinks while it is handed out: no reference to what the user has dropped is kept.
            values.reverse()
            while values:
                yield values.pop()
    finally:
        results.close()
