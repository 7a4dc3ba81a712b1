"""Which client is meant where none is named: the innermost `with Client()`."""

from __future__ import annotations

import sys
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ClusterError

if TYPE_CHECKING:
    from .client import Client

#: The clients that were entered in this context (thread, asyncio task) and not left, innermost last.
_entered: ContextVar[tuple[Client, ...]] = ContextVar("isthmus_clients", default=())
#: The same for the whole process: a thread that was started inside a `with` begins with an empty context.
_anywhere: list[weakref.ref[Client]] = []


def enter(client: Client) -> None:
    """`client` is the current one from now on."""
    _entered.set((*_entered.get(), client))
    _anywhere.append(weakref.ref(client))


def leave(client: Client) -> None:
    """It is no longer."""
    _entered.set(tuple(entered for entered in _entered.get() if entered is not client))
    _anywhere[:] = [reference for reference in _anywhere if reference() not in {None, client}]


def get_client() -> Client:
    """The client of the innermost `with Client()` that this code runs in.

    In a thread that was started inside of the `with`, it is the one that was entered last. Raises
    `ClusterError` outside of every `with`.
    """
    for client in reversed(_entered.get()):
        return client
    for reference in reversed(_anywhere):
        client_or_none = reference()
        if client_or_none is not None:
            return client_or_none
    raise ClusterError(
        "no client is current: do this inside `with isthmus.Client():`, or call the method of a client"
    )


def get_devices() -> list[str]:
    """The gpus of the task that this code runs in, as `CUDA_VISIBLE_DEVICES` names them.

    Empty in a task that asked for none, and outside of a task. A task that asked for a share of one has that
    one.
    """
    from isthmus_bridge import devices

    return list(devices.current())


class RunningTask(NamedTuple):
    """The task that some code runs in."""

    task_id: str
    """Its id, as `isthmus explain` takes it."""
    attempt: int
    """The number of this attempt, from 1: above it, another one was lost or failed."""


def get_task() -> RunningTask | None:
    """The task that this code runs in; None outside of every task of a cluster.

    For names of files that two attempts must not share, or for the logs of a program of one's own.
    """
    builtin = sys.modules.get("_isthmus")
    running = None if builtin is None else builtin.running()
    if running is None:
        return None
    session, sequence, attempt = running
    return RunningTask(f"{session:016x}-{sequence}", attempt)


def dask_get(dsk: Any, keys: Any, **kwargs: Any) -> Any:
    """Run a Dask graph on the cluster of the current client: `dask.compute(x, scheduler=isthmus.dask_get)`.

    See `Client.get`. Raises `ClusterError` outside of every `with Client()`; `client.get` needs none.
    """
    return get_client().get(dsk, keys, **kwargs)
