"""What a scheduler says: outcomes and news of running tasks, laid into their futures.

This runs under the lock of the link, for thousands of records at a time, so it only takes bytes apart. Values
are unpickled later, by who asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures._base import CANCELLED_AND_NOTIFIED, FINISHED, RUNNING
from typing import TYPE_CHECKING, Any, Final

from . import _limits as limits
from . import _wire as wire
from ._outcomes import RawOutcome, status
from .future import EXCEPTION, LEFT, NOTHING, PICKLED, RAW, making

if TYPE_CHECKING:
    from ._link import Callbacks, Link
    from .future import Future

_STATUS_CANCELLED: Final = wire.STATUSES.index("cancelled")
_REASON_INITIALIZER: Final = wire.REASONS.index("initializerFailed")
_PLAIN_BYTES: Final = wire.PLAIN_OUTCOME.size
_unpack_plain = wire.PLAIN_OUTCOME.unpack_from


#: A future that is watched, and what is to be laid into it: head, data, stage, state.
_Ended = tuple["Future[Any]", Any, Any, int, str]


def absorb(link: Link, frame: bytes, records: int, attachments: Sequence[wire.Bytes]) -> None:
    """Use the records of one data frame. Raises `WireError`; using a frame twice does no harm."""
    watched: list[_Ended] = []
    refused: list[RawOutcome] = []
    try:
        # While this is held, no future that nobody watches can become one that somebody watches.
        with making:
            _take_apart(link, frame, records, attachments, watched, refused)
        for ended in watched:
            callbacks = settle(*ended)
            if callbacks:
                link.call_back(ended[0], callbacks)
            if link.left.seen and ended[3] != LEFT:
                link.left.arrived(ended[0]._sequence)
        # After the futures have it: who sees the number grow must find the one that has failed.
        link.failures += sum(future.has_failed() for future, *_ in watched)
    except BaseException:
        # An interrupt: the frame will come again, and must find the futures that it did not reach.
        for future, *_ in watched:
            if future._stage == NOTHING:
                link.table[future._sequence] = future
        raise
    for raw in refused:
        link.initializer_failed(raw)


def _take_apart(
    link: Link,
    frame: bytes,
    records: int,
    attachments: Sequence[wire.Bytes],
    watched: list[_Ended],
    refused: list[RawOutcome],
) -> None:
    table = link.table
    offset = wire.FRAME_HEADER_BYTES
    end = len(frame)
    used = 0
    for _ in range(records):
        if offset + _PLAIN_BYTES <= end:
            (
                kind, attached, length, sequence, status, reason, parts, detail, part, codec, form, buffers,
                count,
            ) = _unpack_plain(frame, offset)  # fmt: skip
            if (
                kind == wire.OUTCOME and status == 0 and parts == 1 and codec == wire.PICKLE
                and form == wire.FORM_INLINE and not (attached or detail or part or buffers or reason)
            ):  # fmt: skip
                start = offset + _PLAIN_BYTES
                following = offset + wire.RECORD_HEADER_BYTES + length
                if start + count != following or following > end:
                    raise wire.WireError(f"outcome at byte {offset}: {length} bytes do not hold {count}")
                future = table.get(sequence)
                if future is None:
                    link.given_up.discard(sequence)
                elif future._sync is None:
                    future._head = frame[offset + 8 : offset + 56]
                    future._data = frame[start:following]
                    future._stage = PICKLED
                    future._state = FINISHED
                    link.bytes_finished += future._size
                    del table[sequence]
                else:
                    head, data = frame[offset + 8 : offset + 56], frame[start:following]
                    _take_out(link, future, head, data, PICKLED, FINISHED, watched)
                offset = following
                continue
        found = wire.decode_record(frame, offset, used)
        used += found.attachments
        if used > len(attachments):
            raise wire.WireError(f"{used} attachments announced, {len(attachments)} came")
        if found.type == wire.OUTCOME:
            raw = RawOutcome(frame[found.start : found.end], attachments[found.first_attachment : used])
            _outcome(link, raw, bool(found.flags & wire.VALUE_IS_LEFT), watched, refused)
        else:
            _news(link, frame, found)
        offset = found.end


def _news(link: Link, frame: bytes, found: wire.Record) -> None:
    if found.type == wire.ACCEPTED:
        link.accepted = wire.decode_accepted(frame, found)
    elif found.type == wire.STARTED:
        for _, sequence, _ in wire.decode_started(frame, found):
            future = link.table.get(sequence)
            if future is not None:
                future._state = RUNNING


def _outcome(
    link: Link, raw: RawOutcome, is_left: bool, watched: list[_Ended], refused: list[RawOutcome]
) -> None:
    """An outcome in its general form."""
    head, _ = wire.decode_outcome_head(raw.body, 0)
    if head.reason == _REASON_INITIALIZER:
        refused.append(raw)
    future = link.table.get(head.sequence)
    if future is None:
        link.given_up.discard(head.sequence)
        future = link.left.awaited(head.sequence)
        if future is not None and future._stage == LEFT and not is_left:
            watched.append((future, raw, raw, RAW, future._state))
        return
    if is_left:
        link.left.leave(future)
        if future._sync is not None and future._sync.callbacks:
            # Who is called back may ask for the value where nobody may wait: there it comes first.
            link.left.ask(future)
        else:
            _take_out(link, future, raw, raw, LEFT, FINISHED, watched)
            # What its value takes in the cluster, at least.
            future._size = limits.VALUE_BYTES_UNASKED_MAX
        return
    if link.forwarder is not None:
        link.forwarder.arrived(future, raw)
    state = CANCELLED_AND_NOTIFIED if head.status == _STATUS_CANCELLED else FINISHED
    _take_out(link, future, raw, raw, RAW, state, watched)
    # From now on what its value takes, here and in the cluster.
    future._size = len(raw.body) + sum(map(len, raw.attachments))


def _take_out(
    link: Link, future: Future[Any], head: Any, data: Any, stage: int, state: str, watched: list[_Ended]
) -> None:
    watched.append((future, head, data, stage, state))
    link.bytes_finished += future._size
    link.table.pop(future._sequence, None)


def settle(future: Future[Any], head: Any, data: Any, stage: int, state: str) -> Callbacks:
    """Give a future its outcome and tell who watches it; returns the callbacks that are due now."""
    with making:
        sync = future._sync
        if sync is None:
            future._head, future._data, future._stage, future._state = head, data, stage, state
            return []
    with sync.condition:
        # Who waits for the end of the task was told when its outcome came without the value.
        waiters = [] if future._stage == LEFT else sync.waiters
        future._head, future._data, future._stage, future._state = head, data, stage, state
        failed = stage == EXCEPTION or (stage == RAW and status(data) != 0)
        for waiter in waiters:
            if state == CANCELLED_AND_NOTIFIED:
                waiter.add_cancelled(future)
            elif failed:
                waiter.add_exception(future)
            else:
                waiter.add_result(future)
        sync.condition.notify_all()
        callbacks, sync.callbacks = sync.callbacks, []
    return callbacks


def fail(future: Future[Any], error: BaseException) -> Callbacks:
    """End a future that was taken out of the table with an error of this side."""
    state = CANCELLED_AND_NOTIFIED if isinstance(error, CancelledError) else FINISHED
    return settle(future, None, error, EXCEPTION, state)
