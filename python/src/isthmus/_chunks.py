"""What an element of a `map` raised, when its chunk has come back."""

from __future__ import annotations

import pickle
from typing import Any

from ._outcomes import contained, remote_traceback
from .errors import NotSerializable, RemoteError, TaskNotLoadable, pickling_error


def element_error(failure: Any) -> BaseException:
    """The exception of an element, as itself where possible.

    `failure` is an `isthmus_bridge.errors.Failure`, or the map that a Swift function's executor writes.
    """
    if isinstance(failure, dict):
        return _of_swift(failure)
    made: BaseException | None = None
    if failure.pickled is not None:
        try:
            made = pickle.loads(failure.pickled)
        except KeyboardInterrupt:
            raise
        except BaseException:
            made = None
    if not isinstance(made, BaseException):
        made = RemoteError(failure.class_name, failure.message, failure.traceback)
    if made.__cause__ is None and failure.traceback:
        made.__cause__ = remote_traceback(failure.traceback)
    return contained(made)


def _of_swift(failure: dict[str, Any]) -> BaseException:
    name, message = str(failure.get("class") or "Error"), str(failure.get("message") or "")
    raised = RemoteError(name, message, str(failure.get("traceback") or ""))
    made: BaseException
    if failure.get("problem"):
        made = NotSerializable(message)
        made.__cause__ = pickling_error(raised)
    elif name == "ArgumentsNotDecodable":
        made = TaskNotLoadable(message)
        made.__cause__ = raised
    else:
        made = raised
    return made
