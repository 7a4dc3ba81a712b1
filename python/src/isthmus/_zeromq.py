"""One DEALER of libzmq: the way over tcp, where CURVE encrypts and knows who is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from . import _limits as limits
from ._transport import Keys
from ._wire import Bytes
from .errors import ClusterError

_POLLIN: Final = int(zmq.POLLIN)
_EVENTS: Final = int(zmq.EVENTS)
_NOBLOCK: Final = int(zmq.NOBLOCK)
_MORE: Final = int(zmq.SNDMORE | zmq.NOBLOCK)
_HANDSHAKE_FAILED: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
)
_WATCHED: Final = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
)


def _closed(*_: object) -> int:
    return 0


class ZeroMQChannel:
    """A connection, made anew by `open`. Not thread-safe: its user holds a lock around each call."""

    #: The descriptor signals a change once: whoever uses the socket may take back the signal.
    signals_once = True
    has_unsent = False

    def __init__(self, address: str, keys: Keys | None = None) -> None:
        self.address = address
        self._keys = keys
        #: Why there is no connection, as far as libzmq tells, or empty.
        self.trouble = ""
        self.is_key_refused = False
        self._was_ready = self._is_lost = False
        self._looked = 0.0
        self._monitor: zmq.Socket[bytes] | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._get: Callable[[int], int] = _closed
        self._send: Callable[[bytes, int], object] = _closed
        #: Readable when something may have come; only while the channel is open.
        self.descriptor = -1

    def open(self) -> None:
        """Begin to connect; replaces a connection that was there. Raises `ClusterError` if it never can."""
        self.close()
        try:
            self._open()
        except zmq.ZMQError as error:
            raise ClusterError(f"cannot connect to {self.address}: {error.strerror}") from error

    def _open(self) -> None:
        if self._context is None:
            self._context = zmq.Context()
        socket = self._socket = self._context.socket(zmq.DEALER)
        # Nothing is ever dropped at a high-water mark: credit and acknowledgements bound what is queued.
        socket.set(zmq.SNDHWM, 0)
        socket.set(zmq.RCVHWM, 0)
        socket.set(zmq.LINGER, limits.LINGER_MILLISECONDS)
        socket.set(zmq.MAXMSGSIZE, limits.PAYLOAD_BYTES_MAX + limits.FRAME_BYTES_ACCEPTED_MAX)
        socket.set(zmq.RECONNECT_IVL, 20)
        socket.set(zmq.RECONNECT_IVL_MAX, 1_000)
        socket.set(zmq.IPV6, 1)
        if self._keys is not None:
            socket.set(zmq.CURVE_PUBLICKEY, self._keys.public)
            socket.set(zmq.CURVE_SECRETKEY, self._keys.secret)
            socket.set(zmq.CURVE_SERVERKEY, self._keys.scheduler)
        self._was_ready = self._is_lost = False
        monitor = self._monitor = socket.get_monitor_socket(_WATCHED)
        # libzmq's own thread would wait for a reader that falls behind.
        monitor.set(zmq.RCVHWM, 0)
        socket.connect(self.address)
        # The methods below those that turn numbers into enums: they run for each task of a ping-pong.
        below: Any = super(zmq.Socket, socket)
        self._get, self._send = below.get, below.send
        self.descriptor = int(socket.get(zmq.FD))

    def close(self) -> None:
        """Leave the connection; what was sent a moment ago still goes out."""
        socket, self._socket, self.descriptor = self._socket, None, -1
        monitor, self._monitor = self._monitor, None
        if socket is not None:
            # First: libzmq's thread waits for ever when it reports to a monitor that nobody reads any more.
            socket.disable_monitor()
            socket.close()
        if monitor is not None:
            monitor.close(0)

    @property
    def is_lost(self) -> bool:
        """The connection has ended. libzmq would make another one; but what it would send over that one is
        void before a hello."""
        now = time.monotonic()
        if now - self._looked >= limits.MONITOR_SECONDS:
            self._looked = now
            self._ask_monitor()
        return self._is_lost

    def _ask_monitor(self) -> None:
        monitor = self._monitor
        while monitor is not None and monitor.poll(0):
            event = parse_monitor_message(monitor.recv_multipart(_NOBLOCK))["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._was_ready, self.trouble, self.is_key_refused = True, "", False
            elif event == zmq.EVENT_DISCONNECTED:
                self._is_lost = self._was_ready
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self.is_key_refused = True
                self.trouble = f"the scheduler at {self.address} does not accept this client's key"
            elif event in _HANDSHAKE_FAILED:
                self.trouble = (
                    f"the handshake with {self.address} failed: the key file may be that of another "
                    "scheduler, or what listens there is none"
                )
            elif event == zmq.EVENT_CLOSED and not self.trouble:
                self.trouble = f"nobody listens at {self.address}"

    def dispose(self) -> None:
        """Close for good."""
        self.close()
        context, self._context = self._context, None
        if context is not None:
            context.term()

    def forsake(self) -> None:
        """In a forked child: let go without touching what belongs to the parent."""
        self._socket, self._context, self._monitor, self.descriptor = None, None, None, -1

    def send(self, frame: bytes, attachments: Sequence[Bytes] = ()) -> None:
        """Queue one message. Attachments are not copied: they must not change any more."""
        socket = self._socket
        if socket is None:
            return
        if not attachments:
            self._send(frame, _NOBLOCK)
            return
        socket.send(frame, _MORE)
        for attachment in attachments[:-1]:
            socket.send(attachment, _MORE, copy=False)
        socket.send(attachments[-1], _NOBLOCK, copy=False)

    def is_readable(self) -> bool:
        """Whether `receive` has something. Also takes back the signal of `descriptor`."""
        return self._socket is not None and self._get(_EVENTS) & _POLLIN != 0

    def has_received(self) -> bool:
        """Whether something lies here for which `descriptor` does not become readable again."""
        return self.is_readable()

    def flush(self) -> None:
        """Nothing to do: libzmq has a thread for it."""

    def receive(self) -> tuple[bytes, list[Bytes]]:
        """The next message: its frame, and its attachments as views of ZeroMQ's own memory."""
        assert self._socket is not None
        first = self._socket.recv(_NOBLOCK, copy=False)
        if not first.more:
            return first.bytes, []
        attachments: list[Bytes] = []
        more = True
        while more:
            part = self._socket.recv(_NOBLOCK, copy=False)
            attachments.append(part.buffer)
            more = part.more
        return first.bytes, attachments
