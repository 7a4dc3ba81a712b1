"""What a task says beside its result: Python's own buffers, and `logging`.

Descriptors 1 and 2 are memory files that the executor cuts between tasks, so C code and child processes are
caught as well. Here Python's buffers are emptied into them, and log records are kept apart.
"""

from __future__ import annotations

import copy
import logging
import sys
from typing import Any

from isthmus_bridge._limits import LOG_BYTES_PER_TASK_MAX

__all__ = ["LogCapture", "flush"]


def flush() -> bool:
    """Empty the buffers of `sys.stdout` and `sys.stderr`, whatever they are; false if one cannot be."""
    done = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            # Closed or replaced by the task, with whatever that raises.
            done = False
    return done


class LogCapture:
    """Keeps what the task that runs logs, the newest up to a bound.

    It listens where records are made, so a task's own handlers and `logging.basicConfig` work as ever.
    """

    def __init__(self) -> None:
        self._formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._make: Any = logging.getLogRecordFactory()
        self.lines: list[str] = []
        self._length = 0

    def install(self) -> None:
        """Begin to listen."""
        logging.setLogRecordFactory(self._record)

    def _record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        try:
            # A copy, because formatting leaves its traces in a record.
            line = self._formatter.format(copy.copy(record)) + "\n"
        except Exception:
            # Arguments that do not fit the message: its handlers will say so.
            return record
        self.lines.append(line)
        self._length += len(line)
        if self._length > 2 * LOG_BYTES_PER_TASK_MAX:
            self.lines[:] = ["".join(self.lines)[-LOG_BYTES_PER_TASK_MAX:]]
            self._length = len(self.lines[0])
        return record

    def take(self) -> bytes:
        """The text since the last call."""
        text = "".join(self.lines)[-LOG_BYTES_PER_TASK_MAX:]
        self.lines.clear()
        self._length = 0
        return text.encode("utf-8", "backslashreplace")
