"""The initializer of a session: run once in each executor, before the session's first task there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_bridge.calls import Functions, Payload, load_arguments
from isthmus_bridge.errors import Failure, describe

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Setups"]


class Setups:
    """Initializers by session. One that failed breaks the tasks of its session here, and no others."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self.broken: dict[int, Failure] = {}

    def run(self, session: int, function: int, arguments: Payload) -> None:
        """Run the initializer; a failure is remembered, not raised."""
        try:
            call: Callable[..., object] | None
            call, args, kwargs = load_arguments(arguments, (), with_callable=function == 0)
            if call is None:
                call = self._functions.load(session, function)
            call(*args, **kwargs)
        except BaseException as error:
            self.broken[session] = describe(error)

    def forget_session(self, session: int) -> None:
        """Drop what is known of a session."""
        self.broken.pop(session, None)
