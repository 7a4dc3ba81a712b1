"""What wakes a thread that sleeps in `poll`."""

from __future__ import annotations

import os


class Bell:
    """An eventfd that lives as long as somebody refers to it.

    It is never closed by its owner, who only forgets it: another thread may be about to ring it, and the
    number of a closed descriptor may be that of a user's file a moment later.
    """

    __slots__ = ("descriptor",)

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        """Wake who sleeps. Safe in any thread, at any moment, under any lock."""
        os.eventfd_write(self.descriptor, 1)

    def silence(self) -> None:
        """Take the signal back."""
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return

    def __del__(self) -> None:
        os.close(self.descriptor)


class Muffled(Bell):
    """The bell of a house where nobody lives any more."""

    __slots__ = ()

    def __init__(self) -> None:
        self.descriptor = -1

    def ring(self) -> None:
        """Nobody hears it."""

    def silence(self) -> None:
        """It never rings."""

    def __del__(self) -> None:
        """There is nothing to close."""
