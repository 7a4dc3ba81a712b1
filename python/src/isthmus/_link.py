"""One client's session with a scheduler: frames out and in, credit, repair. Its owner holds a lock.

An interrupt (Ctrl-C) may strike between any two steps of a thread that drives the link. Then the connection
is made anew and the session resumed: frames are kept before they are sent and counted after they were used,
so both sides repeat what the other lacks, and what comes twice is ignored.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from . import _inbox
from . import _limits as limits
from . import _wire as wire
from ._left import LeftValues
from ._outage import Outage
from ._outbox import Frame, Outbox
from ._outcomes import RawOutcome, initializer_words
from ._session import MILLISECOND, Session, SessionPolicy
from ._transport import Channel
from .errors import ClusterError, InitializerFailed, SessionLost, SessionRefused, VersionMismatch
from .future import Future

if TYPE_CHECKING:
    from ._forwarding import Forwarder

_monotonic = time.monotonic
_monotonic_ns = time.monotonic_ns

#: Frames without records, by the action that asks for them.
_PLAIN_FRAMES: Final = {"acknowledge": wire.ACKNOWLEDGE, "resend": wire.RESEND, "goodbye": wire.GOODBYE}

#: What may be known of a task whose session is lost, and whether it may have run.
_NOT_SENT: Final = ("it was not sent, so it has not run", False)
_SENT: Final = ("it was sent, and may have reached the scheduler and run", True)
_ACCEPTED: Final = ("the scheduler had taken it on, and it may have run", True)
_STARTED: Final = ("a worker had begun with it, and it may have run to its end", True)

Callbacks = list[Callable[[Any], object]]


class Link:
    """The tasks of a session and the way to their scheduler.

    `call_back` is given futures whose callbacks are due; it must return at once.
    """

    def __init__(
        self,
        channel: Channel,
        session_id: int,
        hello: dict[str, wire.FieldValue],
        call_back: Callable[[Future[Any], Callbacks], None],
        outage: Outage,
    ) -> None:
        self.channel = channel
        self.call_back = call_back
        self.outage = outage
        #: Unfinished tasks by sequence number. Who takes a future out decides how it ends.
        self.table: dict[int, Future[Any]] = {}
        #: Tasks that were given up here and whose outcome has not come: they still use credit.
        self.given_up: set[int] = set()
        #: Prints what tasks print, if that is wanted.
        self.forwarder: Forwarder | None = None
        #: Sequence numbers of futures that are gone; filled by `Future.__del__`, so by any thread.
        self.released: deque[int] = deque()
        #: There is one of a large value among them.
        self.releases_large = False
        self._released_at = 0.0
        self.bytes_finished = 0
        #: The scheduler has every task up to this one.
        self.accepted = 0
        #: How many outcomes were no values: who waits for many tasks looks closer when it grows.
        self.failures = 0
        self.outbox = Outbox()
        #: Values that the scheduler keeps until somebody asks for them.
        self.left = LeftValues(self.outbox)
        #: Why nothing can be submitted any more; and whether the session has ended with it.
        self.refusal: BaseException | None = None
        self.has_failed = False
        self.credit_tasks = limits.CREDIT_TASKS_DEFAULT
        self.credit_bytes = limits.CREDIT_BYTES_DEFAULT
        self.welcomed = False
        self.pushed_at = 0.0
        #: Messages received so far.
        self.messages = 0
        self._hello = wire.encode_fields(hello)
        self._hello_count = len(hello)
        self._session = Session(session_id, SessionPolicy(), _monotonic_ns())
        self._kept: dict[int, Frame] = {}
        self._absorbed = 0
        self._torn = False
        self._sent_something = False
        self._closing = False

    def open(self) -> None:
        """Begin to connect, at the next turn."""
        self._session.opened(_monotonic_ns())

    def is_answered(self) -> bool:
        """The scheduler has let the session in or turned it away, or it will not answer at all."""
        return self.welcomed or self.refusal is not None or self.channel.is_key_refused

    def why_unanswered(self) -> ClusterError:
        """Why there was no welcome, as far as that is known."""
        channel = self.channel
        if channel.is_key_refused:
            return SessionRefused(f"{channel.trouble}. {limits.KEY_ADVICE}", "key")
        why = f": {channel.trouble}" if channel.trouble else ". Is it running there?"
        return ClusterError(
            f"no scheduler answered at {channel.address} within {limits.CONNECT_SECONDS:.0f} s{why}"
        )

    def turn(self) -> float:
        """Send, receive, look after the session. Returns how long to sleep at most, in seconds."""
        wait: float = self._guarded(self._turn)
        return wait

    def push(self) -> None:
        """Send what is waiting, as far as session and credit allow."""
        self._guarded(self._push)

    def drain(self) -> int:
        """Receive what has come, up to a bound; returns how many messages that were."""
        before = self.messages
        self._guarded(self._drain)
        return self.messages - before

    def release(self) -> None:
        """Give back the outcomes that no future holds any more."""
        if self.released:
            self._guarded(self._release)

    def release_is_due(self, seconds: float = limits.RELEASE_SECONDS_MAX) -> bool:
        """Whether outcomes shall be given back now: there are many, large ones, or some for so long."""
        count = len(self.released)
        return count > 0 and (
            self.releases_large
            or count >= limits.RELEASES_GATHERED_MAX
            or _monotonic() >= self._released_at + seconds
        )

    def rest(self) -> float:
        """How long to sleep on the channel at most, in seconds, without a turn before; 0 if one is due.

        Says so without a look at the channel, and without the lock: who changes the link wakes who sleeps.
        """
        channel, session = self.channel, self._session
        if (
            channel.signals_once or self._torn or self.outbox or channel.has_unsent or channel.is_lost
            or channel.has_received() or session.phase != "established" or self.release_is_due()
        ):  # fmt: skip
            return 0.0
        return self._patience()

    def ask_to_cancel(self) -> None:
        """Ask the scheduler to cancel whatever has not started; the outcomes tell which that was."""
        records = [wire.cancel(sequence, running=False) for sequence in list(self.table)]
        with self.outbox.gate:
            for record in records:
                self.outbox.add(record)

    def give_up(self, future: Future[Any], running: bool) -> None:
        """Tell the scheduler that a task, taken out of the table, is not wanted any more."""
        self.given_up.add(future._sequence)
        self.bytes_finished += future._size
        with self.outbox.gate:
            self.outbox.add(wire.cancel(future._sequence, running))

    def has_credit(self, size: int) -> bool:
        """Whether a task of so many bytes may be submitted now."""
        tasks = len(self.table) + len(self.given_up)
        waiting = self.outbox.bytes_submitted - self.bytes_finished
        return tasks < self.credit_tasks and (tasks == 0 or waiting + size <= self.credit_bytes)

    def can_push(self) -> bool:
        """Whether something waits that may be sent now."""
        if not self.outbox or self._session.phase != "established" or self._session.is_blocked:
            return False
        frame = self.outbox.first()
        return frame is not None and self._fits(frame)

    def fail(self, error: BaseException, of: Callable[[Future[Any]], BaseException] | None = None) -> None:
        """End the session here: whatever is submitted later gets `error`, and every task `of(future)`."""
        with self.outbox.gate:
            if self.refusal is None:
                self.refusal = error
            self.has_failed = True
            self.outbox.clear()
        while self.table:
            future = self.table.popitem()[1]
            callbacks = _inbox.fail(future, error if of is None else of(future))
            if callbacks:
                self.call_back(future, callbacks)
        self._lose_left(error)
        self.given_up.clear()
        self.failures += 1

    def _lose_left(self, error: BaseException) -> None:
        for future, callbacks in self.left.fail(error):
            if callbacks:
                self.call_back(future, callbacks)

    def initializer_failed(self, raw: RawOutcome) -> None:
        """An executor could not be prepared for this client: no task of it can run there."""
        head, _ = wire.decode_outcome_head(raw.body, 0)
        self.fail(InitializerFailed(initializer_words(head.detail)))

    def close(self) -> None:
        """Say goodbye: the scheduler drops what the session owned."""
        self._closing = True
        with self.outbox.gate:
            self.has_failed = True
        self._lose_left(ClusterError("the client was shut down"))
        while self.table:
            # Submitted in the moment in which the last task had ended.
            future = self.table.popitem()[1]
            self.call_back(future, _inbox.fail(future, ClusterError("the client was shut down")))
        self._session.close_requested()
        self._act()
        self.channel.close()

    def _turn(self) -> float:
        now = _monotonic_ns()
        session = self._session
        self._drain()
        if self.released and self.release_is_due():
            self._release()
        if self.outbox:
            self._push()
        if session.phase != "established" and self.welcomed and self._is_out_of_patience(now):
            return 1.0
        if now >= session.wake_up:
            session.decide(now)
            self._act()
        channel = self.channel
        if channel.is_lost:
            session.connection_lost(_monotonic_ns())
            self._act()
            channel.close()
        if self._sent_something and channel.has_received():
            return 0.0
        return self._patience()

    def _patience(self) -> float:
        longest = limits.RELEASE_SECONDS_MAX if self.released else 1.0
        return max(0.0, min((self._session.wake_up - _monotonic_ns()) / 1e9, longest))

    def _is_out_of_patience(self, now: int) -> bool:
        """There is no connection, or the other side does not answer over it: ends the session at last."""
        channel, outage = self.channel, self.outage
        if not outage.look(now / 1e9, channel.address, channel.trouble, len(self.table)):
            return False
        why = f" ({channel.trouble})" if channel.trouble else ""
        self._lose(
            f"no connection to the scheduler at {channel.address} for {outage.timeout:g} s "
            f"(reconnect_timeout){why}",
            "unreachable",
        )
        self._session.close_requested()
        self._act()
        return True

    def _guarded(self, step: Callable[[], Any]) -> Any:
        """Run a step at the link; if anything cuts it short, the connection is made anew."""
        if self._torn:
            self._mend()
        try:
            return step()
        except wire.WireError as error:
            self.fail(
                ClusterError(f"the scheduler at {self.channel.address} sent what is malformed: {error}")
            )
            self._session.close_requested()
            self._act()
            return 1.0
        except ClusterError as error:
            self.channel.close()
            self.fail(error)
            self._session.close_requested()
            self._act()
            return 1.0
        except BaseException:
            self._torn = True
            raise

    def _mend(self) -> None:
        """After an interrupt: believe only what is certain."""
        session = self._session
        self.channel.close()
        session.actions.clear()
        session.received = self._absorbed
        session.last_number = max([session.last_number, *self._kept])
        session.connection_lost(_monotonic_ns())
        self._act()
        self._torn = False

    def _fits(self, frame: Frame) -> bool:
        """Whether the scheduler grants room for the tasks of a frame."""
        outbox = self.outbox
        unsent = outbox.sequence - outbox.tasks_sent
        unfinished = len(self.table) + len(self.given_up) - unsent
        if not frame.tasks or unfinished <= 0:
            return True
        waiting = outbox.bytes_sent - self.bytes_finished
        return (
            unfinished + frame.tasks <= self.credit_tasks and waiting + frame.task_bytes <= self.credit_bytes
        )

    def _push(self) -> None:
        """Send frames as far as session and credit allow."""
        session, outbox = self._session, self.outbox
        # What is given back travels along.
        if self.released and self.release_is_due(limits.RELEASE_SECONDS):
            self._release()
        while session.phase == "established" and not session.is_blocked:
            frame = outbox.first()
            if frame is None or not self._fits(frame):
                break
            self._kept[session.last_number + 1] = frame
            outbox.sent()
            session.frame_closed(frame.size, _monotonic_ns())
            self._act()
        self.pushed_at = _monotonic()

    def _drain(self) -> None:
        """Receive what has come, up to a bound."""
        channel = self.channel
        if channel.has_unsent:
            channel.flush()
        for _ in range(limits.FRAMES_PER_TURN_MAX):
            if not channel.is_readable():
                self._sent_something = False
                return
            self._message(*channel.receive())
        self._sent_something = True

    def _message(self, frame: bytes, attachments: Sequence[wire.Bytes]) -> None:
        self.messages += 1
        if frame[:1] == b"\0":
            self._handshake(wire.decode_handshake(frame))
            return
        session, now = self._session, _monotonic_ns()
        header = wire.decode_frame_header(frame)
        if header.session != session.identity:
            return
        if header.kind == wire.DATA:
            session.data_received(header.number, header.acknowledged, header.epoch, now)
        elif header.kind == wire.ACKNOWLEDGE:
            session.acknowledge_received(header.number, header.acknowledged, header.epoch, now)
        elif header.kind == wire.RESEND:
            session.resend_received(header.number, header.acknowledged, header.epoch, now)
        else:
            session.goodbye_received(header.epoch)
        for name, _ in session.actions:
            if name == "deliver":
                _inbox.absorb(self, frame, header.records, attachments)
                self._absorbed = header.number
        self._act()

    def _handshake(self, said: wire.Handshake) -> None:
        if said.session != self._session.identity:
            return
        fields, now = said.fields, _monotonic_ns()
        if said.kind == wire.WELCOME:
            policy = self._session.policy
            policy.heartbeat = _number(fields, "heartbeat_ms", 1_000) * MILLISECOND
            self.credit_tasks = _number(fields, "tasks", limits.CREDIT_TASKS_DEFAULT)
            self.credit_bytes = _number(fields, "bytes", limits.CREDIT_BYTES_DEFAULT)
            self._session.welcome_received(
                said.epoch, said.received, said.lowest_version, now, _number(fields, "begun", 0)
            )
        elif said.kind == wire.REFUSAL:
            code = str(fields.get("code", ""))
            if code != "hello":
                self._refused(code, str(fields.get("field", "")), str(fields.get("message", "")))
            self._session.refusal_received(code == "hello", now)
        self._act()

    def _refused(self, code: str, field: str, message: str) -> None:
        if code == "session" and self.welcomed:
            self._forgotten()
            return
        kind = VersionMismatch if code in ("version", "python", "cloudpickle") else SessionRefused
        about = f"{code}: {field}" if field and field != code else code
        self.fail(kind(f"the scheduler refused this client ({about}). {message}", code, field))

    def _forgotten(self) -> None:
        """The scheduler does not know the session any more: what it had of it is lost."""
        self._lose(
            f"the scheduler at {self.channel.address} does not know the session of this client any more: it "
            "was started anew, or it heard nothing of this client for longer than the lease",
            "session",
        )

    def _lose(self, what: str, code: str) -> None:
        """End every task with what is known of it."""
        sent, accepted = self.outbox.tasks_sent, self.accepted
        count = len(self.table)
        advice = "Make a new Client."
        if count == 1:
            advice = "1 task had not ended here and is lost. Make a new Client and submit it again."
        elif count:
            advice = (
                f"{count} tasks had not ended here and are lost. Make a new Client and submit them again."
            )

        def of(future: Future[Any]) -> SessionLost:
            known, may_have_run = _NOT_SENT
            if future._state == "RUNNING":
                known, may_have_run = _STARTED
            elif future._sequence <= accepted:
                known, may_have_run = _ACCEPTED
            elif future._sequence <= sent:
                known, may_have_run = _SENT
            return SessionLost(f"{what}. Of this task is known: {known}. {advice}", code, "", may_have_run)

        error = SessionLost(f"{what}. {advice}", code)
        self.fail(error, of)

    def _ended(self, why: str) -> None:
        if why == "forgotten":
            self._forgotten()
        elif why == "closed":
            self._lose(f"the scheduler at {self.channel.address} was stopped", "closed")
        else:
            self.fail(ClusterError(f"the session with {self.channel.address} has ended: {why}"))

    def _act(self) -> None:
        """Carry out what the session says, in order."""
        session, channel = self._session, self.channel
        actions, session.actions = session.actions, []
        if actions:
            # Sending takes back the signal of the descriptor, even if there is something to receive.
            self._sent_something = True
        for name, value in actions:
            if name == "transmit":
                frame = self._kept[value]
                head = self._header(wire.DATA, value, frame.records)
                channel.send(head + frame.body, frame.attachments)
            elif name == "drop":
                while self._kept and (oldest := next(iter(self._kept))) <= value:
                    del self._kept[oldest]
            elif name in _PLAIN_FRAMES:
                channel.send(self._header(_PLAIN_FRAMES[name], value or 0))
            elif name == "hello":
                channel.send(self._greeting())
            elif name == "connect":
                channel.open()
            elif name == "disconnect":
                channel.close()
            elif name == "established":
                self.welcomed = True
                self.outage.over(channel.address)
            elif name == "ended" and not self._closing:
                self._ended(value)

    def _greeting(self) -> bytes:
        session, count = self._session, self._hello_count
        return wire.encode_handshake(
            wire.HELLO, session.identity, session.epoch, session.received, self._hello, count
        )

    def _header(self, kind: int, number: int = 0, records: int = 0) -> bytes:
        session = self._session
        return wire.encode_frame_header(
            kind, self._session.identity, session.epoch, session.received, number, records
        )

    def _release(self) -> None:
        """Give back outcomes that no future holds any more."""
        released = self.released
        self.releases_large = False
        self._released_at = _monotonic()
        sequences = [released.popleft() for _ in range(len(released))]
        if sequences:
            self.left.released(sequences)
            with self.outbox.gate:
                self.outbox.add(wire.release(sequences))


def _number(fields: dict[str, wire.FieldValue], name: str, default: int) -> int:
    value = fields.get(name, default)
    return value if isinstance(value, int) else default
