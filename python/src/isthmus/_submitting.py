"""From a call to a record: what `submit` does in a client."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from isthmus_bridge.graphs import Listing

from . import _importing
from . import _limits as limits
from . import _wire as wire
from ._culprits import is_out_of_stack, not_serializable, too_large_part, wrapped
from ._interrupts import submit_interrupted
from ._once import ValueFunctions
from ._pickling import (
    Packed,
    definition_by_name,
    is_importable,
    neutral_arguments,
    pack,
    registered,
    too_large,
)
from .errors import LimitExceeded, pickling_error
from .future import EXCEPTION, Future
from .options import SwiftFunction, TaskOptions

if TYPE_CHECKING:
    from ._engine import Engine
    from ._task import TaskFunction

T = TypeVar("T")

_pack_submit = wire.pack_submit
#: Has "ps1" where somebody types (`_interrupts.is_interactive`).
_system: Final = vars(sys)
#: Bytes of a submit record in front of its inline arguments, and of its body.
_HEAD: Final = 40
_BODY: Final = 32


def _running_task() -> Callable[[], tuple[int, int, int] | None] | None:
    """In an executor: what tells which task is running, as session, sequence and attempt."""
    found: Callable[[], tuple[int, int, int] | None] | None = getattr(
        sys.modules.get("_isthmus"), "running", None
    )
    return found


class StaleNumber(Exception):
    """The number of a function was given back before a call could use it."""


class Submitter:
    """Turns calls into tasks of one session."""

    __slots__ = (
        "_by_name",
        "_engine",
        "_gate",
        "_link",
        "_listings",
        "_merged",
        "_outbox",
        "_registered",
        "_running",
        "_table",
        "_values",
    )

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._link = engine.link
        self._outbox = engine.outbox
        self._gate = engine.outbox.gate
        self._table = engine.table
        self._by_name = engine.outbox.by_name
        self._running = _running_task()
        #: One object for each function of a graph, by its `id`, so that it is defined once.
        self._listings: dict[int, Listing] = {}
        self._merged: dict[tuple[TaskFunction[..., Any], int], int] = {}
        self._values = ValueFunctions(
            partial(pack, engine), self._define_packed, self._forget_value, engine.outbox.changing
        )
        #: Modules whose functions travel by value, as they were when functions got their numbers.
        self._registered = frozenset(registered)

    def submit(  # noqa: PLR0912, PLR0915 - what runs for each task, in one piece
        self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], options: int
    ) -> Future[T]:
        """Make a task of a call. `options` is a number that the outbox gave."""
        if self._registered != registered:
            self._look_again()
        try:
            number = self._by_name.get(function)
        except TypeError:
            number, options = 0, self.named(function, options)
        if number is None:
            if isinstance(function, SwiftFunction):
                return self.submit_swift(function, args, kwargs, options)
            number, options = self._number(function, options)
        engine = self._engine
        future: Future[T] | None = None
        try:
            try:
                value = (args, kwargs) if number else (function, args, kwargs)
                data, buffers, dependencies = pack(engine, value)
            except Exception as error:
                return self._not_submitted(error, function, args, kwargs, options)
            count = len(data)
            if buffers or dependencies or count >= limits.INLINE_BYTES_MAX or self._running is not None:
                payload = wire.Payload(wire.PICKLE, data, buffers)
                return self.add(number, options, wire.KIND_PYTHON, payload, dependencies)
            size = count + _HEAD
            if not self._link.has_credit(size):
                engine.wait_for_credit(size)
            outbox = self._outbox
            if "ps1" in _system:
                outbox.cells.note(outbox.sequence)
            with self._gate:
                if self._link.refusal is not None or number in outbox.forgotten:
                    self._check(number)
                is_first = not outbox.tasks
                records, sequence = outbox.records, outbox.sequence + 1
                record = (
                    _pack_submit(
                        4, 0, 0, count + _BODY, sequence, number, options, 0, 1, 0, 0, 1, 1, 0, count
                    ) + data
                )  # fmt: skip
                try:
                    # One that an interrupt has left alone must not give back the number.
                    future = Future(engine, 0, size)
                    future._sequence = sequence
                    if self._link.forwarder is not None:
                        future._label = number, options
                    self._table[sequence] = future
                    records.append(record)
                    outbox.sequence = sequence
                except BaseException:
                    self._cut_short(future, sequence, records, record)
                    raise
                outbox.size += size
                outbox.tasks += 1
                outbox.task_bytes += size
                outbox.bytes_submitted += size
            engine.send_gathered(is_first)
        except (StaleNumber, LimitExceeded) as error:
            return self._not_submitted(error, function, args, kwargs, options)
        except BaseException as error:
            submit_interrupted(engine, future, error)
            raise
        return future

    def _not_submitted(
        self,
        error: Exception,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: int,
    ) -> Future[Any]:
        """What becomes of a call that could not be sent as it was tried first."""
        if isinstance(error, StaleNumber):
            return self._submit_along(function, args, kwargs, options)
        if isinstance(error, LimitExceeded):
            most = too_large_part(self._engine, function, args, kwargs) if error.size else ""
            raise LimitExceeded(f"{error}{most}", error.size) from None
        if is_out_of_stack(error):
            raise RecursionError("maximum recursion depth exceeded while a call was submitted") from error
        return self.failed(not_serializable(self._engine, error, function, args, kwargs))

    def _number(self, function: Callable[..., Any], options: int) -> tuple[int, int]:
        """The number of a function, 0 if it has to come along, and the options under which it is listed."""
        known = self._values.find(function)
        if known is not None:
            named = known.options.get(options)
            if named is None:
                named = known.options[options] = self.named(function, options)
            return known.number, named
        number = self._define(function)
        return number, options if number else self.named(function, options)

    def _check(self, number: int, late: bool = False) -> None:
        """Raises what keeps a task from being submitted. The gate is held."""
        if self._link.refusal is not None and (self._link.has_failed or not late):
            raise self.refusal()
        if number in self._outbox.forgotten:
            raise StaleNumber

    def _submit_along(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: int
    ) -> Future[Any]:
        """A call whose function comes along: another thread has just found that it changed."""
        data, buffers, dependencies = pack(self._engine, (function, args, kwargs))
        payload = wire.Payload(wire.PICKLE, data, buffers)
        return self.add(0, options, wire.KIND_PYTHON, payload, dependencies)

    def add(
        self,
        number: int,
        options: int,
        kind: int,
        arguments: wire.Payload,
        dependencies: list[int],
        late: bool = False,
    ) -> Future[Any]:
        """A task in its general form: with attachments, dependencies, or for another kind of executor.

        `late`: it belongs to a call that was made before the shutdown.
        """
        if self._running is not None:
            _importing.check("submits tasks")
        size = len(arguments.data) + sum(map(len, arguments.buffers)) + _HEAD + 8 * len(dependencies)
        if size > limits.PAYLOAD_BYTES_MAX:
            raise LimitExceeded(too_large(size), size)
        if len(dependencies) > limits.DEPENDENCIES_PER_TASK_MAX:
            raise LimitExceeded(
                f"{len(dependencies)} futures among the arguments of one task, more than "
                f"dependencies_per_task_max ({limits.DEPENDENCIES_PER_TASK_MAX})"
            )
        outbox = self._outbox
        future: Future[Any] | None = None
        try:
            if not self._link.has_credit(size):
                self._engine.wait_for_credit(size, late)
            payload, attachments = wire.payload(arguments.codec, arguments.data, arguments.buffers)
            if "ps1" in _system:
                outbox.cells.note(outbox.sequence)
            with self._gate:
                self._check(number, late)
                is_first = not outbox.tasks
                records, sequence = outbox.records, outbox.sequence + 1
                record = wire.submit(
                    sequence, number, options, kind, payload, dependencies, self._parent(), len(attachments)
                )
                try:
                    future = Future(self._engine, 0, size)
                    future._sequence = sequence
                    if self._link.forwarder is not None:
                        future._label = number, options
                    self._table[sequence] = future
                    outbox.tasks += 1
                    outbox.task_bytes += size
                    outbox.bytes_submitted += size
                    outbox.add(record, attachments)
                    outbox.sequence = sequence
                except BaseException:
                    self._cut_short(future, sequence, records, record)
                    raise
            self._engine.send_gathered(is_first)
        except BaseException as error:
            submit_interrupted(self._engine, future, error)
            raise
        return future

    def _cut_short(
        self, future: Future[Any] | None, sequence: int, records: list[bytes], record: bytes
    ) -> None:
        """An interrupt fell between the steps of a submit: it has happened if the record was written.

        Numbers follow each other without a gap, and none is used twice. The gate is held.
        """
        if records and records[-1] is record:
            self._outbox.sequence = sequence
            return
        self._table.pop(sequence, None)
        if future is not None:
            future._sequence = 0

    def _parent(self) -> tuple[int, int] | None:
        """Session and sequence of the task that submits, if it is one."""
        task = self._running() if self._running is not None else None
        return task[:2] if task is not None else None

    def submit_numbered(
        self, number: int, args: tuple[Any, ...], options: int, late: bool = False
    ) -> Future[Any]:
        """A call of a function that `define_value` has numbered."""
        try:
            data, buffers, dependencies = pack(self._engine, (args, {}))
        except LimitExceeded:
            raise
        except Exception as error:
            return self.failed(wrapped(error, f"{error} [among the elements of map]"), late)
        payload = wire.Payload(wire.PICKLE, data, buffers)
        return self.add(number, options, wire.KIND_PYTHON, payload, dependencies, late)

    def _define(self, function: Callable[..., Any]) -> int:
        """The number of an importable function, 0 for one that travels by value."""
        outbox = self._outbox
        definition = definition_by_name(function)
        if definition is None:
            return 0
        return outbox.define_once(function, wire.KIND_PYTHON, wire.PICKLE, definition)

    def submit_swift(
        self,
        function: SwiftFunction,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: int,
        late: bool = False,
        chunked: bool = False,
    ) -> Future[Any]:
        """A call of a registered Swift function; `chunked`: a call for each row of `args`, the columns."""
        from isthmus_bridge import neutral

        number = self._swift_number(function, chunked)
        try:
            packed = neutral_arguments(self._engine, (args,) if chunked else args, kwargs)
        except neutral.NeutralError as error:
            message = f"{error} [in the arguments of {function!r}]"
            return self.failed(wrapped(error, message), late)
        payload = wire.Payload(wire.NEUTRAL, packed.data, ())
        return self.add(number, options, wire.KIND_SWIFT, payload, packed.dependencies, late)

    def _swift_number(self, function: SwiftFunction, chunked: bool = False) -> int:
        from isthmus_bridge import neutral

        key = ("swift", function.name, chunked)
        number = self._by_name.get(key)
        if number is None:
            named = {"name": function.name, "chunks": True} if chunked else function.name
            number = self._outbox.define_once(key, wire.KIND_SWIFT, wire.NEUTRAL, neutral.pack(named))
        return number

    def define_value(self, value: Any) -> int:
        """Give a callable a number of its own, with the values that it holds at this moment."""
        try:
            packed = pack(self._engine, value)
            if packed.size > limits.PAYLOAD_BYTES_MAX:
                raise LimitExceeded(too_large(packed.size), packed.size)
        except LimitExceeded as error:
            raise LimitExceeded(f"{error}{too_large_part(self._engine, value, (), {})}", error.size) from None
        except Exception as error:
            raise not_serializable(self._engine, error, value, (), {}) from pickling_error(error)
        if packed.dependencies:
            raise TypeError("a future can be an argument of a mapped function, not a part of it")
        return self._define_packed(packed)

    def _define_packed(self, packed: Packed) -> int:
        with self._gate:
            if self._link.refusal is not None:
                raise self.refusal()
            return self._outbox.define(wire.KIND_PYTHON, wire.PICKLE, packed.data, packed.buffers)

    def named(self, function: object, options: int) -> int:
        """Options with the name under which a function that travels by value is listed."""
        name = getattr(function, "__qualname__", None)
        return self._outbox.named(options, name) if isinstance(name, str) else options

    def submit_listing(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: int
    ) -> Future[Any]:
        """A call in a graph of Dask's: a value that is an iterator travels as what it gives."""
        if isinstance(function, SwiftFunction):
            return self.submit(function, args, kwargs, options)
        options = self.named(function, options)
        # By identity: equal functions may have captured different values.
        listing = self._listings.get(id(function))
        if listing is None:
            most = limits.FUNCTIONS_KEPT_MAX if is_importable(function) else limits.VALUES_KEPT_MAX
            if len(self._listings) >= most:
                self._listings.clear()
            listing = self._listings[id(function)] = Listing(function)
        return self.submit(listing, args, kwargs, options)

    def submit_task(
        self, function: TaskFunction[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], options: int
    ) -> Future[T]:
        """A call of a function that has options of its own; those of `options` count more."""
        number = self._merged.get((function, options))
        if number is None:
            if len(self._merged) >= limits.MERGED_OPTIONS_MAX:
                self._merged.clear()
            both = self._outbox.option_sets[options].over(function._task_options)
            number = self._merged[function, options] = self._outbox.options(both)
        future: Future[T] = self.submit(function.importable(), args, kwargs, number)
        self._outbox.option_sets[number].limit(future)
        return future

    def forget(self, number: int) -> None:
        """No later task uses a function that `define_value` has numbered."""
        with self._gate:
            self._outbox.forget(number)

    def _forget_value(self, number: int) -> None:
        """The same of a function by value, whose number another thread may be about to use."""
        with self._gate:
            self._outbox.forgotten.add(number)
            self._outbox.forget(number)

    def _look_again(self) -> None:
        """Other modules than before are registered: what was sent by its name may have to travel by value."""
        self._values.clear()
        with self._gate:
            self._registered = frozenset(registered)
            # No record says that they are forgotten: another thread may be about to use their numbers.
            for key in [key for key in self._by_name if not isinstance(key, tuple)]:
                del self._by_name[key]

    def options(self, options: TaskOptions) -> int:
        """The number of a set of options."""
        return self._outbox.options(options)

    def set_up(self, initializer: Callable[..., object], initargs: tuple[Any, ...]) -> None:
        """Have each executor of its language call `initializer(*initargs)` before its first task here.

        Raises:
            TypeError: an argument of a Swift function has no form in Swift, or is a future.
        """
        if isinstance(initializer, SwiftFunction):
            number = self._swift_number(initializer)
            given = neutral_arguments(self._engine, initargs, {})
            if given.dependencies:
                raise TypeError("an initializer runs before all tasks and takes no future as an argument")
            payload, attachments = wire.payload(wire.NEUTRAL, given.data, ())
        else:
            number = self.define_value(initializer)
            packed = pack(self._engine, (initargs, {}))
            payload, attachments = wire.payload(wire.PICKLE, packed.data, packed.buffers)
        with self._gate:
            self._outbox.add(wire.setup(number, payload, len(attachments)), attachments)

    def failed(self, error: BaseException, late: bool = False) -> Future[Any]:
        """A future of a call that could not become a task."""
        if self._link.refusal is not None and not late:
            raise self.refusal()
        future: Future[Any] = Future(self._engine, 0, 0)
        future._head = None
        future._data = error
        future._stage = EXCEPTION
        future._state = "FINISHED"
        return future

    def refusal(self) -> BaseException:
        """Why nothing can be submitted: a fresh exception, for each is raised with its own traceback."""
        refusal = self._link.refusal
        assert refusal is not None
        return copy.copy(refusal).with_traceback(None)
