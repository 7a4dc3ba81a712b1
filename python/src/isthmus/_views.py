"""What a client and its views have in common: calls and graphs, with options."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _limits as limits
from ._calls import Calls
from ._graph import compute, start
from ._map import map_chunks
from ._progress import shown
from ._task import Node, TaskFunction
from .future import Future
from .options import SwiftFunction, TaskOptions

if TYPE_CHECKING:
    from ._engine import Engine
    from ._submitting import Submitter

T = TypeVar("T")


class _Turn(threading.local):
    """Since when an event loop of this thread has been held up by submits."""

    since = 0.0
    is_ending = False

    def begin(self) -> None:
        """The loop has come around."""
        self.since, self.is_ending = time.monotonic(), False

    async def pause(self) -> None:
        """Let others run if the loop was held up for long, until it has come around."""
        while time.monotonic() - self.since > limits.LOOP_SECONDS:
            if not self.is_ending:
                self.is_ending = True
                asyncio.get_running_loop().call_soon(self.begin)
            await asyncio.sleep(0)


_turn = _Turn()


class View(Calls):
    """Submits with one set of options."""

    _engine: Engine
    _submitter: Submitter
    _task_options: TaskOptions
    #: Their number in the session; 0 for those of the client itself.
    _number: int
    #: Of an embedded cluster; a client of another one does not know.
    _slots: int | None

    if not TYPE_CHECKING:  # `Calls` says what it takes

        def submit(self, fn: Callable[..., T] | SwiftFunction, /, *args: Any, **kwargs: Any) -> Future[T]:
            """Have `fn(*args, **kwargs)` called on the cluster; returns its future at once.

            `fn` may be anything that pickle or cloudpickle can carry, lambdas and closures included, or
            `swift(name)`. A future of this client among the arguments, at any depth, stands for its value:
            the task waits for it, and the value does not pass through this process.

            Blocks while the scheduler takes on no more work; in an event loop, `submit_async` does not. An
            argument that cannot be pickled becomes the exception of the future. Raises `LimitExceeded` for
            arguments beyond a limit, `RuntimeError` after `shutdown`, and the reason if the cluster is gone.
            If it is interrupted, the task is cancelled: nobody has got its future.
            """
            number = self._number
            if type(fn) is TaskFunction:
                return self._submitter.submit_task(fn, args, kwargs, number)
            future: Future[T] = self._submitter.submit(fn, args, kwargs, number)
            if number:
                self._task_options.limit(future)
            return future

        async def submit_async(
            self, fn: Callable[..., T] | SwiftFunction, /, *args: Any, **kwargs: Any
        ) -> Future[T]:
            """`submit` for event loops: the future, once the scheduler takes on the task.

            Where `submit` would block, this waits without holding up the event loop, and of many calls one
            after another it lets others run now and then: `future = await client.submit_async(fn, x)`, then
            `await future`.
            """
            await _turn.pause()
            if self._engine.link.has_credit(limits.PAYLOAD_BYTES_MAX):
                return self.submit(fn, *args, **kwargs)
            return await asyncio.to_thread(self.submit, fn, *args, **kwargs)

        def map(
            self,
            fn: Callable[..., T] | SwiftFunction,
            *iterables: Iterable[Any],
            timeout: float | None = None,
            chunksize: int | None = None,
            buffersize: int | None = None,
            progress: bool | str = False,
        ) -> Iterator[T]:
            """Like the built-in `map`, with the calls made on the cluster, many at once.

            Results come in order. The iterables may be endless: they are read a bounded way ahead of what was
            taken, some at the call and the others while results are taken. Elements travel in chunks whose
            size follows the time that they take, or is `chunksize`. The iterator raises `TimeoutError` when a
            result is not there `timeout` seconds after the call of `map`; the option `timeout` limits each
            call. At most `buffersize` elements are read ahead, if it is given. With `progress`, a bar shows
            how many results were taken (`pip install 'isthmus[progress]'`); a string is its title.

            When the iterator is dropped before its end, what was not started is cancelled. If no result was
            ever asked for, all calls are made, in bounded memory. `shutdown`, and so the end of a `with`, has
            what is left called as well, and the results can be taken after it; except for iterables without a
            length of which results were taken, as these may be endless, and with `buffersize`: there the
            iterator raises `RuntimeError` after what was read ahead.
            """
            results = map_chunks(self, fn, iterables, timeout, chunksize, buffersize)
            return shown(results, iterables, progress, fn) if progress else results

    def get(self, graph: Mapping[Any, Any] | Any, keys: Any, *, callbacks: Any = None, **_: Any) -> Any:
        """Compute a graph on the cluster, each node as a task, and return the values of `keys`.

        `graph` is a dict as Dask writes it, with plain values or with Dask's objects; Dask need not be
        installed. In the plain form, a tuple whose first item is callable is a call, a key among its
        arguments stands for the value of that node, and everything else is data. `keys` is a key, or a list
        of keys and lists: for a list comes a tuple. Options hold for each task of the graph.

        Only the values of `keys` come to this process. If a node raises, its exception is raised here, and
        what has not ended is cancelled; so it is on Ctrl-C. A key that is not in the graph is a `KeyError`.

        This is a scheduler function for Dask: `dask.compute(x, scheduler=client.get)`, also under the name
        `dask_get`. Callbacks of Dask's are called: those given here, or those that are active. Further
        arguments, which Dask passes on from `compute`, are ignored.
        """
        return compute(self._engine, self._submitter, self._task_options, graph, keys, callbacks)

    dask_get = get

    @overload
    def compute(self, nodes: Node[T]) -> Future[T]: ...

    @overload
    def compute(self, nodes: Sequence[Node[Any]]) -> list[Future[Any]]: ...

    def compute(self, nodes: Any) -> Any:
        """Submit the graph that `delayed` calls have built; returns the future of its last node.

        For a list of nodes comes a list of futures, and what they share runs once. Values of inner nodes do
        not come to this process. Options hold for each task, before those of its function.
        """
        return start(self._engine, self._submitter, self._task_options, nodes)
