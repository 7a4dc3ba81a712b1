"""What tasks print, printed here: `Client(forward_output=True)`."""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from . import _limits as limits
from ._outcomes import Output, RawOutcome, decode

if TYPE_CHECKING:
    from ._outbox import Outbox
    from .future import Future


class Forwarder:
    """Prints what outcomes bring, in the order in which they came, in a thread of its own.

    Whoever reads the terminal may be slow, and the thread that serves the client must never wait for that.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: deque[tuple[str, RawOutcome]] = deque()
        self._bytes = self._dropped = 0
        self._closed = False
        self._bell = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="isthmus-output", daemon=True)
        self._thread.start()

    def arrived(self, future: Future[Any], raw: RawOutcome) -> None:
        """An outcome that may hold output."""
        name = self._name(*future._label) or future.task_id
        with self._bell:
            if self._bytes > limits.FORWARDED_BYTES_MAX:
                self._dropped += 1
                return
            self._bytes += len(raw.body)
            self._waiting.append((name, raw))
            self._bell.notify()

    def close(self) -> None:
        """Print what is there, for a bounded time."""
        with self._bell:
            self._closed = True
            self._bell.notify()
        self._thread.join(limits.STOP_SECONDS)

    def _name(self, function: int, options: int) -> str:
        given = self._outbox.option_sets[options].name
        if given is not None:
            return given
        # Few tasks print, and few functions are known.
        for key, number in list(self._outbox.by_name.items()):
            if number == function:
                return key[1] if isinstance(key, tuple) else str(getattr(key, "__qualname__", ""))
        return ""

    def _run(self) -> None:
        while True:
            with self._bell:
                while not self._waiting and not self._closed:
                    self._bell.wait()
                if not self._waiting:
                    return
                name, raw = self._waiting.popleft()
                self._bytes -= len(raw.body)
                dropped, self._dropped = self._dropped, 0
            self._show(name, decode(raw)[0].output)
            if dropped:
                words = f"the output of {dropped} tasks came faster than it could be shown; see future.output"
                _write("isthmus", words, sys.stderr)

    def _show(self, name: str, output: Output) -> None:
        _write(name, output.stdout, sys.stdout)
        _write(name, output.stderr, sys.stderr)


def _write(name: str, text: str, stream: Any) -> None:
    """Each line with the name of its task in front, all in one call: others write there too."""
    if not text or stream is None:
        return
    try:
        stream.write("".join(f"[{name}] {line}\n" for line in text.splitlines()))
        stream.flush()
    except (OSError, ValueError):
        # Closed by the program, or its reader is gone: as for a `print` in a thread, nobody is left to tell.
        return
