"""How long a client is without its scheduler, what it says of it, and when it gives up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from . import _limits as limits

_logger: Final = logging.getLogger("isthmus")


class Outage:
    """The time since the connection was lost. Its owner calls `look` at least once a second.

    `later` runs an action outside of every lock: a handler of the log is a user's code.
    """

    def __init__(self, timeout: float | None, later: Callable[[Callable[[], object]], object]) -> None:
        #: Seconds after which the client gives up; None: never.
        self.timeout = timeout
        self._later = later
        self._since: float | None = None
        self._looked = 0.0
        self._is_known = False

    def over(self, address: str) -> None:
        """The scheduler answers."""
        if self._since is None:
            return
        seconds, self._since = self._looked - self._since, None
        if self._is_known:
            self._is_known = False
            self._later(partial(_logger.warning, "the scheduler at %s is back (%.0f s)", address, seconds))

    def look(self, now: float, address: str, trouble: str, unfinished: int) -> bool:
        """The scheduler does not answer. True: it has not for too long."""
        gap = now - self._looked
        self._looked = now
        if self._since is None:
            self._since = now
            return False
        if gap > limits.OUTAGE_GAP_SECONDS:
            # This process did not look: it was stopped, or held the interpreter. The scheduler may have been
            # there all the time.
            self._since += gap
        lasted = now - self._since
        if not self._is_known and lasted >= limits.OUTAGE_WARNING_SECONDS:
            self._is_known = True
            self._later(
                partial(
                    _logger.warning,
                    "no connection to the scheduler at %s%s; %s unfinished; %s",
                    address,
                    f" ({trouble})" if trouble else "",
                    "1 task is" if unfinished == 1 else f"{unfinished} tasks are",
                    "trying for ever"
                    if self.timeout is None
                    else f"trying for {self.timeout:g} s (reconnect_timeout)",
                )
            )
        return self.timeout is not None and lasted >= self.timeout
