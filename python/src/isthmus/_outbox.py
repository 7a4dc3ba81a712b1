"""What a client has to say, in order: records gathered to frames, tasks counted against the credit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

from . import _limits as limits
from . import _wire as wire
from ._interrupts import Cells
from .errors import LimitExceeded
from .options import TaskOptions


class Frame(NamedTuple):
    """A closed frame, without its header."""

    records: int
    tasks: int
    task_bytes: int
    body: bytes
    attachments: Sequence[wire.Bytes]

    @property
    def size(self) -> int:
        """Bytes on the wire, headers aside."""
        return len(self.body) + sum(map(len, self.attachments))


class Outbox:
    """Records of one session. Whoever writes holds `gate`; the numbers of functions and options live here."""

    def __init__(self) -> None:
        self.gate = threading.Lock()
        #: Held while it changes which functions by value have numbers; the gate is taken inside of it.
        self.changing = threading.Lock()
        #: The last task's sequence number.
        self.sequence = 0
        #: Bytes of all tasks ever submitted, and of those that a frame has carried away.
        self.bytes_submitted = 0
        self.bytes_sent = 0
        #: The same as numbers of tasks.
        self.tasks_sent = 0
        #: What is being gathered: records, their size, and the part of it that are tasks.
        self.records: list[bytes] = []
        self.size = 0
        self.tasks = 0
        self.task_bytes = 0
        self._attachments: list[wire.Bytes] = []
        self._frames: deque[Frame] = deque()
        self._functions = 0
        #: Numbers of functions that never change, by the function itself.
        self.by_name: dict[object, int] = {}
        #: Numbers that were given back while another thread may have been about to use them.
        self.forgotten: set[int] = set()
        #: The key for proxies of `multiprocessing` managers is on its way (`_authkey.share`).
        self.shares_authkey = False
        self._options: dict[TaskOptions, int] = {TaskOptions(): 0}
        #: The same by number.
        self.option_sets: list[TaskOptions] = [TaskOptions()]
        self._named: dict[tuple[int, str], int] = {}
        #: Which tasks were typed together, where somebody types.
        self.cells = Cells()

    def __bool__(self) -> bool:
        return bool(self.records or self._frames)

    def add(self, record: bytes, attachments: Sequence[wire.Bytes] = ()) -> None:
        """Append one record. The gate is held."""
        self.records.append(record)
        self.size += len(record)
        if attachments:
            self._attachments += attachments
        # A frame is lost or sent again as a whole, so one with attachments carries little else.
        if self.size >= limits.FRAME_BYTES or attachments:
            self.close_frame()

    def close_frame(self) -> None:
        """What was gathered becomes a frame. The gate is held."""
        records = self.records
        if not records:
            return
        # In an order in which an interrupt between two steps repeats records and loses none.
        body = b"".join(records)
        self._frames.append(Frame(len(records), self.tasks, self.task_bytes, body, self._attachments))
        self.records, self.size, self._attachments = [], 0, []
        self.tasks = self.task_bytes = 0

    def first(self) -> Frame | None:
        """The frame that is to go next; it stays until `sent`."""
        if not self._frames:
            if not self.records:
                return None
            with self.gate:
                self.close_frame()
        return self._frames[0] if self._frames else None

    def sent(self) -> None:
        """The first frame has gone."""
        frame = self._frames.popleft()
        self.tasks_sent += frame.tasks
        self.bytes_sent += frame.task_bytes

    def is_held_here(self) -> bool:
        """Whether the gate will not open, for who holds it is a frame of this thread."""
        if not self.gate.locked():
            return False
        # Another thread holds it for microseconds.
        if self.gate.acquire(timeout=limits.GATE_SECONDS):
            self.gate.release()
            return False
        return True

    def forked(self) -> None:
        """In a child process. The gate stays the same object: others keep it at hand."""
        self.gate._at_fork_reinit()  # type: ignore[attr-defined]
        self.changing._at_fork_reinit()  # type: ignore[attr-defined]

    def clear(self) -> None:
        """Forget everything: the session is over. The gate is held."""
        self._frames.clear()
        self.records, self.size, self._attachments = [], 0, []

    def define(self, kind: int, codec: int, definition: bytes, buffers: Sequence[bytes] = ()) -> int:
        """Give a function a number. The gate is held."""
        self._functions += 1
        digest = blake2b(definition, digest_size=16)
        for buffer in buffers:
            digest.update(buffer)
        data, attachments = wire.payload(codec, definition, buffers)
        record = wire.define_function(self._functions, kind, digest.digest(), data, len(attachments))
        self.add(record, attachments)
        return self._functions

    def forget(self, function: int) -> None:
        """No later task uses the function. The gate is held."""
        self.add(wire.forget_function(function))

    def define_once(self, key: object, kind: int, codec: int, definition: bytes) -> int:
        """The number of the function that is known here as `key`, defined now if it is new."""
        with self.gate:
            number = self.by_name.get(key)
            if number is None:
                if len(self.by_name) >= limits.FUNCTIONS_KEPT_MAX:
                    self.forget(self.by_name.pop(next(iter(self.by_name))))
                number = self.by_name[key] = self.define(kind, codec, definition)
        return number

    def options(self, options: TaskOptions) -> int:
        """The number of a set of options, defined when it is new."""
        number = self._options.get(options)
        if number is not None:
            return number
        fields = options.fields()
        with self.gate:
            number = self._options.get(options)
            if number is None:
                if len(self._options) >= limits.OPTION_SETS_PER_SESSION_MAX:
                    raise LimitExceeded(
                        f"more than option_sets_per_session_max ({limits.OPTION_SETS_PER_SESSION_MAX}) "
                        "different sets of options: use the same view for tasks with the same options"
                    )
                number = len(self._options)
                self.option_sets.append(options)
                self._options[options] = number
                self.add(wire.define_options(number, fields))
        return number

    def named(self, number: int, name: str) -> int:
        """The same options with a name for listings, unless they have one, or there are too many names."""
        found = self._named.get((number, name))
        if found is None:
            found = number
            if self.option_sets[number].name is None and len(self._named) < limits.TASK_NAMES_MAX:
                found = self.options(replace(self.option_sets[number], name=name))
            self._named[number, name] = found
            if len(self._named) > 2 * limits.TASK_NAMES_MAX:
                self._named.clear()
        return found
