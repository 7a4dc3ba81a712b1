"""What `submit_async` takes and gives, for type checkers and editors; see `_calls`."""

# An overload for futures comes after one that takes anything, and is reached when that one does not fit.
# mypy: disable-error-code="overload-cannot-match,overload-overlap"

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from typing import Concatenate

    from ._held import ArgumentMissing, Held
    from .future import Future
    from .options import SwiftFunction

    A = TypeVar("A")
    B = TypeVar("B")
    C = TypeVar("C")
    P = ParamSpec("P")
    T = TypeVar("T")

    class AsyncCalls:
        """The signature of `submit_async`."""

        @overload
        async def submit_async(
            self, fn: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
        ) -> Future[T]: ...

        @overload
        async def submit_async(self, fn: SwiftFunction, /, *args: Any, **kwargs: Any) -> Future[Any]: ...

        # Futures among positional arguments.

        @overload
        async def submit_async(
            self, fn: Callable[[A], Coroutine[Any, Any, T]], a: A | Future[A] | Held, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(self, fn: Callable[[A], T], a: A | Future[A] | Held, /) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[[A, B], Coroutine[Any, Any, T]],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            /,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[A, B], T], a: A | Future[A] | Held, b: B | Future[B] | Held, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[[A, B, C], Coroutine[Any, Any, T]],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            c: C | Future[C] | Held,
            /,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[[A, B, C], T],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            c: C | Future[C] | Held,
            /,
        ) -> Future[T]: ...

        # A variable that holds futures; and of four arguments and more, the result only.

        @overload
        async def submit_async(
            self, fn: Callable[[Any], Coroutine[Any, Any, T]], a: Held, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(self, fn: Callable[[Any], T], a: Held, /) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any], Coroutine[Any, Any, T]], a: Held, b: Any, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(self, fn: Callable[[Any, Any], T], a: Held, b: Any, /) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any], Coroutine[Any, Any, T]], a: Any, b: Held, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(self, fn: Callable[[Any, Any], T], a: Any, b: Held, /) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any, Any], Coroutine[Any, Any, T]], a: Held, b: Any, c: Any, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any, Any], T], a: Held, b: Any, c: Any, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any, Any], Coroutine[Any, Any, T]], a: Any, b: Held, c: Any, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any, Any], T], a: Any, b: Held, c: Any, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any, Any], Coroutine[Any, Any, T]], a: Any, b: Any, c: Held, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[[Any, Any, Any], T], a: Any, b: Any, c: Held, /
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Any,
            c: Any,
            d: Any,
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[..., T], a: Any, b: Any, c: Any, d: Any, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        # Without keywords there is one missing: what comes is no future, and to leave it is an error.

        @overload
        async def submit_async(self, fn: Callable[..., Any], /) -> ArgumentMissing: ...

        @overload
        async def submit_async(
            self, fn: Callable[Concatenate[A, ...], Any], a: A | Future[A] | Held, /
        ) -> ArgumentMissing: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, B, ...], Any],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            /,
        ) -> ArgumentMissing: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, B, C, ...], Any],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            c: C | Future[C] | Held,
            /,
        ) -> ArgumentMissing: ...

        # Keywords that are futures.

        @overload
        async def submit_async(self, fn: Callable[..., T], /, **kwargs: Future[Any] | Held) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, ...], T],
            a: A | Future[A] | Held,
            /,
            **kwargs: Future[Any] | Held,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, B, ...], T],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            /,
            **kwargs: Future[Any] | Held,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, B, C, ...], T],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            c: C | Future[C] | Held,
            /,
            **kwargs: Future[Any] | Held,
        ) -> Future[T]: ...

        # Futures, and keywords of any kind.

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, ...], Coroutine[Any, Any, T]],
            a: Future[A] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, B, ...], Coroutine[Any, Any, T]],
            a: Future[A] | Held,
            b: B | Future[B] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, B, ...], Coroutine[Any, Any, T]],
            a: A,
            b: Future[B] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[Concatenate[A, ...], T], a: Future[A] | Held, /, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[Concatenate[A, B, ...], T],
            a: Future[A] | Held,
            b: B | Future[B] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[Concatenate[A, B, ...], T], a: A, b: Future[B] | Held, /, **kwargs: Any
        ) -> Future[T]: ...

        async def submit_async(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            """The same from a coroutine; see `Client.submit_async`."""
