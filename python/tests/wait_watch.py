"""Tells from within a program that its main thread waits in the client: only then may a test interrupt it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import FrameType


def when_waiting(say: Callable[[], object]) -> None:
    """Have `say` called, in a thread, as soon as the main thread is in a call of the client."""
    threading.Thread(target=_watch, args=(say,), daemon=True).start()


def _watch(say: Callable[[], object]) -> None:
    main = threading.main_thread().ident
    while not _is_in_client(sys._current_frames().get(main or 0)):
        time.sleep(0.01)
    say()


def _is_in_client(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_globals.get("__name__", "").startswith("isthmus."):
        frame = frame.f_back
    return frame is not None
