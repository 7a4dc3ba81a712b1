"""Bars that show how far things are, drawn by tqdm in terminals and notebooks."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ._calls import as_completed

if TYPE_CHECKING:
    from .future import Future

F = TypeVar("F", bound="Future[Any]")
T = TypeVar("T")


def _bar() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            "progress bars are drawn by tqdm, which is not installed: pip install 'isthmus[progress]'",
            name="tqdm",
        ) from None
    return tqdm


def progress(futures: Iterable[F], *, title: str = "tasks") -> list[F]:
    """Show how many futures are done until all are; returns them in the order in which they were given.

    Futures that failed are counted beside the bar, and raise when their result is asked for.
    Raises `ImportError` without tqdm: `pip install 'isthmus[progress]'`.
    """
    known = list(futures)
    failed = 0
    with _bar()(total=len(set(known)), desc=title) as bar:
        for future in as_completed(known):
            if future.cancelled() or future.has_failed():
                failed += 1
                bar.set_postfix(failed=failed)
            bar.update()
    return known


def shown(
    results: Iterator[T], iterables: tuple[Iterable[Any], ...], title: bool | str, function: object
) -> Iterator[T]:
    """The results of a `map`, with a bar that grows as they are taken."""
    known = [length for length in map(_length, iterables) if length >= 0]
    words = title if isinstance(title, str) else str(getattr(function, "__name__", function))
    return _counted(results, _bar(), min(known) if known else None, words)


def _length(iterable: Iterable[Any]) -> int:
    return operator.length_hint(iterable, -1)


def _counted(results: Iterator[T], bar: Any, total: int | None, title: str) -> Iterator[T]:
    with bar(total=total, desc=title) as drawn:
        for result in results:
            yield result
            drawn.update()
