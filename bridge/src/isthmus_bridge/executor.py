"""The loop of a Python executor: take a task, call it, hand its outcome back.

Swift reads and writes the socket, keeps the queue, measures, and cuts the output; see `_isthmus`. What is
here runs once per task, so `Executor.serve` is written for few operations. Whatever a task does, also
`sys.exit`, ends that task and not the loop.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import pickle
import re
import signal
import sys
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import _isthmus
from isthmus_bridge import calls, cancellation, devices, output, results, state
from isthmus_bridge._limits import INLINE_BYTES_MAX
from isthmus_bridge.builtin_names import watch
from isthmus_bridge.namespaces import loading
from isthmus_bridge.setup import Setups

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Executor", "main"]

# Kinds of work, the first item of what `_isthmus.next` gives.
PLAIN_CALL = 0
CALL = 1
FUNCTION = 2
SETUP = 3
FORGET_SESSION = 4
FORGET_FUNCTION = 5
DEVICES = 6
NO_MEMORY = 7

# Status and reason of an outcome (docs/wire-protocol.md).
VALUE = 0
EXCEPTION = 1
CANCELLED = 2
LOST = 3
TIMED_OUT = 4
NO_REASON = 0
INITIALIZER_FAILED = 6
NOT_SERIALIZABLE = 7
LIMIT_EXCEEDED = 8
EXECUTION_TIMEOUT = 11
CLIENT_REQUEST = 12
FUNCTION_NOT_LOADABLE = 13
ARGUMENTS_NOT_LOADABLE = 16

ASYNCIO = 2

_SMALL = frozenset({type(None), bool, int, float, str, bytes})
"""Results that need no look inside: their pickles hold neither functions nor out-of-band buffers."""

VERSIONS = ((3, 10), (3, 13))
"""The oldest and newest Python that an executor hosts."""


class _OutcomeError(Exception):
    """Carries what went wrong in front of or behind the call itself, with the reason of the outcome."""

    def __init__(self, reason: int, error: BaseException, status: int = EXCEPTION) -> None:
        super().__init__(str(error))
        self.reason = reason
        self.error = error
        self.status = status


class Executor:
    """Runs the tasks of one executor process, on its main thread."""

    def __init__(self) -> None:
        self._functions = calls.Functions()
        self._setups = Setups(self._functions)
        self._log = output.LogCapture()
        self._state = state.Keeper()
        self._streams_work = True

    def run(self) -> None:
        """Serve until the worker says that it is enough."""
        self._log.install()
        raised: BaseException | None = None
        while True:
            try:
                if raised is None:
                    self.serve()
                    return
                error, raised = raised, None
                if isinstance(error, state.Unfit):
                    self._give_up(error)
                self._fail(error)
            except BaseException as error:
                # A request to stop, an interrupt that a task has sent to its own process, or what a trace
                # function raised, between two operations of the loop or of what follows here.
                raised = error

    def _give_up(self, error: BaseException) -> None:
        """Have the worker replace this executor, which cannot run the next task as it should."""
        _isthmus.failed(str(error))
        while True:
            signal.pause()

    def serve(self) -> None:  # noqa: PLR0912, PLR0915 - what runs for each task, in one piece
        """The loop. Raises only what an interrupt makes it raise."""
        next_work, send = _isthmus.next, _isthmus.value
        traced, profiled, names = sys.gettrace, sys.getprofile, watch
        loads, dumps = pickle.loads, pickle.dumps
        loaded, broken, lines = self._functions.loaded, self._setups.broken, self._log.lines
        keeper, look = self._state, self._state.look
        args: Any
        kwargs: Any
        value: Any
        call: Any
        work: Any
        payload: Any
        rest: Any
        while True:
            work = payload = rest = call = args = kwargs = value = None
            work = next_work()
            if work is None:
                return
            kind, session, function, payload, rest = work
            if kind != PLAIN_CALL or broken or keeper.sessions:
                self._other(kind, session, function, payload, rest)
                continue
            try:
                try:
                    if function:
                        call = loaded.get((session, function)) or self._load(session, function)
                        loading.session = session
                        args, kwargs = loads(payload)
                    else:
                        loading.session = session
                        call, args, kwargs = loads(payload)
                    loading.session = None
                    if loading.found:
                        self._functions.share(session)
                except (cancellation.TaskCancelled, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    raise self._loading_failed(error) from error
                value = call(*args, **kwargs)
                if traced() is not None or profiled() is not None or names.changed:
                    keeper.mend_first()
                if type(value) in _SMALL:
                    data = dumps(value, 5)
                    work = payload = args = kwargs = value = None
                    try:
                        sys.stdout.flush()
                        sys.stderr.flush()
                    except Exception:
                        self._flush()
                    if len(data) < INLINE_BYTES_MAX and not lines and self._streams_work:
                        changed = send(data)
                        if changed or look():
                            keeper.mend(changed)
                        continue
                    self._give_pickled(data, call)
                    continue
                work = payload = args = kwargs = None
                self._give(value, call, calls.PICKLE)
            except state.Unfit:
                raise
            except BaseException as error:
                self._fail(error)

    def _other(self, kind: int, session: int, function: int, payload: Any, rest: Any) -> None:
        """Everything but the plain call, and calls of sessions that are not like the others."""
        if kind in {PLAIN_CALL, CALL, SETUP, NO_MEMORY}:
            self._state.use(session)
        if kind in {PLAIN_CALL, CALL}:
            try:
                self._call(kind, session, function, payload, rest)
            except state.Unfit:
                raise
            except BaseException as error:
                self._fail(error)
        elif kind == NO_MEMORY:
            self._fail(MemoryError(f"there is no memory for {rest} bytes of arguments in this executor"))
        elif kind == FUNCTION:
            self._functions.define(session, function, (rest[0], payload, rest[1]))
        elif kind == SETUP:
            self._setups.run(session, function, (rest[0], payload, rest[1]))
            self._state.end_setup(session)
            # What an initializer says belongs to no task in particular; the next one gets it.
            output.flush()
        elif kind == FORGET_SESSION:
            self._functions.forget_session(session)
            self._setups.forget_session(session)
            self._state.forget_session(session)
        elif kind == FORGET_FUNCTION:
            self._functions.forget(session, function)
        elif kind == DEVICES:
            self._state.rebase(functools.partial(devices.use, payload.decode()))

    def _call(self, kind: int, session: int, function: int, payload: Any, rest: Any) -> None:
        codec, result_codec, mode, buffers, dependencies = (
            (calls.PICKLE, calls.PICKLE, 0, (), ()) if kind == PLAIN_CALL else rest
        )
        if session in self._setups.broken:
            self._refuse(session)
            return
        call: Any
        try:
            call = self._functions.load(session, function) if function else None
            carried, args, kwargs = calls.load_arguments(
                session, (codec, payload, buffers), dependencies, with_callable=not function
            )
            if loading.found:
                self._functions.share(session)
        except (cancellation.TaskCancelled, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self._loading_failed(error) from error
        if not function:
            call = carried
        value = call(*args, **kwargs)
        del args, kwargs, carried
        if mode == ASYNCIO and not isinstance(value, CoroutineType):
            raise TypeError(f"{call!r} was submitted with mode asyncio, but is no coroutine function")
        self._give(value, call, result_codec)

    def _load(self, session: int, function: int) -> Callable[..., Any]:
        return self._functions.load(session, function)

    def _give(self, value: Any, call: Any, codec: int) -> None:
        """End the task with what it returned."""
        if isinstance(value, CoroutineType):
            from isthmus_bridge import coroutines

            value = coroutines.run(value)
        try:
            parts = results.value_parts(value, codec, call)
        except results.NotSerializableError as error:
            raise _OutcomeError(NOT_SERIALIZABLE, error) from error
        except results.TooLargeError as error:
            raise _OutcomeError(LIMIT_EXCEEDED, error) from error
        del value
        self._flush()
        self._succeed(parts)

    def _give_pickled(self, data: bytes, call: Any) -> None:
        """The same for a result that is pickled and flushed already."""
        try:
            parts = results.pickled_parts(data, call)
        except results.TooLargeError as error:
            raise _OutcomeError(LIMIT_EXCEEDED, error) from error
        self._succeed(parts)

    def _succeed(self, parts: tuple[results.Part, ...]) -> None:
        if self._log.lines:
            parts = (*parts, (results.LOG_PART, calls.RAW, self._log.take(), ()))
        self._finish(VALUE, NO_REASON, "", parts)

    def _finish(self, status: int, reason: int, detail: str, parts: tuple[results.Part, ...]) -> None:
        if sys.gettrace() is not None or sys.getprofile() is not None or watch.changed:
            self._state.mend_first()
        changed = _isthmus.finish(status, reason, detail, parts)
        if changed or self._state.look() or not self._streams_work:
            self._state.mend(changed)
            self._streams_work = True

    def _flush(self) -> None:
        """Empty Python's buffers into the descriptors, which the task may have closed."""
        if _isthmus.changed():
            self._state.mend_streams()
        self._streams_work = output.flush()

    def _refuse(self, session: int) -> None:
        """End a task whose session's initializer has failed here."""
        failure = self._setups.broken[session]
        detail = f"the initializer of the session failed: {failure.class_name}: {failure.message}"
        self._finish(LOST, INITIALIZER_FAILED, detail, results.failure_parts(failure))

    def _loading_failed(self, error: BaseException) -> _OutcomeError:
        if isinstance(error, calls.FunctionError):
            return _OutcomeError(FUNCTION_NOT_LOADABLE, error)
        if isinstance(error, calls.ArgumentsError):
            return _OutcomeError(ARGUMENTS_NOT_LOADABLE, error)
        told = calls.ArgumentsError(calls.loading_failed("the arguments", error))
        told.__cause__ = error
        return _OutcomeError(ARGUMENTS_NOT_LOADABLE, told)

    def _fail(self, error: BaseException) -> None:
        """End the task with what it raised, or with what kept it from running.

        What is raised when no task runs came too late for one: a signal, or a trace function.
        """
        self._state.mend_first()
        loading.reset()
        if _isthmus.running() is None:
            self._state.mend(_isthmus.changed())
            return
        self._flush()
        status, reason, detail = EXCEPTION, NO_REASON, ""
        if isinstance(error, cancellation.TaskCancelled):
            timed_out = error.reason == cancellation.TIMED_OUT
            status, reason = (TIMED_OUT, EXECUTION_TIMEOUT) if timed_out else (CANCELLED, CLIENT_REQUEST)
            parts = results.exception_parts(error)[-2:]
        elif isinstance(error, _OutcomeError):
            status, reason, detail = error.status, error.reason, str(error.error)
            parts = results.exception_parts(error.error.__cause__ or error.error)
            if error.reason == LIMIT_EXCEEDED:
                # Its class is a detail of the bridge: the reason tells the client which error to raise.
                parts = parts[-2:]
        else:
            parts = results.exception_parts(error)
        if self._log.lines:
            parts = (*parts, (results.LOG_PART, calls.RAW, self._log.take(), ()))
        self._finish(status, reason, detail, parts)


def main() -> None:
    """Say hello to the worker and run tasks until it says that it is enough; what the bootstrap calls."""
    problem = _unfit()
    if problem:
        _isthmus.failed(problem)
        os._exit(1)
    cancellation.install()
    os.register_at_fork(after_in_child=_isthmus.detach)
    executor = Executor()
    _isthmus.ready(
        (
            ("kind", "python"),
            ("python", f"{sys.version_info[0]}.{sys.version_info[1]}"),
            ("python_version", sys.version.split()[0]),
            ("cloudpickle", _cloudpickle_version()),
            ("executable", sys.executable),
        )
    )
    executor.run()
    # Not a return: finalisation would wait for threads that tasks have left behind.
    atexit._run_exitfuncs()
    output.flush()
    os._exit(0)


def _unfit() -> str:
    """Why this environment cannot run tasks; empty when it can."""
    version = sys.version_info[:2]
    if not VERSIONS[0] <= version <= VERSIONS[1]:
        return (
            f"{sys.executable} is Python {version[0]}.{version[1]}: an executor hosts 3.10 to 3.13. "
            f"Choose another one with --python"
        )
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return f"{sys.executable} is a free-threaded build, which is not supported: choose one with a GIL"
    try:
        _cloudpickle_version()
    except Exception as error:
        return (
            f"cloudpickle cannot be imported by {sys.executable} ({error}). "
            f"Install it: {sys.executable} -m pip install cloudpickle"
        )
    return ""


def _cloudpickle_version() -> str:
    """What is installed, without importing it: most executors never pickle by value, and it takes long."""
    spec = importlib.util.find_spec("cloudpickle")
    if spec is None:
        raise ModuleNotFoundError("No module named 'cloudpickle'")
    try:
        with open(spec.origin or "", encoding="utf-8") as file:
            source = file.read()
        found = re.search(r"""^__version__ = ["']([^"']+)["']""", source, re.MULTILINE)
    except (OSError, ValueError):
        found = None
    if found:
        return found[1]
    import cloudpickle

    return str(cloudpickle.__version__)
