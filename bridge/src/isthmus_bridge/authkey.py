"""The key by which `multiprocessing` knows its own: that of a session's client, while its tasks run.

A proxy of a `multiprocessing.Manager` speaks to the manager's process, which lets in who knows the key of
the process that made it. A client whose arguments hold such a proxy sends its key in front of them, as an
initializer of its session. The key never leaves the machine, and is in no log and no command line.
"""

from __future__ import annotations

import importlib
import sys

__all__ = ["current", "put", "use"]

_current: bytes | None = None
_own: bytes | None = None


def use(key: bytes) -> None:
    """From now on tasks of this session have this key; what the client's initializer calls."""
    importlib.import_module("multiprocessing.process")
    put(key)


def current() -> bytes | None:
    """The key that a session brought; None for the process's own."""
    return _current


def put(key: bytes | None) -> None:
    """Change to the key of another session, or to the process's own."""
    global _current, _own  # noqa: PLW0603 - one key per process is how multiprocessing has it
    if key == _current:
        return
    process = sys.modules["multiprocessing.process"].current_process()
    if _current is None:
        _own = bytes(process.authkey)
    process.authkey = _own if key is None else key
    _current = key
