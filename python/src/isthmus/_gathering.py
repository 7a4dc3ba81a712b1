"""`wait` and `as_completed` of concurrent.futures, and what an interrupt of them means."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Iterator
from typing import Any

from ._interrupts import is_interactive, waits_interrupted


def wait(
    fs: Iterable[Any], timeout: float | None = None, return_when: str = concurrent.futures.ALL_COMPLETED
) -> Any:
    """Wait for futures; see `concurrent.futures.wait`.

    An interrupt in a notebook or at a prompt cancels those that are not done (see `Future.result`).
    """
    futures = set(fs)
    try:
        return concurrent.futures.wait(futures, timeout, return_when)
    except KeyboardInterrupt:
        waits_interrupted(futures)
        raise


def as_completed(fs: Iterable[Any], timeout: float | None = None) -> Iterator[Any]:
    """The futures of one or more clients, each when it is done; see `concurrent.futures.as_completed`.

    An interrupt in a notebook or at a prompt cancels those that are not done (see `Future.result`).
    """
    if not is_interactive():
        yield from concurrent.futures.as_completed(fs, timeout)
        return
    pending = set(fs)
    results = concurrent.futures.as_completed(pending.copy(), timeout)
    while True:
        try:
            future = next(results)
        except StopIteration:
            return
        except KeyboardInterrupt:
            waits_interrupted(pending)
            raise
        pending.discard(future)
        yield future
        del future
