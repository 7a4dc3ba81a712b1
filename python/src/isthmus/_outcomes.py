"""Outcomes as values, exceptions and facts."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from concurrent.futures import CancelledError, process
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from . import _wire as wire
from . import errors
from ._source_lines import with_source

#: The options `timeout` and `deadline` of a task, for the words of an error.
Limits = tuple[float | None, float | None]


@dataclass(frozen=True)
class Outcome:
    """What is known of how a task ended.

    `status` is "value", "exception", "cancelled", "lost", "timed out" or "refused"; `reason` names the cause
    when that is not plain. `waited` is the time from acceptance to the start of the attempt, `ran` that of
    the attempt itself, in seconds. `worker` is its session, sixteen hexadecimal digits.
    """

    status: str
    reason: str
    backend: str
    attempt: int
    worker: str
    waited: float
    ran: float
    detail: str


@dataclass(frozen=True)
class Output:
    """What a task wrote. Long output is cut at its beginning."""

    stdout: str = ""
    stderr: str = ""
    log: str = ""


class RawOutcome(NamedTuple):
    """An outcome that is more than one small value: its body and attachments, as they came."""

    body: bytes
    attachments: Sequence[wire.Bytes]


class Details(NamedTuple):
    """What stays of a raw outcome when its value has been read."""

    head: wire.OutcomeHead
    output: Output


def describe(head: wire.OutcomeHead) -> Outcome:
    """The head in the words of a user."""
    return Outcome(
        status=wire.STATUSES[head.status],
        reason=wire.REASONS[head.reason],
        backend="native" if head.backend == 0 else str(head.backend),
        attempt=head.attempt,
        worker=f"{head.worker:016x}",
        waited=head.waited_microseconds / 1e6,
        ran=head.ran_microseconds / 1e6,
        detail=head.detail,
    )


def decode(raw: RawOutcome) -> tuple[Details, list[tuple[int, wire.Payload]]]:
    """Head, output, and the parts."""
    head, offset = wire.decode_outcome_head(raw.body, 0)
    parts = wire.decode_parts(raw.body, offset, head.parts, raw.attachments)
    output = Output(
        stdout=_text(parts, wire.PART_STDOUT),
        stderr=_text(parts, wire.PART_STDERR),
        log=_text(parts, wire.PART_LOG),
    )
    return Details(head, output), parts


def status(raw: RawOutcome) -> int:
    """How it ended; an index into `wire.STATUSES`."""
    return wire.decode_outcome_head(raw.body, 0)[0].status


def value_of(payload: wire.Payload) -> Any:
    """Rebuild a value; raises whatever its unpickling raises, and `MemoryError` for what had no room here."""
    missing = sum(part.size for part in (payload.data, *payload.buffers) if isinstance(part, wire.Missing))
    if missing:
        raise MemoryError(f"the task ended, and this process has no memory for {missing} bytes of its result")
    if payload.codec == wire.PICKLE:
        return pickle.loads(payload.data, buffers=payload.buffers)
    if payload.codec == wire.NEUTRAL:
        from isthmus_bridge import neutral

        return neutral.unpack(payload.data)
    return bytes(payload.data)


def result_of(
    details: Details, parts: list[tuple[int, wire.Payload]], task_id: str, limits: Limits | None
) -> tuple[Any, BaseException | None]:
    """The value, or the exception that `Future.result` raises. `limits` are those that the task was given."""
    head = details.head
    payload = _part(parts, wire.PART_VALUE)
    if head.status == 0:
        if payload is None:
            return None, None
        try:
            return value_of(payload), None
        except KeyboardInterrupt:
            raise
        except MemoryError as error:
            return None, error
        except BaseException as error:
            return None, unreadable(error)
    if wire.REASONS[head.reason] == "dependencyFailed" and not _was_raised(parts):
        return None, _dependency_failed(head, payload, parts)
    return None, contained(_exception(head, payload, parts, task_id, limits))


#: Raised where a result is asked for, these would end the generator, iterator or coroutine that asks, without
#: a word; an event loop would wait for ever.
_ENDS_WHO_ASKS = (StopIteration, StopAsyncIteration, GeneratorExit, asyncio.CancelledError)


def contained(error: BaseException) -> BaseException:
    """What a task raised, as something that may be raised again anywhere."""
    if not isinstance(error, _ENDS_WHO_ASKS):
        return error
    made = RuntimeError(f"the task raised {type(error).__name__}")
    made.__cause__ = error
    return made


def unreadable(error: BaseException) -> errors.ResultNotLoadable:
    """The result arrived, and its unpickling failed in this process."""
    made = errors.ResultNotLoadable(
        f"the result cannot be unpickled here: {type(error).__name__}: {error}. The task itself ended "
        "with a value; is the module of its class installed in this environment?"
    )
    made.__cause__ = error
    return made


_NOT_LOADABLE = ("functionNotLoadable", "argumentsNotLoadable")


def _exception(
    head: wire.OutcomeHead,
    payload: wire.Payload | None,
    parts: list[tuple[int, wire.Payload]],
    task_id: str,
    limits: Limits | None,
) -> BaseException:
    status, reason = wire.STATUSES[head.status], wire.REASONS[head.reason]
    if status == "cancelled":
        return CancelledError(head.detail) if head.detail else CancelledError()
    traceback = _text(parts, wire.PART_TRACEBACK)
    if reason == "initializerFailed":
        made: BaseException = errors.InitializerFailed(initializer_words(head.detail))
        made.__cause__ = _rebuilt(payload)
    elif status == "exception" and reason in _NOT_LOADABLE and head.detail:
        cause = _rebuilt(payload) or _summary(head, parts, traceback)
        if isinstance(cause, ModuleNotFoundError):
            made = errors.TaskModuleNotFound(head.detail)
            made.name = cause.name
        else:
            made = errors.TaskNotLoadable(head.detail)
        if traceback and cause.__cause__ is None:
            cause.__cause__ = remote_traceback(traceback)
        made.__cause__ = cause
    elif status == "exception" and reason == "notSerializable":
        made = errors.NotSerializable(head.detail)
        cause = _rebuilt(payload) or _summary(head, parts, traceback)
        if traceback and cause.__cause__ is None:
            cause.__cause__ = remote_traceback(traceback)
        made.__cause__ = errors.pickling_error(cause)
    elif payload is not None or status == "exception":
        made = _rebuilt(payload) or _summary(head, parts, traceback)
        if head.detail and head.detail != str(made):
            traceback = f"{traceback}\n{head.detail}" if traceback else head.detail
    else:
        made = _by_reason(status, reason)(head.detail or _words(head, task_id, limits))
    if traceback and made.__cause__ is None:
        made.__cause__ = remote_traceback(traceback)
    return made


def _words(head: wire.OutcomeHead, task_id: str, limits: Limits | None) -> str:
    status, reason = wire.STATUSES[head.status], wire.REASONS[head.reason]
    timeout, deadline = limits or (None, None)
    if reason == "executionTimeout":
        return f"task {task_id} ran longer than its timeout{_allowed(timeout)} and was stopped"
    if reason == "deadlineExceeded":
        return f"task {task_id} did not end within its deadline{_allowed(deadline)} and was given up"
    return f"task {task_id} ended as {status}: {reason}"


def _allowed(seconds: float | None) -> str:
    return f" of {seconds:g} s" if seconds is not None else ""


def initializer_words(detail: str) -> str:
    """What is said of an initializer that failed; an executor says it already."""
    if detail.startswith("the initializer"):
        return detail
    return f"the initializer failed: {detail or 'no further word'}"


def remote_traceback(text: str) -> Exception:
    """A cause that prints `text`: of the class that users of ProcessPoolExecutor know."""
    kind: Any = process._RemoteTraceback
    cause: Exception = kind(f'\n"""\n{with_source(text)}"""')
    return cause


def _by_reason(status: str, reason: str) -> type[Exception]:
    named: dict[str, type[Exception]] = {
        "executorCrashed": errors.ExecutorCrashed,
        "memoryLimit": errors.ExecutorCrashed,
        "workerLost": errors.WorkerLost,
        "dependencyFailed": errors.DependencyFailed,
        "initializerFailed": errors.InitializerFailed,
        "notSerializable": errors.NotSerializable,
        "limitExceeded": errors.LimitExceeded,
        "executionTimeout": errors.TaskTimeout,
        "deadlineExceeded": errors.DeadlineExceeded,
    }
    by_status: dict[str, type[Exception]] = {
        "lost": errors.TaskLost,
        "timed out": errors.TaskTimeout,
        "refused": errors.TaskRefused,
    }
    return named.get(reason) or by_status.get(status, errors.IsthmusError)


def _rebuilt(payload: wire.Payload | None) -> BaseException | None:
    if payload is None or payload.codec != wire.PICKLE:
        return None
    try:
        made = value_of(payload)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None
    return made if isinstance(made, BaseException) else None


def _was_raised(parts: list[tuple[int, wire.Payload]]) -> bool:
    """Whether the function of the task that failed first raised: that is raised for its dependants, too."""
    facts = _facts(parts)
    return "class" in facts and facts.get("reason", 0) == 0


def _dependency_failed(
    head: wire.OutcomeHead, payload: wire.Payload | None, parts: list[tuple[int, wire.Payload]]
) -> BaseException:
    """No function raised: the task that failed first was lost, refused, out of time or never set up."""
    if wire.STATUSES[head.status] == "cancelled":
        return CancelledError(head.detail)
    made = errors.DependencyFailed(head.detail)
    facts = _facts(parts)
    status, reason = facts.get("status", -1), facts.get("reason", -1)
    if status in range(len(wire.STATUSES)) and reason in range(len(wire.REASONS)):
        detail = str(facts.get("detail") or head.detail)
        first = replace(head, status=status, reason=reason, detail=detail)
        made.__cause__ = _exception(first, payload, parts, str(facts.get("task", "")), None)
    return made


def _facts(parts: list[tuple[int, wire.Payload]]) -> dict[Any, Any]:
    """What an executor or the scheduler says of an exception in words."""
    payload = _part(parts, wire.PART_SUMMARY)
    facts = value_of(payload) if payload is not None else {}
    return facts if isinstance(facts, dict) else {}


def _summary(
    head: wire.OutcomeHead, parts: list[tuple[int, wire.Payload]], traceback: str
) -> errors.IsthmusError:
    if wire.REASONS[head.reason] == "notSerializable":
        return errors.NotSerializable(head.detail or traceback)
    if wire.REASONS[head.reason] == "limitExceeded":
        return errors.LimitExceeded(head.detail or traceback)
    facts = _facts(parts)
    name = str(facts.get("class") or "Exception")
    return errors.RemoteError(name, str(facts.get("message") or head.detail), traceback)


def _part(parts: list[tuple[int, wire.Payload]], kind: int) -> wire.Payload | None:
    for found, payload in parts:
        if found == kind:
            return payload
    return None


def _text(parts: list[tuple[int, wire.Payload]], kind: int) -> str:
    payload = _part(parts, kind)
    return bytes(payload.data).decode(errors="replace") if payload is not None else ""
