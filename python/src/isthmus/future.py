"""The future of a task: a `concurrent.futures.Future` that is light enough for a million of them.

Three things are lazy. The condition variable, the waiters and the callbacks exist only for a future that
someone waits for from another thread. The value is unpickled when it is first asked for, in the thread that
asks. What else is known of the outcome is decoded when it is looked at.
"""

from __future__ import annotations

import asyncio
import html
import logging
import pickle
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future as _BaseFuture
from concurrent.futures import InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures._base import CANCELLED_AND_NOTIFIED, FINISHED, PENDING, RUNNING
from typing import TYPE_CHECKING, Any, TypeVar

from . import _outcomes as outcomes
from . import _pickling as pickling
from . import _wire as wire
from ._interrupts import interrupted
from ._limits import INLINE_BYTES_MAX

if TYPE_CHECKING:
    from ._engine import Engine
    from ._waiting import Awaited

T = TypeVar("T")

_logger = logging.getLogger("isthmus")

#: How far the value has come: nothing yet; small pickle; value; exception; an outcome with more to it; an
#: outcome whose value stayed with the scheduler.
NOTHING, PICKLED, VALUE, EXCEPTION, RAW, LEFT = range(6)

_loads = pickle.loads
#: Held while a future comes to be watched, and while outcomes are laid into futures that are not.
making = threading.RLock()


class Synchronisation:
    """What a future needs only when another thread, `wait`, or a callback watches it."""

    __slots__ = ("__weakref__", "callbacks", "condition", "waiters")

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.waiters: list[Any] = []
        self.callbacks: list[Callable[[Any], object]] = []
        _watched.add(self)


#: Whatever has a lock that a thread of the parent may hold while a child is forked.
_watched: weakref.WeakSet[Synchronisation] = weakref.WeakSet()


def forked() -> None:
    """In a child process: whoever held a lock is not here."""
    making._at_fork_reinit()  # type: ignore[attr-defined]
    for sync in list(_watched):
        sync.condition = threading.Condition()


class Future(_BaseFuture[T]):
    """The outcome of one task, when it is there. Made by `Client.submit` only."""

    __slots__ = (
        "_data",
        "_engine",
        "_head",
        "_is_passed_on",
        "_label",
        "_limits",
        "_sequence",
        "_size",
        "_stage",
        "_state",
        "_sync",
    )

    # The base class has ordinary attributes of these names; here they come into being when used.
    _data: Any
    _head: Any
    #: The options `timeout` and `deadline`, for the words of an error; only set if there is one.
    _limits: outcomes.Limits
    #: Numbers of its function and options; only set where output is forwarded.
    _label: tuple[int, int]
    #: It is an argument of another task; only set then.
    _is_passed_on: bool
    _state: str
    _sync: Synchronisation | None

    def __init__(self, engine: Engine, sequence: int, size: int) -> None:
        self._engine = engine
        self._sequence = sequence
        self._size = size
        self._state = PENDING
        self._stage = NOTHING
        self._sync = None

    # What the functions `wait` and `as_completed` of concurrent.futures reach for.

    def _synchronisation(self) -> Synchronisation:
        sync = self._sync
        if sync is None:
            with making:
                sync = self._sync
                if sync is None:
                    sync = self._sync = Synchronisation()
        return sync

    if TYPE_CHECKING:
        # For type checkers attributes, as `concurrent.futures.as_completed` wants them.
        _condition: threading.Condition
        _waiters: list[Any]
    else:

        @property
        def _condition(self) -> threading.Condition:
            return self._synchronisation().condition

        @property
        def _waiters(self) -> list[Any]:
            return self._synchronisation().waiters

    @property
    def _done_callbacks(self) -> list[Callable[[Any], object]]:
        return self._synchronisation().callbacks

    @property
    def _exception(self) -> BaseException | None:  # type: ignore[override]
        return self.exception() if self._state == FINISHED else None

    @property
    def _result(self) -> Any:  # type: ignore[override]
        return None if self._state != FINISHED or self._exception is not None else self.result()

    # The interface of concurrent.futures.

    def cancel(self, *, running: bool = False) -> bool:
        """Give the task up if it has not started. True if the future is cancelled now.

        With `running`, a task that runs is stopped as well: by an exception inside it, then by force. So it
        is when a future of asyncio is cancelled that stands for this one, as in `asyncio.wrap_future`.
        """
        if not running and sys._getframe(1).f_globals.get("__name__") == "asyncio.futures":
            # Its futures know only one way to be cancelled, and `await` of this one cancels what runs.
            running = True
        return self._engine.cancel(self, running)

    def cancelled(self) -> bool:
        """Whether the task was given up."""
        return self._state == CANCELLED_AND_NOTIFIED

    def running(self) -> bool:
        """Whether the task has been running for a while (a few milliseconds) and has not ended."""
        return self._state == RUNNING

    def done(self) -> bool:
        """Whether the outcome is there."""
        state = self._state
        return state == FINISHED or state == CANCELLED_AND_NOTIFIED

    def result(self, timeout: float | None = None) -> T:
        """The value of the task; waits for it for at most `timeout` seconds.

        A large value stays in the cluster until it is asked for here, or by a callback or an `await`.

        Raises the exception of the task as it was raised there (with the remote traceback as its cause),
        `CancelledError`, `TimeoutError`, or one of `isthmus.errors`.

        An interrupt of this wait in a notebook or at a prompt cancels the task, also if it runs, and all
        others that the same cell (statement) has submitted; in a script it leaves them as they are.
        """
        stage = self._stage
        if stage == NOTHING or stage == LEFT:
            self._arrive(timeout)
            stage = self._stage
        if stage == PICKLED or stage == RAW:
            stage = self._load()
        if stage == VALUE:
            value: T = self._data
            return value
        try:
            raise self._data
        finally:
            # The traceback refers to this frame: without the future in it, there is no cycle.
            self = None  # type: ignore[assignment]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The exception that `result` would raise, or None; waits for at most `timeout` seconds.

        A large value stays in the cluster (see `result`): that the task has ended with one is known without
        it, and None. Whether it can be unpickled here, only `result` finds out.
        """
        if self._stage == NOTHING:
            self._wait(timeout)
        stage = self._stage
        if stage == PICKLED or stage == RAW:
            stage = self._load()
        if stage == VALUE or stage == LEFT:
            return None
        error: BaseException = self._data
        if self._state == CANCELLED_AND_NOTIFIED:
            raise error
        return error

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call `fn` with this future when its value is here: in the client's own thread, or at once."""
        sync = self._synchronisation()
        with sync.condition:
            waits = not self.done() or self._stage == LEFT
            if waits:
                sync.callbacks.append(fn)
        if waits:
            self._engine.ask(self)
        else:
            run_callbacks([fn], self)

    def set_running_or_notify_cancel(self) -> bool:
        """For executors of threads and processes only: here it raises `InvalidStateError`."""
        raise self._not_settable()

    def set_result(self, _: T) -> None:
        """For executors of threads and processes only: here it raises `InvalidStateError`."""
        raise self._not_settable()

    def set_exception(self, _: BaseException | None) -> None:
        """For executors of threads and processes only: here it raises `InvalidStateError`."""
        raise self._not_settable()

    # Beyond it.

    @property
    def task_id(self) -> str:
        """The name of the task in `isthmus tasks`, `explain` and `output`."""
        return f"{self._engine.session_id:016x}-{self._sequence}"

    @property
    def outcome(self) -> outcomes.Outcome | None:
        """Status, attempt, worker and timings; None while the task has not ended."""
        head = self._outcome_head()
        return None if head is None else outcomes.describe(head)

    @property
    def output(self) -> outcomes.Output:
        """What the task wrote to stdout, stderr and `logging`; waits for its end."""
        if self._stage == NOTHING:
            self._wait(None)
        head = self._head if self._sequence else None
        if isinstance(head, outcomes.RawOutcome):
            return outcomes.decode(head)[0].output
        return head.output if isinstance(head, outcomes.Details) else outcomes.Output()

    def __await__(self) -> Generator[Any, None, T]:
        wrapped = asyncio.wrap_future(self)
        try:
            return (yield from wrapped.__await__())
        except asyncio.CancelledError:
            # Who waited was cancelled, and so is the task, also if it runs; `asyncio.shield` keeps it.
            if not self.done():
                self.cancel(running=True)
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        """As an argument of a task, a future stands for the value: an edge of the graph."""
        from isthmus_bridge.dependencies import dependency

        return dependency, (pickling.dependency_index(self),)

    def _repr_html_(self) -> str:
        """For notebooks."""
        facts = {"state": self._words()}
        outcome = self.outcome
        if outcome is not None:
            facts |= {"ended with": outcome.status, "ran": f"{outcome.ran:.3g} s"}
        return html_table(f"Future {self.task_id}", facts)

    def __repr__(self) -> str:
        return f"<Future {self.task_id} {self._words()}>"

    def _words(self) -> str:
        return {FINISHED: "finished", RUNNING: "running", PENDING: "pending"}.get(self._state, "cancelled")

    def __del__(self) -> None:
        # Only an append and a bell: this may run in any thread, at any moment, under any lock.
        try:
            sequence = self._sequence
        except AttributeError:
            # An interrupt has left it half made.
            return
        if sequence:
            engine = self._engine
            engine.released.append(sequence)
            if self._size >= INLINE_BYTES_MAX and self._stage != NOTHING:
                engine.link.releases_large = True
                engine.ring()

    def sequence_in(self, engine: Engine) -> int:
        """The sequence number of the task, for use as a dependency of another task of `engine`."""
        if self._engine is not engine:
            raise TypeError(f"{self!r} belongs to another client: pass its result instead")
        if not self._sequence:
            raise self._data
        self._is_passed_on = True
        return self._sequence

    # Inside.

    def _is_end(self) -> bool:
        """Whether no other task has got the value: then it was computed for this program."""
        return not getattr(self, "_is_passed_on", False)

    def has_failed(self) -> bool:
        """Whether it is known to have ended otherwise than with a value."""
        stage = self._stage
        return stage == EXCEPTION or (stage == RAW and outcomes.status(self._data) != 0)

    def _not_settable(self) -> InvalidStateError:
        return InvalidStateError(
            f"{self!r} is set by the cluster only: for a future that a program sets itself, make a "
            "concurrent.futures.Future"
        )

    def _arrive(self, timeout: float | None) -> None:
        """Wait for the outcome, and for its value."""
        engine = self._engine
        deadline = None if timeout is None else time.monotonic() + timeout
        engine.ask(self)
        if self._stage == NOTHING:
            self._wait(timeout)
        if self._stage != LEFT:
            return
        engine.ask(self)
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._waited_for(Arrival(self), remaining):
            raise FutureTimeoutError(
                f"the value of task {self.task_id} did not come within {timeout} seconds"
            )

    def _waited_for(self, awaited: Awaited, timeout: float | None) -> bool:
        try:
            return self._engine.wait_for(awaited, timeout)
        except KeyboardInterrupt:
            interrupted(self._engine, [self._sequence])
            raise

    def _wait(self, timeout: float | None) -> None:
        if not self._waited_for(self, timeout):
            raise FutureTimeoutError(f"task {self.task_id} did not end within {timeout} seconds")

    def _load(self) -> int:
        """Turn what arrived into a value or an exception, once."""
        data = self._data
        details: Any = None
        value: Any = None
        error: BaseException | None = None
        if self._stage == PICKLED:
            try:
                value = _loads(data)
            except KeyboardInterrupt:
                raise
            except BaseException as failure:
                error = outcomes.unreadable(failure)
        else:
            details, parts = outcomes.decode(data)
            value, error = outcomes.result_of(details, parts, self.task_id, getattr(self, "_limits", None))
        with making:
            # Another thread may have been quicker: every caller gets the same object.
            if self._stage == PICKLED or self._stage == RAW:
                self._data = value if error is None else error
                if details is not None:
                    self._head = details
                self._stage = VALUE if error is None else EXCEPTION
            return self._stage

    def _outcome_head(self) -> wire.OutcomeHead | None:
        if self._stage == NOTHING or not self._sequence:
            return None
        head = self._head
        if head is None:
            return None
        if isinstance(head, outcomes.Details):
            return head.head
        body = head.body if isinstance(head, outcomes.RawOutcome) else head
        return wire.decode_outcome_head(body, 0)[0]


class Arrival:
    """Waits for the value of a future, which may be done without it."""

    __slots__ = ("_future",)

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    @property
    def _condition(self) -> threading.Condition:
        return self._future._condition

    def done(self) -> bool:
        """Whether the value is there, or an exception."""
        stage = self._future._stage
        return stage not in (NOTHING, LEFT)


def html_table(title: str, facts: Mapping[str, object]) -> str:
    """Names and values as a notebook shows them."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<b>{html.escape(title)}</b><table>{rows}</table>"


def run_callbacks(functions: list[Callable[[Any], object]], future: Any) -> None:
    """Call a user's callbacks; what they raise is logged, as concurrent.futures does."""
    for function in functions:
        try:
            function(future)
        except BaseException as error:
            # In the client's own thread, which serves everybody, there is nobody who could be interrupted.
            if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
                raise
            _logger.exception("exception calling callback for %r", future)
