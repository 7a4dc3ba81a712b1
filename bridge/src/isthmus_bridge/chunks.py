"""A chunk of `map`: many elements as one task.

The client defines `functools.partial(run_chunk, function)` once per `map` call and submits each chunk with
the arguments `(columns,)`: for each of the iterables given to `map` a list with its elements, all of one
length. The value of such a task is `(values, failure)`:

* `values`: the results in order, up to the first element that raised;
* `failure`: None, or the `isthmus_bridge.errors.Failure` of the element after them. What follows that
  element was not run.

Cancellation is not a failure of an element: the whole chunk ends as cancelled.

A client in another language defines its function with the entry `chunks`, and gets the pair in neutral form:
`failure` is None or a map with `class`, `message`, `traceback` and `problem`, which is true when the function
returned what has no neutral form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus_bridge import neutral
from isthmus_bridge.cancellation import TaskCancelled
from isthmus_bridge.errors import Failure, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["run_chunk", "run_neutral_chunk"]


def run_chunk(
    function: Callable[..., Any], columns: Sequence[Sequence[Any]]
) -> tuple[list[Any], Failure | None]:
    """Call `function` for each row of `columns`; see the module for what comes back."""
    values: list[Any] = []
    # A generator makes a `RuntimeError` of `StopIteration`, which would end a `map` without a word. `extend`
    # keeps what it has appended when its iterator raises.
    calls = (
        (function(value) for value in columns[0])
        if len(columns) == 1
        else (function(*row) for row in zip(*columns, strict=True))
    )
    try:
        values.extend(calls)
    except TaskCancelled:
        raise
    except BaseException as error:
        return values, describe(_raised_by_function(error))
    return values, None


def _raised_by_function(error: BaseException) -> BaseException:
    """What the function raised, if the generator around it has made another exception of it."""
    inner = error.__traceback__ and error.__traceback__.tb_next
    ours = run_chunk.__code__.co_filename
    made_here = inner is None or (inner.tb_frame.f_code.co_filename == ours and inner.tb_next is None)
    cause = error.__cause__
    return cause if made_here and isinstance(cause, StopIteration) and type(error) is RuntimeError else error


def run_neutral_chunk(function: Callable[..., Any], columns: Sequence[Sequence[Any]]) -> neutral.Packed:
    """The same for a client in another language."""
    values, failure = run_chunk(function, columns)
    told: dict[str, object] | None = None
    if failure is not None:
        told = {"class": failure.class_name, "message": failure.message, "traceback": failure.traceback}
        told |= {"problem": False}
    try:
        packed = neutral.pack(values)
    except neutral.NeutralError:
        packed, told = _until_problem(function, values)
    return neutral.Packed(b"\x92" + packed + neutral.pack(told))


def _until_problem(function: object, values: list[Any]) -> tuple[bytes, dict[str, object]]:
    """The values before the first one that has no neutral form, and what is said of that one."""
    packed = bytearray()
    for count, value in enumerate(values):
        try:
            packed += neutral.pack(value)
        except neutral.NeutralError as error:
            name = getattr(function, "__qualname__", function)
            message = f"{name} returned what cannot be written as a neutral value: {error}"
            told = {"class": "NeutralError", "message": message, "traceback": "", "problem": True}
            return neutral.list_header(count) + bytes(packed), told
    # Nested one level deeper in the list than by itself.
    raise neutral.NeutralError("the values of a chunk are nested too deep for a neutral value")
