"""One session over a transport that promises nothing, seen from the side that connects.

ZeroMQ drops silently when a peer vanishes, and a connection may end in the middle of a burst. This core
makes an ordered, gapless stream of frames out of it, in each direction, that outlives its connections. It
has no sockets, no bytes and no clock: it is told what happened (`absorb`-like methods), and says what to do
by appending to `actions`. It is the connecting side of Sources/SessionCore and replays the scenarios of
Tests/SessionCoreTests.

    idle -> waiting -> greeting -> established -> waiting (connection lost) ...
    any  -> ended

Actions, in the order in which they must be carried out; every frame that is sent carries `received` as its
acknowledgement and `epoch`:

    connect, disconnect, hello (received), goodbye
    transmit (number), acknowledge (last number), resend (first wanted)
    deliver: use the data frame that was just told; one without this action is to be ignored
    drop (number): the peer has every data frame up to this one
    established (resumed), interrupted, blocked, unblocked, ended (why)

An action is a pair of its name and of what stands in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

MILLISECOND: Final = 1_000_000
NEVER: Final = 2**63 - 1

Phase = Literal["idle", "waiting", "greeting", "established", "ended"]
Action = tuple[str, Any]


@dataclass
class SessionPolicy:
    """Times in nanoseconds, and bounds; the names and values of Limits.swift."""

    lowest_version: int = 1
    highest_version: int = 1
    heartbeat: int = 1_000 * MILLISECOND
    lease: int = 5_000 * MILLISECOND
    acknowledge_delay: int = 100 * MILLISECOND
    acknowledge_frames: int = 64
    handshake_timeout: int = 5_000 * MILLISECOND
    reconnect_delay_min: int = 20 * MILLISECOND
    reconnect_delay_max: int = 1_000 * MILLISECOND
    unacknowledged_frames_max: int = 4_096
    unacknowledged_bytes_max: int = 1 << 30


class Session:
    """The state of one session; `actions` is emptied by its owner."""

    def __init__(self, identity: int, policy: SessionPolicy, now: int, epoch: int = 0) -> None:
        self.identity = identity
        self.policy = policy
        self.epoch = epoch
        self.actions: list[Action] = []
        self.phase: Phase = "idle"
        #: Number of the last data frame received in order.
        self.received = 0
        #: Number of the last data frame closed by the owner.
        self.last_number = 0
        self.acknowledged = 0
        self.is_blocked = False
        self._deadline = NEVER
        self._was_established = False
        self._begun = 0
        self._reconnects = 0
        self._established_at = -NEVER
        self._sizes: dict[int, int] = {}
        self._kept_bytes = 0
        self._last_resend = (0, -NEVER)
        self._last_request = (0, -NEVER)
        self._unreported = 0
        self._acknowledge_due = NEVER
        self._last_sent = now
        self._last_heard = now

    def opened(self, now: int) -> None:
        """The owner wants the session."""
        if self.phase == "idle":
            self.phase, self._deadline = "waiting", now

    def connection_lost(self, now: int) -> None:
        """The connection is gone, or cannot be trusted any more."""
        if self.phase in ("greeting", "established"):
            self._retreat(now)

    def welcome_received(self, epoch: int, received: int, version: int, now: int, begun: int = 0) -> None:
        """The scheduler lets the session in, and has its frames up to `received`.

        `begun`: which of its sessions with this id it means; another number than in the welcome before
        says that it let go of the session and began it anew without noticing.
        """
        if self.phase != "greeting" or epoch < self.epoch:
            return
        if not self.policy.lowest_version <= version <= self.policy.highest_version:
            self.actions += [("goodbye", None), ("disconnect", None)]
            self._end("refused")
            return
        # A peer that has let go of the session would take what is sent again for new: a task that must not
        # start twice might. And what was acknowledged is no longer kept, so a peer that lacks it cannot be
        # served.
        is_forgotten = self._was_established and begun != self._begun
        if is_forgotten or not self.acknowledged <= received <= self.last_number:
            self.actions += [("goodbye", None), ("disconnect", None)]
            self._end("forgotten")
            return
        self.epoch, self._begun = epoch, begun
        resumed, self._was_established = self._was_established, True
        self.phase = "established"
        self._last_heard = max(self._last_heard, now)
        self._last_request = self._last_resend = (0, -NEVER)
        self._sent(now)
        self._established_at = now
        self._acknowledge(received)
        self.actions.append(("established", resumed))
        self._transmit_from(self.acknowledged + 1, now)

    def refusal_received(self, hello: bool, now: int) -> None:
        """`hello`: only this connection is unknown; else the session is refused for good."""
        if self.phase == "ended":
            return
        if not hello:
            self.actions.append(("disconnect", None))
            self._end("refused")
        elif self.phase == "established":
            self._greet_again(now)
        elif self.phase != "greeting":
            self.actions.append(("disconnect", None))
            self._end("refused")

    def frame_closed(self, size: int, now: int) -> None:
        """The owner has closed a frame of so many bytes; its number is `last_number` from now on."""
        if self.phase == "ended":
            return
        self.last_number += 1
        self._sizes[self.last_number] = size
        self._kept_bytes += size
        if self.phase == "established":
            self.actions.append(("transmit", self.last_number))
            self._sent(now)
        policy = self.policy
        full = (
            len(self._sizes) >= policy.unacknowledged_frames_max
            or self._kept_bytes >= policy.unacknowledged_bytes_max
        )
        if full and not self.is_blocked:
            self.is_blocked = True
            self.actions.append(("blocked", None))

    def data_received(self, number: int, acknowledged: int, epoch: int, now: int) -> None:
        """A data frame came."""
        if not self._hear(acknowledged, epoch, now):
            return
        if number > self.received + 1:
            self._request_resend(now)
        elif number <= self.received:
            self._acknowledge_due = now
        else:
            self.received = number
            self.actions.append(("deliver", None))
            self._unreported += 1
            if self._unreported >= self.policy.acknowledge_frames:
                self._send_acknowledge(now)
            elif self._acknowledge_due == NEVER:
                self._acknowledge_due = now + self.policy.acknowledge_delay

    def acknowledge_received(self, number: int, acknowledged: int, epoch: int, now: int) -> None:
        """A heartbeat came; `number` is the last data frame that the peer has sent."""
        if self._hear(acknowledged, epoch, now) and number > self.received:
            self._request_resend(now)

    def resend_received(self, number: int, acknowledged: int, epoch: int, now: int) -> None:
        """The peer lacks the frames from `number` on."""
        if not self._hear(acknowledged, epoch, now):
            return
        start = max(number, self.acknowledged + 1)
        if start > self.last_number:
            return
        # Requests cross what is already on its way: the same one is served once per delay.
        last, at = self._last_resend
        if last == start and now < at + self.policy.acknowledge_delay:
            return
        self._last_resend = (start, now)
        self._transmit_from(start, now)

    def goodbye_received(self, epoch: int) -> None:
        """The peer ends the session."""
        if self.phase != "ended" and epoch >= self.epoch:
            self._end("closed")

    def close_requested(self) -> None:
        """The owner is done."""
        if self.phase == "ended":
            return
        if self.phase == "established":
            self.actions.append(("goodbye", None))
        self.actions.append(("disconnect", None))
        self._end("closed")

    def decide(self, now: int) -> None:
        """Does what time calls for: at `wake_up`, after all that has arrived was told."""
        if self.phase == "waiting":
            if now >= self._deadline:
                self.actions.append(("connect", None))
                self._greet_again(now)
        elif self.phase == "greeting":
            if now >= self._deadline:
                self._retreat(now)
        elif self.phase == "established":
            if now >= self._last_heard + self.policy.lease:
                self._retreat(now)
            elif now >= self._acknowledge_due or now >= self._last_sent + self.policy.heartbeat:
                self._send_acknowledge(now)

    @property
    def wake_up(self) -> int:
        """The earliest instant at which `decide` has something to do."""
        if self.phase in ("waiting", "greeting"):
            return self._deadline
        if self.phase == "established":
            heard = self._last_heard + self.policy.lease
            return min(self._acknowledge_due, self._last_sent + self.policy.heartbeat, heard)
        return NEVER

    def _hear(self, acknowledged: int, epoch: int, now: int) -> bool:
        """What every frame of a connection tells. False: ignore the frame."""
        if self.phase != "established" or epoch < self.epoch:
            return False
        if epoch > self.epoch:
            # A newer leader answers here: it must learn who this is.
            self._greet_again(now)
            return False
        self._last_heard = max(self._last_heard, now)
        if acknowledged > self.last_number:
            self._end("malformed")
            return False
        self._acknowledge(acknowledged)
        return True

    def _acknowledge(self, number: int) -> None:
        """The peer has everything up to `number`."""
        if number <= self.acknowledged:
            return
        for dropped in range(self.acknowledged + 1, number + 1):
            self._kept_bytes -= self._sizes.pop(dropped, 0)
        self.acknowledged = number
        self.actions.append(("drop", number))
        # Half empty before work is taken on again: else each acknowledgement would wake the owner.
        policy = self.policy
        room = (
            len(self._sizes) <= policy.unacknowledged_frames_max // 2
            and self._kept_bytes <= policy.unacknowledged_bytes_max // 2
        )
        if self.is_blocked and room:
            self.is_blocked = False
            self.actions.append(("unblocked", None))

    def _transmit_from(self, start: int, now: int) -> None:
        if start <= self.last_number:
            self.actions += [("transmit", number) for number in range(start, self.last_number + 1)]
            self._sent(now)

    def _request_resend(self, now: int) -> None:
        wanted = self.received + 1
        last, at = self._last_request
        if last == wanted and now < at + self.policy.heartbeat:
            return
        self._last_request = (wanted, now)
        self.actions.append(("resend", wanted))
        self._sent(now)

    def _send_acknowledge(self, now: int) -> None:
        self.actions.append(("acknowledge", self.last_number))
        self._sent(now)

    def _sent(self, now: int) -> None:
        """Every frame carries the acknowledgement and is a sign of life."""
        self._last_sent = now
        self._unreported = 0
        self._acknowledge_due = NEVER

    def _greet_again(self, now: int) -> None:
        """Says hello over the connection that is there."""
        self.actions.append(("hello", self.received))
        self.phase, self._deadline = "greeting", now + self.policy.handshake_timeout

    def _retreat(self, now: int) -> None:
        """Leaves the connection and comes back after a delay that grows with each failure."""
        if self.phase == "established":
            self.actions.append(("interrupted", None))
            # A connection that ends as soon as it is used (by a message for which there is no memory) would
            # be made again and again without a pause, if each welcome were taken for a success.
            if now >= self._established_at + self.policy.heartbeat:
                self._reconnects = 0
        self.actions.append(("disconnect", None))
        doubled = self.policy.reconnect_delay_min * (1 << min(self._reconnects, 16))
        delay = min(doubled, self.policy.reconnect_delay_max)
        # Between half and all of it, so that a thousand peers do not come back in the same millisecond.
        share = _mixed(self.identity + self._reconnects) & 1_023
        self._reconnects += 1
        self.phase, self._deadline = "waiting", now + delay // 2 // 1_023 * (1_023 + share)

    def _end(self, why: str) -> None:
        self.phase = "ended"
        self._sizes.clear()
        self._kept_bytes = 0
        self.acknowledged = self.last_number
        self.actions.append(("ended", why))


def _mixed(number: int) -> int:
    """Spreads neighbouring numbers over all bits (the finaliser of SplitMix64)."""
    number &= 2**64 - 1
    bits = ((number ^ (number >> 30)) * 0xBF58_476D_1CE4_E5B9) & (2**64 - 1)
    bits = ((bits ^ (bits >> 27)) * 0x94D0_49BB_1331_11EB) & (2**64 - 1)
    return bits ^ (bits >> 31)
