"""A chunk of `map`: many elements as one task.

The client defines `functools.partial(run_chunk, function)` once per `map` call and submits each chunk with
the arguments `(columns,)`: for each of the iterables given to `map` a list with its elements, all of one
length. The value of such a task is `(values, failure)`:

* `values`: the results in order, up to the first element that raised;
* `failure`: None, or the `isthmus_bridge.errors.Failure` of the element after them. What follows that
  element was not run.

Cancellation is not a failure of an element: the whole chunk ends as cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus_bridge.cancellation import TaskCancelled
from isthmus_bridge.errors import Failure, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["run_chunk"]


def run_chunk(
    function: Callable[..., Any], columns: Sequence[Sequence[Any]]
) -> tuple[list[Any], Failure | None]:
    """Call `function` for each row of `columns`; see the module for what comes back."""
    values: list[Any] = []
    try:
        # `extend` keeps what it has appended when the iterator raises, and loops in C.
        values.extend(map(function, *columns))
        if len(values) < len(columns[0]):
            # As its exception is lost, the function would have to be called again to see where.
            raise RuntimeError("the task raised StopIteration")
    except TaskCancelled:
        raise
    except BaseException as error:
        return values, describe(error)
    return values, None
