"""What can go wrong, by name.

Errors of a user's function arrive as themselves. The classes here are for everything else: a task that was
lost, timed out or refused, and a cluster that cannot be reached or does not let this client in.
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeoutError  # not the built-in one before 3.11
from concurrent.futures.process import BrokenProcessPool
from pickle import PicklingError


class IsthmusError(Exception):
    """Base of every error that Isthmus itself raises."""


class ClusterError(IsthmusError):
    """The cluster could not be started or reached, or is gone."""


class SessionRefused(ClusterError):
    """The scheduler does not let this client in, or not any more.

    `code` is the protocol's name of the reason ("version", "python", "unauthorised", ...); `field` is what
    differs.
    """

    def __init__(self, message: str, code: str = "", field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class SessionLost(SessionRefused, BrokenProcessPool):
    """The session with the scheduler is over, and what had not ended in it is lost.

    The scheduler could not be reached for `reconnect_timeout` (`code` is "unreachable"), it was stopped
    ("closed"), or it does not know the session any more: it was started anew, or heard nothing of this client
    for longer than the lease ("session"). As the exception of a future, it says what is known of the task;
    `may_have_run` is False if the task has certainly not been started. This client is of no more use: make a
    new `Client`.
    """

    def __init__(
        self, message: str, code: str = "session", field: str = "", may_have_run: bool = True
    ) -> None:
        super().__init__(message, code, field)
        self.may_have_run = may_have_run


class VersionMismatch(SessionRefused):
    """Client and cluster differ in the version of the protocol, of Python or of cloudpickle."""


class ForkedClientError(ClusterError):
    """A client was used in a forked child process, where its connection does not exist."""


class LimitExceeded(IsthmusError, ValueError):
    """Something is larger than a named limit allows: arguments at `submit`, or a result.

    `size` is how many bytes it would take, 0 where that is not known.
    """

    def __init__(self, message: str = "", size: int = 0) -> None:
        super().__init__(message)
        self.size = size


class RemoteError(IsthmusError):
    """The exception of a task, which cannot be rebuilt here: its class name, message and traceback."""

    def __init__(self, class_name: str, message: str, traceback: str = "") -> None:
        super().__init__(class_name, message, traceback)
        self.class_name = class_name
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.class_name}: {self.message}" if self.message else self.class_name


class NotSerializable(IsthmusError, TypeError, PicklingError):
    """An argument or the result of a task could not be pickled, or has no neutral form.

    The message names it, also when it is a variable that the function uses. The cause is a `PicklingError`:
    the pickler's own, or one whose cause is what was raised.
    """


class ResultNotLoadable(NotSerializable, BrokenProcessPool):
    """The task has ended with a value, which could not be unpickled in this process; its cause says why."""


class TaskNotLoadable(BrokenProcessPool, IsthmusError):
    """The function or the arguments of the task could not be loaded by the process that was to run it.

    Its cause is what was raised there.
    """


class TaskModuleNotFound(TaskNotLoadable, ModuleNotFoundError):
    """The same, since a module was not found there; the message says what to do."""


class DependencyFailed(IsthmusError):
    """A task that this one depends on was lost, refused, out of time or never set up; it raised nothing.

    `__cause__` is the error of the task that failed first, which the message names. If that one raised an
    exception, this exception is raised for all that depend on it, and no `DependencyFailed`.
    """


class TaskRefused(IsthmusError):
    """The scheduler did not accept the task: an unknown option, or no worker can ever run it."""


class TaskLost(BrokenProcessPool, IsthmusError):
    """The task may have run, its outcome is unknown, and it is not tried again."""


class WorkerLost(TaskLost):
    """The worker that ran the task is gone."""


class ExecutorCrashed(TaskLost):
    """The process that ran the task died: the message names the signal and the last output."""


class InitializerFailed(BrokenProcessPool, IsthmusError):
    """The `initializer` raised in an executor: every task of this client fails, also later ones."""


class TaskTimeout(IsthmusError, *{FutureTimeoutError, TimeoutError}):  # type: ignore[misc]
    """The task ran for longer than its option `timeout` allows and was stopped."""


class DeadlineExceeded(TaskTimeout):
    """The task did not end within its option `deadline`, counted from `submit`, and was given up."""


def pickling_error(error: BaseException) -> PicklingError:
    """`error` as what a pickler raises; if it is something else, that is the cause."""
    if isinstance(error, PicklingError) and not isinstance(error, NotSerializable):
        return error
    made = PicklingError(f"{type(error).__name__}: {error}")
    made.__cause__ = error
    return made
