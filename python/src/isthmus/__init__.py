"""Isthmus: Python callables and Swift functions on one cluster, behind `concurrent.futures`.

from isthmus import Client, swift

with Client() as client:
    print(client.submit(pow, 2, 10).result())
"""

from __future__ import annotations

from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    CancelledError,
)

from ._calls import as_completed, wait
from ._current import RunningTask, dask_get, get_client, get_devices, get_task
from ._outcomes import Outcome, Output
from ._progress import progress
from ._task import Node, TaskFunction, task
from .client import Client, TaskView
from .errors import (
    ClusterError,
    DeadlineExceeded,
    DependencyFailed,
    ExecutorCrashed,
    ForkedClientError,
    InitializerFailed,
    IsthmusError,
    LimitExceeded,
    NotSerializable,
    RemoteError,
    ResultNotLoadable,
    SessionLost,
    SessionRefused,
    TaskLost,
    TaskModuleNotFound,
    TaskNotLoadable,
    TaskRefused,
    TaskTimeout,
    VersionMismatch,
    WorkerLost,
)
from .future import Future
from .options import SwiftFunction, swift

__version__ = "0.1.0"

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "CancelledError",
    "Client",
    "ClusterError",
    "DeadlineExceeded",
    "DependencyFailed",
    "ExecutorCrashed",
    "ForkedClientError",
    "Future",
    "InitializerFailed",
    "IsthmusError",
    "LimitExceeded",
    "Node",
    "NotSerializable",
    "Outcome",
    "Output",
    "RemoteError",
    "ResultNotLoadable",
    "RunningTask",
    "SessionLost",
    "SessionRefused",
    "SwiftFunction",
    "TaskFunction",
    "TaskLost",
    "TaskModuleNotFound",
    "TaskNotLoadable",
    "TaskRefused",
    "TaskTimeout",
    "TaskView",
    "VersionMismatch",
    "WorkerLost",
    "as_completed",
    "dask_get",
    "get_client",
    "get_devices",
    "get_task",
    "output",
    "progress",
    "swift",
    "task",
    "wait",
]


def output(future: Future[object]) -> Output:
    """What a task wrote to stdout, stderr and `logging`; waits for its end."""
    return future.output
