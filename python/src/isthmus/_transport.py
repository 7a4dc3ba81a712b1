"""What a connection to a scheduler is, the addresses for it, and the keys."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from . import _limits as limits
from ._wire import Bytes
from .errors import ClusterError

#: What libzmq connects to: a name or an address, an IPv6 one in brackets, and a port.
_TCP: Final = re.compile(r"(?:[^\s:/@;\[\]]+|\[[0-9A-Fa-f:.%\w]+\]):([0-9]{1,5})", re.ASCII)
_Z85: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


class Keys(NamedTuple):
    """A peer's key file, as `isthmus keys` writes it."""

    role: str
    public: bytes
    secret: bytes
    scheduler: bytes

    def __repr__(self) -> str:
        return f"Keys(role={self.role!r})"


def read_keys(path: str | os.PathLike[str]) -> Keys:
    """Read a key file; refuses one that others can read."""
    place = Path(path).expanduser()
    if place.is_dir():
        place = place / "client.key"
    try:
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & 0o077:
            raise ClusterError(
                f"{place} can be read by others (mode {mode:04o}): run `chmod 600 {place}`, and make new "
                "keys if somebody may have read it"
            )
        text = place.read_text()
    except OSError as error:
        raise ClusterError(
            f"the key file {place} cannot be read: {error.strerror}. `isthmus keys` makes key files"
        ) from None
    except UnicodeDecodeError:
        raise ClusterError(
            f"{place} is not a text file: give the client.key that `isthmus keys` made"
        ) from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, _, value = line.strip().partition(" ")
        value = value.strip()
        # The key itself is not shown: it may be a secret one.
        if name in ("public", "secret", "scheduler") and not _is_key(value):
            raise ClusterError(
                f"{place}, line {number}: {name!r} is not followed by a key, which is 40 characters of Z85. "
                "Give the client.key that `isthmus keys` made"
            )
        found[name] = value
    missing = [name for name in ("public", "secret", "scheduler") if name not in found]
    if missing:
        raise ClusterError(
            f"{place} has no line {missing[0]!r}: give the client.key that `isthmus keys` made"
        )
    return Keys(
        found.get("role", ""),
        found["public"].encode(),
        found["secret"].encode(),
        found["scheduler"].encode(),
    )


def _is_key(text: str) -> bool:
    """Whether `text` is 32 bytes in Z85: five characters for each four bytes."""
    if len(text) != 40 or any(character not in _Z85 for character in text):
        return False
    for start in range(0, 40, 5):
        value = 0
        for character in text[start : start + 5]:
            value = value * 85 + _Z85.index(character)
        if value >= 2**32:
            return False
    return True


def check_address(address: str, keys: Keys | None) -> None:
    """Refuse what cannot work, with words for it."""
    scheme, _, rest = address.partition("://")
    if scheme not in ("ipc", "tcp") or not rest:
        raise ClusterError(f"{address!r} is not an address: ipc:///path/scheduler.ipc or tcp://host:port")
    if scheme == "tcp":
        port = _TCP.fullmatch(rest)
        if port is None or not 0 < int(port[1]) < 2**16:
            raise ClusterError(f"{address!r} is not an address: tcp://host:port, with a port up to 65535")
    if scheme == "tcp" and keys is None:
        raise ClusterError(
            f"{address} needs keys: Client({address!r}, keys='.../client.key'), made by `isthmus keys`"
        )
    if scheme == "ipc" and len(os.fsencode(rest)) > limits.SOCKET_PATH_BYTES_MAX:
        raise ClusterError(f"the socket path {rest} is longer than {limits.SOCKET_PATH_BYTES_MAX} bytes")
    if scheme == "ipc" and not os.path.exists(rest):
        raise ClusterError(f"there is no scheduler at {address}: the socket does not exist")


class Channel(Protocol):
    """A connection, made anew by `open`. Not thread-safe: its user holds a lock around each call."""

    address: str
    #: Readable when something may have come; only while the channel is open, else -1.
    descriptor: int
    #: The descriptor signals a change once: whoever uses the channel may take back the signal.
    signals_once: bool
    #: Why there is no connection, as far as that is known, or empty.
    trouble: str
    #: The other side has refused the key: it will refuse it again.
    is_key_refused: bool
    #: Something waits until `descriptor` can be written to; `flush` sends it.
    has_unsent: bool

    @property
    def is_lost(self) -> bool:
        """The connection has ended, and only `open` makes another one."""

    def open(self) -> None:
        """Begin to connect; replaces a connection that was there. Raises `ClusterError` if it never can."""

    def close(self) -> None:
        """Leave the connection; what was sent a moment ago still goes out."""

    def dispose(self) -> None:
        """Close for good."""

    def forsake(self) -> None:
        """In a forked child: let go without touching what belongs to the parent."""

    def send(self, frame: bytes, attachments: Sequence[Bytes] = ()) -> None:
        """Queue one message. Attachments are not copied: they must not change any more."""

    def flush(self) -> None:
        """Send what waits, as far as the other side takes it."""

    def is_readable(self) -> bool:
        """Whether `receive` has something. Also takes back the signal of `descriptor`."""

    def has_received(self) -> bool:
        """Whether something lies here for which `descriptor` does not become readable again."""

    def receive(self) -> tuple[bytes, list[Bytes]]:
        """The next message: its frame, and its attachments as views that may be written to."""


def channel_to(address: str, keys: Keys | None = None) -> Channel:
    """The channel for an address; not yet connected."""
    if address.startswith("ipc://") and keys is None:
        from ._zmtp import UnixChannel

        return UnixChannel(address)
    from ._zeromq import ZeroMQChannel

    return ZeroMQChannel(address, keys)
