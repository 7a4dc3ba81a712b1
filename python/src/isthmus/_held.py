"""What the signatures of `submit` and its like are made of. Nothing of it exists at run time."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeAlias

    from .future import Future

    #: What holds futures.
    Held: TypeAlias = (
        Sequence[Future[Any]]
        | Sequence[Sequence[Future[Any]]]
        | set[Future[Any]]
        | Mapping[Any, Future[Any]]
        | Mapping[Any, Sequence[Future[Any]]]
    )

    class _ArgumentMissing:
        """Of the call that was to be submitted."""

    #: What comes where a call lacks an argument. No type says "at least one keyword", as the overloads for
    #: futures by keyword would have to. But checkers refuse a coroutine that is left, and one that is used
    #: like a future.
    ArgumentMissing: TypeAlias = Coroutine[_ArgumentMissing, _ArgumentMissing, _ArgumentMissing]
