"""The initializer of a session: run once in each executor, before the session's first task there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_bridge.calls import Functions, Payload, load_arguments
from isthmus_bridge.errors import Failure, describe
from isthmus_bridge.namespaces import loading

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
            loaded = self._functions.load(session, function) if function else None
            call, args, kwargs = load_arguments(session, arguments, (), with_callable=function == 0)
            self._functions.share(session)
            call = call or loaded
            assert call is not None, "arguments without a callable name a function"
            call(*args, **kwargs)
        except BaseException as error:
            loading.reset()
            self.broken[session] = describe(error)

    def forget_session(self, session: int) -> None:
        """Drop what is known of a session."""
        self.broken.pop(session, None)
