"""ZMTP 3.0 over a Unix stream socket: a DEALER without a library, and without a thread of its own.

libzmq moves every message through a thread of its own, which costs two wake-ups in this process for each
task that somebody waits for. Here the thread that waits reads the socket itself, and a submit is one system
call. This is the whole of what a connecting peer needs (https://rfc.zeromq.org/spec/23): a greeting of 64
bytes, one READY command with the mechanism NULL, then frames. Only the kernel guards an `ipc` address (the
folder's mode), so there is nothing to encrypt; over tcp, `_zeromq` is used.

A frame is `u8 flags, u8 or u64 length (big-endian), bytes`.
"""

from __future__ import annotations

import contextlib
import mmap
import select
import socket as sockets
import struct
from collections import deque
from collections.abc import Sequence
from typing import Final

from . import _limits as limits
from ._wire import Bytes, Missing, WireError

_MORE: Final = 1
_LONG: Final = 2
_COMMAND: Final = 4

_GREETING_BYTES: Final = 64
_GREETING: Final = struct.pack("!B8xBBB20sB31x", 0xFF, 0x7F, 3, 0, b"NULL", 0)
_long_head = struct.Struct("!BQ").pack
_long_length = struct.Struct("!Q").unpack_from

#: One read takes at most this much; longer frames are read right into their own memory.
_BUFFER_BYTES: Final = 128 << 10
#: A frame of this size that has not come as a whole gets its own memory at once.
_OWN_MEMORY_BYTES: Final = 32 << 10
#: And from here on pages of its own, which are given back as a whole when its value is dropped.
_OWN_PAGES_BYTES: Final = 4 << 20
_PAGE_BYTES: Final = 2 << 20
#: Buffers that one `sendmsg` takes; the kernel allows 1024.
_BUFFERS_PER_SEND: Final = 512
_FRAME_BYTES_MAX: Final = limits.PAYLOAD_BYTES_MAX + limits.FRAME_BYTES_ACCEPTED_MAX


def _property(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!I", len(value)) + value


def _command(name: bytes, body: bytes) -> bytes:
    said = struct.pack("!B", len(name)) + name + body
    return struct.pack("!BB", _COMMAND, len(said)) + said


_READY: Final = _command(b"READY", _property(b"Socket-Type", b"DEALER") + _property(b"Identity", b""))


def _head(flags: int, size: int) -> bytes:
    return bytes((flags, size)) if size < 256 else _long_head(flags | _LONG, size)


def _memory(size: int) -> memoryview:
    """Memory to read a long frame into; raises `MemoryError`.

    The system gives it page by page. With huge pages that is once for 2 MiB instead of 512 times, which took
    longer than to receive the bytes; NumPy asks for them in the same way.
    """
    if size < _OWN_PAGES_BYTES:
        return memoryview(bytearray(size))
    # The system begins a range at a huge page if it ends at one, too.
    whole = -(-size // _PAGE_BYTES) * _PAGE_BYTES
    try:
        pages = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(str(error)) from error
    # Advice: where the system has none of them, nothing changes.
    with contextlib.suppress(OSError, AttributeError):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(pages)[:size]


class UnixChannel:
    """A `Channel` to an `ipc://` address.

    When the connection ends, `is_lost` says so and `descriptor` stays readable; its user closes the channel
    and opens it again when it sees fit. Raises `WireError` for a peer that does not speak ZMTP.
    """

    signals_once = False

    def __init__(self, address: str) -> None:
        self.address = address
        self.descriptor = -1
        self.is_lost = False
        self.has_unsent = False
        self.trouble = ""
        self.is_key_refused = False
        self._path = address.partition("://")[2]
        self._socket: sockets.socket | None = None
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._reset()

    def _reset(self) -> None:
        self.is_lost = self.has_unsent = False
        self._greeted = self._ready = False
        #: False while a read or a write is not accounted for: after an interrupt there, the stream is lost.
        self._whole = True
        self._unsent: deque[Bytes] = deque()
        #: How much of `_buffer` is filled with what is not yet a frame.
        self._end = 0
        #: The last read took everything, so the next one can be left out.
        self._exhausted = False
        #: A long frame that is still coming: its flags, its memory, and what is left of that to fill.
        self._long: tuple[int, memoryview | Missing] | None = None
        self._hole = memoryview(b"")
        #: So much is to come of a long frame for which there is no memory.
        self._excess = 0
        self._first: bytes | None = None
        self._attachments: list[Bytes] = []
        self._messages: deque[tuple[bytes, list[Bytes]]] = deque()

    def open(self) -> None:
        """Connect, and begin the handshake; `is_lost` if nobody listens."""
        self.close()
        socket = self._socket = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        socket.setblocking(False)
        self.descriptor = socket.fileno()
        try:
            socket.connect(self._path)
        except OSError as error:
            self.trouble = f"nobody listens at {self._path}: {error.strerror}"
            self.is_lost = True
            return
        self.trouble = ""
        self._ready = True
        self._write([_GREETING, _READY])
        # Messages wait until the other side is ready: libzmq would take them for a part of the handshake.
        self._ready = False

    def close(self) -> None:
        """Leave the connection; what was sent a moment ago still goes out."""
        socket = self._socket
        if socket is not None:
            try:
                self._linger()
                # Wakes a thread that sleeps on the descriptor; closing alone would not.
                socket.shutdown(sockets.SHUT_RDWR)
            except OSError:
                pass
            finally:
                self._socket, self.descriptor = None, -1
                socket.close()
        self._reset()

    def _linger(self) -> None:
        if self.has_unsent and self._ready:
            poller = select.poll()
            poller.register(self.descriptor, select.POLLOUT)
            while self.has_unsent and not self.is_lost and poller.poll(limits.LINGER_MILLISECONDS):
                self.flush()

    def dispose(self) -> None:
        """Close for good."""
        self.close()
        # Somebody may keep the client.
        self._buffer = bytearray()
        self._view = memoryview(self._buffer)

    def forsake(self) -> None:
        """In a forked child: let go without touching what belongs to the parent."""
        socket, self._socket, self.descriptor = self._socket, None, -1
        if socket is not None:
            # Without `shutdown`: only the child's copy of the descriptor goes.
            socket.close()
        self._reset()

    def _begin(self) -> sockets.socket | None:
        """The socket, if it can be used; whoever gets it sets `_whole` when all is accounted for."""
        if not self._whole:
            self.is_lost = True
        if self.is_lost:
            return None
        if self._socket is not None:
            self._whole = False
        return self._socket

    # Sending.

    def send(self, frame: bytes, attachments: Sequence[Bytes] = ()) -> None:
        """Send one message, or queue what does not go now. Attachments must not change any more."""
        if self._socket is None or self.is_lost:
            return
        if not attachments:
            self._write([_head(0, len(frame)), frame])
            return
        parts: list[Bytes] = [_head(_MORE, len(frame)), frame]
        last = len(attachments) - 1
        for index, attachment in enumerate(attachments):
            view = memoryview(attachment).cast("B")
            parts += (_head(_MORE if index < last else 0, len(view)), view)
        self._write(parts)

    def _write(self, parts: list[Bytes]) -> None:
        if self.has_unsent or not self._ready or len(parts) > _BUFFERS_PER_SEND:
            self._unsent += parts
            if self._ready:
                self.has_unsent = True
                self.flush()
            return
        sent = self._try_to_send(parts)
        if sent != sum(map(len, parts)):
            self._unsent += parts
            self.has_unsent = True
            self._account(sent)
        self._whole = True

    def flush(self) -> None:
        """Send what waits, as far as the other side takes it."""
        unsent = self._unsent
        while unsent and self._ready and not self.is_lost:
            parts = [unsent[index] for index in range(min(len(unsent), _BUFFERS_PER_SEND))]
            sent = self._try_to_send(parts)
            self._account(sent)
            self._whole = True
            if not sent:
                return
        self.has_unsent = bool(unsent)

    def _try_to_send(self, parts: list[Bytes]) -> int:
        """How many bytes went out. The caller accounts for them, then sets `_whole`."""
        socket = self._begin()
        if socket is None:
            return 0
        try:
            return socket.sendmsg(parts)
        except BlockingIOError:
            return 0
        except OSError:
            self.is_lost = True
            return 0

    def _account(self, sent: int) -> None:
        unsent = self._unsent
        while sent:
            size = len(unsent[0])
            if size > sent:
                unsent[0] = memoryview(unsent[0])[sent:]
                return
            sent -= size
            unsent.popleft()
        # An empty part would look like a peer that takes nothing.
        while unsent and not len(unsent[0]):
            unsent.popleft()

    # Receiving.

    def has_received(self) -> bool:
        """Whether something was read already that `receive` has not given out."""
        return bool(self._messages)

    def receive(self) -> tuple[bytes, list[Bytes]]:
        """The next message; only after `is_readable`."""
        return self._messages.popleft()

    def is_readable(self) -> bool:
        """Whether `receive` has a whole message; reads the socket if there was none."""
        if self._messages:
            return True
        if not self._exhausted:
            while self._read() and not self._messages:
                pass
            if self._messages:
                return True
        self._exhausted = False
        return False

    def _read(self) -> bool:
        """Read once; whether there may be more."""
        end, long = self._end, self._long
        if long is None:
            room = self._view[end:] if end else self._view
        else:
            # What there is no memory for is read over.
            room = self._view[: self._excess] if self._excess else self._hole
        socket = self._begin()
        if socket is None:
            return False
        try:
            got = socket.recv_into(room)
        except BlockingIOError:
            self._whole = True
            return False
        except OSError:
            got = 0
        if not got:
            self.is_lost = True
            return False
        if long is not None:
            if self._excess:
                self._excess -= got
            else:
                self._hole = room[got:]
            if not self._excess and not self._hole:
                self._long = None
                self._part(*long)
            self._whole = True
            return True
        self._exhausted = got < len(room)
        try:
            self._take_apart(end + got)
        except WireError:
            self.is_lost = True
            raise
        self._whole = True
        if self.has_unsent:
            self.flush()
        return not self._exhausted or self._long is not None

    def _take_apart(self, end: int) -> None:
        """Use the frames in the buffer, and keep the beginning of the next one."""
        buffer, view = self._buffer, self._view
        at = 0 if self._greeted else self._greeting(end)
        while self._greeted and end - at >= 2:
            flags = buffer[at]
            start = at + 2
            if flags & _LONG:
                start = at + 9
                if start > end:
                    break
                (size,) = _long_length(buffer, at + 1)
            else:
                size = buffer[at + 1]
            if flags > 6 or size > _FRAME_BYTES_MAX or (flags & _COMMAND and size > _BUFFER_BYTES // 2):
                raise WireError(f"a ZMTP frame with flags {flags:#x} and {size} bytes")
            following = start + size
            if following > end:
                if size >= _OWN_MEMORY_BYTES and not flags & _COMMAND:
                    self._begin_long(flags, size, view[start:end])
                    at = end
                break
            if flags & _COMMAND:
                self._commanded(bytes(view[start:following]))
            elif self._first is None:
                self._part(flags, bytes(view[start:following]))
            else:
                self._part(flags, bytearray(view[start:following]))
            at = following
        if at and at < end:
            buffer[: end - at] = buffer[at:end]
        self._end = end - at

    def _begin_long(self, flags: int, size: int, come: memoryview) -> None:
        """A long frame whose beginning has come gets memory of its own."""
        try:
            memory = _memory(size)
        except MemoryError:
            if self._first is None:
                raise
            # An attachment belongs to one task: that one fails, and the connection goes on.
            self._long, self._excess = (flags, Missing.of(size)), size - len(come)
            return
        memory[: len(come)] = come
        self._long, self._hole = (flags, memory), memory[len(come) :]

    def _part(self, flags: int, data: bytes | bytearray | memoryview) -> None:
        """One frame of a message."""
        if not self._ready:
            raise WireError("a ZMTP message before the handshake was over")
        attachments = self._attachments
        if self._first is None:
            self._first = bytes(data)
        elif len(attachments) < limits.MESSAGE_PARTS_MAX:
            attachments.append(data if isinstance(data, Missing) else memoryview(data))
        else:
            raise WireError(f"a message of more than message_parts_max ({limits.MESSAGE_PARTS_MAX}) parts")
        if not flags & _MORE:
            self._messages.append((self._first, attachments))
            self._first, self._attachments = None, []

    def _greeting(self, end: int) -> int:
        """How many bytes of the buffer were the peer's greeting: none until it is complete."""
        said = bytes(self._view[: min(end, _GREETING_BYTES)])
        # Whoever is no ZMTP peer may never send 64 bytes: each byte is judged when it comes.
        if said[:1] != b"\xff" or (len(said) > 9 and not said[9] & 1) or (len(said) > 10 and said[10] < 3):
            raise WireError(f"no greeting of ZMTP 3: it begins with {said[:16]!r}")
        if len(said) < _GREETING_BYTES:
            return 0
        mechanism = said[12:32].rstrip(b"\0")
        if mechanism != b"NULL":
            raise WireError(f"a greeting that asks for the ZMTP mechanism {mechanism!r}, not NULL")
        self._greeted = True
        return _GREETING_BYTES

    def _commanded(self, said: bytes) -> None:
        """A ZMTP command. Unknown ones are ignored, as the specification asks."""
        length = said[0] if said else 0
        name, body = said[1 : 1 + length], said[1 + length :]
        if name == b"ERROR":
            raise WireError(f"a ZMTP error: {body[1:].decode(errors='replace')!r}")
        if not self._ready:
            if name != b"READY":
                raise WireError(f"the ZMTP command {name!r} where READY belongs")
            if _property(b"Socket-Type", b"ROUTER") not in body:
                raise WireError(f"a ZMTP peer that is no ROUTER: {body!r}")
            self._ready = True
            self.has_unsent = bool(self._unsent)
        elif name == b"PING":
            # A time to live of two bytes, then what to send back.
            self._unsent.append(_command(b"PONG", body[2:18]))
            self.has_unsent = True
