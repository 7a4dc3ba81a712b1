"""What `submit` and `map` take and give, for type checkers and editors. Nothing of it exists at run time.

A call without futures among its arguments is checked like the call of the function itself. A future may stand
for any argument, also inside a list or dict; no checker can put a type in place of another in the parameters
of a function, so of a call with futures only the function's result is known. Keywords are futures all
together, or none of them is: give the others by position.
"""

# An overload for futures comes after one that takes anything, and is reached when that one does not fit.
# mypy: disable-error-code="overload-cannot-match"

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar, overload

__all__ = ["Calls", "as_completed", "wait"]

if TYPE_CHECKING:
    from typing import Concatenate, TypeAlias

    from .future import Future
    from .options import SwiftFunction

    A = TypeVar("A")
    B = TypeVar("B")
    C = TypeVar("C")
    F = TypeVar("F", bound="Future[Any]")
    P = ParamSpec("P")
    T = TypeVar("T")

    #: A future, or what holds some.
    Held: TypeAlias = (
        Future[Any]
        | Sequence[Future[Any]]
        | Sequence[Sequence[Future[Any]]]
        | set[Future[Any]]
        | Mapping[Any, Future[Any]]
        | Mapping[Any, Sequence[Future[Any]]]
    )

    class Waited(NamedTuple, Generic[F]):
        """What `wait` returns."""

        done: set[F]
        not_done: set[F]

    def as_completed(fs: Iterable[F], timeout: float | None = None) -> Iterator[F]:
        """The futures of one or more clients, each when it is done; see `concurrent.futures.as_completed`."""

    def wait(fs: Iterable[F], timeout: float | None = None, return_when: str = ...) -> Waited[F]:
        """Wait for futures; see `concurrent.futures.wait`."""

    class Calls:
        """The signatures of `submit`, `submit_async` and `map`."""

        @overload
        def submit(
            self, fn: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...

        @overload
        def submit(self, fn: SwiftFunction, /, *args: Any, **kwargs: Any) -> Future[Any]: ...

        @overload
        def submit(
            self, fn: Callable[..., Coroutine[Any, Any, T]], a: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[..., Coroutine[Any, Any, T]], a: Any, b: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Any,
            c: Held,
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        def submit(
            self,
            fn: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Any,
            c: Any,
            d: Held,
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[..., T], a: Held, /, *args: Any, **kwargs: Any) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[..., T], a: Any, b: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[..., T], a: Any, b: Any, c: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[..., T], a: Any, b: Any, c: Any, d: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[..., T], /, **kwargs: Held) -> Future[T]: ...

        @overload
        def submit(self, fn: Callable[Concatenate[A, ...], T], a: A, /, **kwargs: Held) -> Future[T]: ...

        @overload
        def submit(
            self, fn: Callable[Concatenate[A, B, ...], T], a: A, b: B, /, **kwargs: Held
        ) -> Future[T]: ...

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            """Have a call made on the cluster; see `Client.submit`."""

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

        @overload
        async def submit_async(
            self, fn: Callable[..., Coroutine[Any, Any, T]], a: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[..., Coroutine[Any, Any, T]], a: Any, b: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Any,
            c: Held,
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self,
            fn: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Any,
            c: Any,
            d: Held,
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[..., T], a: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[..., T], a: Any, b: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[..., T], a: Any, b: Any, c: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[..., T], a: Any, b: Any, c: Any, d: Held, /, *args: Any, **kwargs: Any
        ) -> Future[T]: ...

        @overload
        async def submit_async(self, fn: Callable[..., T], /, **kwargs: Held) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[Concatenate[A, ...], T], a: A, /, **kwargs: Held
        ) -> Future[T]: ...

        @overload
        async def submit_async(
            self, fn: Callable[Concatenate[A, B, ...], T], a: A, b: B, /, **kwargs: Held
        ) -> Future[T]: ...

        async def submit_async(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            """The same from a coroutine; see `Client.submit_async`."""

        @overload
        def map(
            self,
            fn: Callable[[A], Coroutine[Any, Any, T]],
            a: Iterable[A],
            /,
            *,
            progress: bool | str = False,
            timeout: float | None = None,
            chunksize: int | None = None,
            buffersize: int | None = None,
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: Callable[[A], T],
            a: Iterable[A],
            /,
            *,
            progress: bool | str = False,
            timeout: float | None = None,
            chunksize: int | None = None,
            buffersize: int | None = None,
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: Callable[[A, B], T],
            a: Iterable[A],
            b: Iterable[B],
            /,
            *,
            progress: bool | str = False,
            timeout: float | None = None,
            chunksize: int | None = None,
            buffersize: int | None = None,
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: Callable[[A, B, C], T],
            a: Iterable[A],
            b: Iterable[B],
            c: Iterable[C],
            /,
            *,
            progress: bool | str = False,
            timeout: float | None = None,
            chunksize: int | None = None,
            buffersize: int | None = None,
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
            progress: bool | str = False,
            timeout: float | None = None,
            chunksize: int | None = None,
            buffersize: int | None = None,
        ) -> Iterator[T]: ...

        @overload
        def map(
            self,
            fn: SwiftFunction,
            /,
            *iterables: Iterable[Any],
            progress: bool | str = False,
            timeout: float | None = None,
            chunksize: int | None = None,
            buffersize: int | None = None,
        ) -> Iterator[Any]: ...

        def map(self, fn: Any, /, *iterables: Any, **how: Any) -> Any:
            """Like the built-in `map`; see `Client.map`."""

else:
    from ._gathering import as_completed, wait

    class Calls:
        """Its methods are those of the class that is derived from it."""
