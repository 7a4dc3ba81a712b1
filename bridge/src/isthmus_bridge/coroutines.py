"""Tasks that are coroutines: run to their end in one event loop, which the executor keeps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from isthmus_bridge.cancellation import TaskCancelled, coroutine

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run"]

_loop: asyncio.AbstractEventLoop | None = None


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` and what it started to the end, like `asyncio.run`. A request to stop cancels it."""
    global _loop  # noqa: PLW0603 - one loop per process is the point
    if _loop is None or _loop.is_closed():
        _loop = asyncio.new_event_loop()
    loop = _loop
    asyncio.set_event_loop(loop)
    task = loop.create_task(work)
    coroutine.reason = 0
    coroutine.cancel = lambda: loop.call_soon_threadsafe(task.cancel)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        if coroutine.reason:
            raise TaskCancelled(coroutine.reason) from None
        raise
    finally:
        coroutine.cancel = None
        _end_the_rest(loop)


def _end_the_rest(loop: asyncio.AbstractEventLoop) -> None:
    """What the task left running ends with it, as in `asyncio.run`."""
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
