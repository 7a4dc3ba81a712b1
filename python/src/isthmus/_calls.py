"""What `submit` and `map` take and give, for type checkers and editors. Nothing of it exists at run time.

A call without futures among its arguments is checked like the call of the function itself. A future may stand
for any argument, also inside a list or dict. No checker can put a type in place of another in the parameters
of a function, so there are overloads by the number of arguments: up to three by position are counted and
checked, a future as its value; of more, and of what holds futures, only the function's result is known.
Keywords are futures all together, or none of them is, unless there is a future by position, too.
"""

# An overload for futures comes after one that takes anything, and is reached when that one does not fit.
# mypy: disable-error-code="overload-cannot-match,overload-overlap"

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar, overload

__all__ = ["Calls", "as_completed", "wait"]

if TYPE_CHECKING:
    from typing import Concatenate

    from typing_extensions import TypedDict, Unpack

    from ._async_calls import AsyncCalls
    from ._held import ArgumentMissing, Held
    from .future import Future
    from .options import SwiftFunction

    A = TypeVar("A")
    B = TypeVar("B")
    C = TypeVar("C")
    F = TypeVar("F", bound="Future[Any]")
    P = ParamSpec("P")
    T = TypeVar("T")

    class Reading(TypedDict, total=False):
        """How `map` reads its iterables; see `Client.map`."""

        progress: bool | str
        timeout: float | None
        chunksize: int | None
        buffersize: int | None

    class Waited(NamedTuple, Generic[F]):
        """What `wait` returns."""

        done: set[F]
        not_done: set[F]

    def as_completed(fs: Iterable[F], timeout: float | None = None) -> Iterator[F]:
        """The futures of one or more clients, each when it is done; see `concurrent.futures.as_completed`."""

    def wait(fs: Iterable[F], timeout: float | None = None, return_when: str = ...) -> Waited[F]:
        """Wait for futures; see `concurrent.futures.wait`."""

    class Calls(AsyncCalls):
        """The signatures of `submit`, `submit_async` and `map`."""

        @overload
        def submit(
            self, fn: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...

        @overload
        def submit(self, fn: SwiftFunction, /, *args: Any, **kwargs: Any) -> Future[Any]: ...

        # Futures among positional arguments.

        @overload
        def submit(
            self, fn: Callable[[A], Coroutine[Any, Any, T]], a: A | Future[A] | Held, /
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[[A], T], a: A | Future[A] | Held, /) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[[A, B], Coroutine[Any, Any, T]],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            /,
        ) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[[A, B], T], a: A | Future[A] | Held, b: B | Future[B] | Held, /
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[[A, B, C], Coroutine[Any, Any, T]],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            c: C | Future[C] | Held,
            /,
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[[A, B, C], T],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            c: C | Future[C] | Held,
            /,
        ) -> Future[T]: ...

        # A variable that holds futures; and of four arguments and more, the result only.

        @overload
        def submit(self, fn: Callable[[Any], Coroutine[Any, Any, T]], a: Held, /) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[[Any], T], a: Held, /) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[[Any, Any], Coroutine[Any, Any, T]], a: Held, b: Any, /
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[[Any, Any], T], a: Held, b: Any, /) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[[Any, Any], Coroutine[Any, Any, T]], a: Any, b: Held, /
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[[Any, Any], T], a: Any, b: Held, /) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[[Any, Any, Any], Coroutine[Any, Any, T]], a: Held, b: Any, c: Any, /
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[[Any, Any, Any], T], a: Held, b: Any, c: Any, /) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[[Any, Any, Any], Coroutine[Any, Any, T]], a: Any, b: Held, c: Any, /
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[[Any, Any, Any], T], a: Any, b: Held, c: Any, /) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[[Any, Any, Any], Coroutine[Any, Any, T]], a: Any, b: Any, c: Held, /
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[[Any, Any, Any], T], a: Any, b: Any, c: Held, /) -> Future[T]: ...

        @overload
        def submit(
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
        def submit(
            self, fn: Callable[..., T], a: Any, b: Any, c: Any, d: Any, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        # Without keywords there is one missing: what comes is no future, and to leave it is an error.

        @overload
        def submit(self, fn: Callable[..., Any], /) -> ArgumentMissing: ...

        @overload
        def submit(
            self, fn: Callable[Concatenate[A, ...], Any], a: A | Future[A] | Held, /
        ) -> ArgumentMissing: ...

        @overload
        def submit(
            self,
            fn: Callable[Concatenate[A, B, ...], Any],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            /,
        ) -> ArgumentMissing: ...

        @overload
        def submit(
            self,
            fn: Callable[Concatenate[A, B, C, ...], Any],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            c: C | Future[C] | Held,
            /,
        ) -> ArgumentMissing: ...

        # Keywords that are futures.

        @overload
        def submit(self, fn: Callable[..., T], /, **kwargs: Future[Any] | Held) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[Concatenate[A, ...], T],
            a: A | Future[A] | Held,
            /,
            **kwargs: Future[Any] | Held,
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[Concatenate[A, B, ...], T],
            a: A | Future[A] | Held,
            b: B | Future[B] | Held,
            /,
            **kwargs: Future[Any] | Held,
        ) -> Future[T]: ...

        @overload
        def submit(
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
        def submit(
            self,
            fn: Callable[Concatenate[A, ...], Coroutine[Any, Any, T]],
            a: Future[A] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[Concatenate[A, B, ...], Coroutine[Any, Any, T]],
            a: Future[A] | Held,
            b: B | Future[B] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[Concatenate[A, B, ...], Coroutine[Any, Any, T]],
            a: A,
            b: Future[B] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[Concatenate[A, ...], T], a: Future[A] | Held, /, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[Concatenate[A, B, ...], T],
            a: Future[A] | Held,
            b: B | Future[B] | Held,
            /,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[Concatenate[A, B, ...], T], a: A, b: Future[B] | Held, /, **kwargs: Any
        ) -> Future[T]: ...

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            """Have a call made on the cluster; see `Client.submit`."""

        @overload
        def map(
            self,
            fn: Callable[[A], Coroutine[Any, Any, T]],
            a: Iterable[A],
            /,
            **how: Unpack[Reading],
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: Callable[[A], T],
            a: Iterable[A],
            /,
            **how: Unpack[Reading],
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: Callable[[A, B], T],
            a: Iterable[A],
            b: Iterable[B],
            /,
            **how: Unpack[Reading],
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: Callable[[A, B, C], T],
            a: Iterable[A],
            b: Iterable[B],
            c: Iterable[C],
            /,
            **how: Unpack[Reading],
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: Callable[..., T],
            a: Iterable[Any],
            b: Iterable[Any],
            c: Iterable[Any],
            d: Iterable[Any],
            /,
            *rest: Iterable[Any],
            **how: Unpack[Reading],
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: SwiftFunction,
            /,
            *iterables: Iterable[Any],
            **how: Unpack[Reading],
        ) -> Iterator[Any]: ...

        def map(self, fn: Any, /, *iterables: Any, **how: Any) -> Any:
            """Like the built-in `map`; see `Client.map`."""

else:
    from ._gathering import as_completed, wait

    class Calls:
        """Its methods are those of the class that is derived from it."""
