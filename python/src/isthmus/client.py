"""The client: a `concurrent.futures.Executor` over a cluster."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import cloudpickle

from . import _importing
from . import _limits as limits
from ._current import enter, leave
from ._embedded import Cluster
from ._engine import Engine
from ._forwarding import Forwarder
from ._interrupts import is_interactive
from ._submitting import Submitter
from ._transport import channel_to, check_address, read_keys
from ._views import View
from .future import forked, html_table
from .options import TaskOptions

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .options import Options

T = TypeVar("T")

#: What asks a program to stop what it does. Under `asyncio.run`, Ctrl-C cancels the task that runs.
_INTERRUPTS: Final = (KeyboardInterrupt, asyncio.CancelledError)


class TaskView(View):
    """A client with options of its own; made by `Client.options`, and as cheap as a variable."""

    def __init__(self, client: Client, options: TaskOptions) -> None:
        # A client that somebody submits with is in use.
        self._client = client
        self._engine, self._submitter = client._engine, client._submitter
        self._slots = client._slots
        self._task_options = options
        self._number = client._submitter.options(options)

    def options(self, **changes: Unpack[Options]) -> TaskView:
        """A view with further options; those of this view hold unless they are named again."""
        return TaskView(self._client, self._task_options.changed({**changes}))


class Client(View, Executor):  # type: ignore[misc]
    """Runs Python callables and registered Swift functions on a cluster.

    Without an address it starts a cluster of its own on this machine, which ends with the client.

    Args:
        address: `ipc:///path/scheduler.ipc` or `tcp://host:port` of a running scheduler.
        slots: how many tasks the embedded cluster runs at once. Default: the cores of this process.
        max_workers: the same, as the standard library calls it.
        keys: for tcp, the file `client.key` that `isthmus keys` made.
        python: the interpreter of the embedded cluster's tasks. Default: the one that runs this.
        swift: an executable whose registered functions the embedded cluster serves.
        initializer: called once in each executor of its language before its first task of this client: a
            Python callable, or `swift("name")`. If it raises, every task of this client fails with
            `InitializerFailed`.
        initargs: its arguments.
        name: shown in the cluster's listings.
        forward_output: print here what tasks print, when they end, each line with its task's name in front.
            What does not fit into a slow terminal is left out, and `future.output` has it.
        reconnect_timeout: seconds without a connection to the scheduler after which unfinished tasks end with
            `SessionLost`, which says what is known of each. Until then the client tries to come back, and
            warns once in the log `isthmus`; when it does, all goes on. None: for ever.
        lease: seconds for which the scheduler keeps this client's tasks while it is silent (a stopped
            process, a sleeping laptop) or cut off. Default: the scheduler's, 60. On the scheduler's own
            machine it counts only from the end of the connection, so a stopped client loses nothing.

    Raises:
        ClusterError: no cluster could be started or reached, or it does not let this client in.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        slots: int | None = None,
        max_workers: int | None = None,
        keys: str | os.PathLike[str] | None = None,
        python: str | os.PathLike[str] | None = None,
        swift: str | os.PathLike[str] | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        name: str = "",
        forward_output: bool = False,
        reconnect_timeout: float | None = limits.RECONNECT_SECONDS,
        lease: float | None = None,
    ) -> None:
        slots = _slots(slots, max_workers)
        _check_arguments(address, slots, python, swift, initializer, keys)
        _check_times(reconnect_timeout, lease)
        cluster: Cluster | None = None
        loaded = read_keys(keys) if keys is not None else None
        if address is None:
            _importing.check("starts a cluster")
            cluster = Cluster(slots, python, swift)
            cluster.wait_until_ready()
            address = cluster.address
        #: Where the scheduler listens: another client may join with it.
        self.address: str = address
        #: The control socket of an embedded cluster, for `isthmus status --control`; else empty.
        self.control: str = cluster.control if cluster is not None else ""
        _send_main_by_value()
        try:
            check_address(address, loaded)
            engine = Engine(
                channel_to(address, loaded),
                secrets.randbits(64) | 1,
                _introduction(name, lease),
                reconnect_timeout,
            )
            submitter = Submitter(engine)
            if forward_output:
                engine.link.forwarder = Forwarder(engine.outbox)
                engine.when_closed(engine.link.forwarder.close)
            if initializer is not None:
                submitter.set_up(initializer, initargs)
        except BaseException:
            if cluster is not None:
                cluster.stop()
            raise
        if cluster is not None:
            engine.watch_process(cluster.descriptor, cluster.say_why_it_ended)
            engine.when_closed(cluster.stop)
        self._engine = engine
        self._submitter = submitter
        self._task_options, self._number = TaskOptions(), 0
        self._slots = cluster.slots if cluster is not None else None
        _live.add(engine)
        weakref.finalize(self, engine.abandon).atexit = False
        engine.start()

    #: What Dask asks of a client that is given to it as `scheduler=client`.
    asynchronous = False

    def options(self, **options: Unpack[Options]) -> TaskView:
        """A view of this client whose tasks have these options; an unknown one is a `TypeError`.

        timeout: seconds that a call may run before it is stopped and ends with `TaskTimeout`.
        deadline: seconds from `submit` within which it must have ended, else it ends with `DeadlineExceeded`.
        grace: seconds from the exception inside a task that is stopped to the kill of its executor.
        retries: further attempts after an exception of the function.
        retry_on: the exception class, its name, or a tuple of them, on which there are further attempts;
            subclasses count. Default: every exception.
        backoff: seconds before the first further attempt; doubled for each one after it, with chance in it.
        backoff_max: the longest such delay.
        idempotent: False if it must never be started a second time, whatever happens.
        name: shown in listings.
        result: the codec of the value, "pickle", "neutral" or "raw" (bytes).
        priority: larger runs earlier, from -10 to 10; default 0.
        mode: "process"; "asyncio" if it must be a coroutine function; "thread" is as "process" today.
        resources: what it needs of its worker, as {"cpu": 0.5, "gpu": 1, "memory": "2GiB", "licence": 1}.
        affinity: labels that its worker must have, as {"zone": "a"}; anti_affinity: that it must not have.
        spread: prefer workers that run few tasks of this function.
        """
        return TaskView(self, TaskOptions().changed({**options}))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and end the session (and an embedded cluster) when all have ended.

        With `wait`, returns after that. With `cancel_futures`, tasks that have not started are cancelled. An
        interrupt of this wait in a notebook or at a prompt cancels all tasks, also those that run.
        """
        try:
            self._engine.close(wait, cancel_futures)
        except KeyboardInterrupt:
            if is_interactive():
                self._engine.interrupt(wait=False)
            raise

    def cancel_all(self, *, running: bool = False) -> None:
        """Cancel all tasks of this client that have not started; with `running`, stop those that run too.

        Iterators of `map` end with `CancelledError`. The client can be used further.
        """
        self._engine.cancel_everything(running)

    def __enter__(self) -> Self:
        """Be the current client: the one that `isthmus.get_client` finds."""
        enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        """Shut down and wait. After Ctrl-C, what has not ended is cancelled instead of waited for.

        So it is when the task of asyncio that this is a part of is cancelled.
        """
        leave(self)
        if kind is not None and issubclass(kind, _INTERRUPTS):
            self._engine.interrupt(wait=True)
            return False
        try:
            self.shutdown(wait=True)
        except _INTERRUPTS:
            self._engine.interrupt(wait=True)
            raise
        return False

    def __reduce__(self) -> Any:
        """A connection cannot travel."""
        raise TypeError(
            f"{self!r} cannot be sent anywhere: a task that submits tasks makes its own client, "
            f"Client({self.address!r})"
        )

    def _repr_html_(self) -> str:
        """For notebooks."""
        facts = {"address": self.address, "control": self.control}
        facts["unfinished tasks"] = str(len(self._engine.table))
        title = f"Client {self._engine.session_id:016x}"
        return html_table(title, {name: fact for name, fact in facts.items() if fact})

    def __repr__(self) -> str:
        return f"<Client {self._engine.session_id:016x} of {self.address}>"


def _slots(slots: int | None, max_workers: int | None) -> int | None:
    """One number under two names, with the standard library's words for the second."""
    if max_workers is None:
        return slots
    if slots is not None:
        raise TypeError("max_workers is another name of slots: give one of them")
    if isinstance(max_workers, bool) or not isinstance(max_workers, int):
        raise TypeError(f"max_workers is a number, not {max_workers!r}")
    if max_workers <= 0:
        raise ValueError("max_workers must be greater than 0")
    return max_workers


def _check_arguments(
    address: str | None,
    slots: int | None,
    python: object,
    swift: object,
    initializer: Callable[..., object] | None,
    keys: object,
) -> None:
    if slots is not None and (isinstance(slots, bool) or not isinstance(slots, int)):
        raise TypeError(f"slots is a number, not {slots!r}")
    if slots is not None and slots <= 0:
        raise ValueError("slots must be greater than 0")
    if initializer is not None and not callable(initializer):
        raise TypeError("initializer must be a callable")
    if address is not None and not isinstance(address, str):
        raise TypeError(f"address is a string like tcp://host:port, not {address!r}")
    if keys is not None and (address is None or address.startswith("ipc:")):
        raise ValueError(f"keys are for tcp addresses; {address or 'an embedded cluster'} needs none")
    if address is not None:
        for name, value in (("slots", slots), ("python", python), ("swift", swift)):
            if value is not None:
                raise TypeError(
                    f"{name} is for an embedded cluster: at {address} it is an option of `isthmus worker`"
                )


def _send_main_by_value() -> None:
    """In a child that multiprocessing has spawned, the script is a module that nobody else can import."""
    main = sys.modules.get("__mp_main__")
    # In the parent, this is only another name of `__main__`.
    if main is not None and main.__name__ == "__mp_main__":
        cloudpickle.register_pickle_by_value(main)


def _check_times(reconnect_timeout: float | None, lease: float | None) -> None:
    for name, value in (("reconnect_timeout", reconnect_timeout), ("lease", lease)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise TypeError(f"{name} is a number of seconds, not {value!r}")
    if reconnect_timeout is not None and not reconnect_timeout > 0:
        raise ValueError("reconnect_timeout must be greater than 0, or None to wait for ever")
    if lease is not None and not limits.LEASE_SECONDS_MIN <= lease <= limits.LEASE_SECONDS_MAX:
        raise ValueError(
            f"lease must be between {limits.LEASE_SECONDS_MIN:g} and {limits.LEASE_SECONDS_MAX:.0f} seconds"
        )


def _introduction(name: str, lease: float | None) -> dict[str, Any]:
    """What a hello says of this client."""
    asked = {} if lease is None else {"lease_ms": int(lease * 1_000)}
    return asked | {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "cloudpickle": str(cloudpickle.__version__),
        "host": platform.node()[: limits.FIELD_NAME_BYTES_MAX],
        "pid": os.getpid(),
        "name": name,
        "value_bytes": limits.VALUE_BYTES_UNASKED_MAX,
    }


_live: weakref.WeakSet[Engine] = weakref.WeakSet()


def _finish_at_exit() -> None:
    """A program that ends without `shutdown` still gets its tasks done, as with concurrent.futures."""
    engines = list(_live)
    try:
        for engine in engines:
            engine.link.left.is_wanted = False
            engine.close(wait=True)
    except KeyboardInterrupt:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        for engine in engines:
            engine.interrupt(wait=False)


def _forked() -> None:
    forked()
    for engine in list(_live):
        engine.forked()


# Before the threads of the program are joined, which is the moment that concurrent.futures chose too.
threading._register_atexit(_finish_at_exit)  # type: ignore[attr-defined]
os.register_at_fork(after_in_child=_forked)
