"""What of one client is what of the other, and why something is on one side alone.

Each public name of both clients is in one row. A row whose one side is empty says why. A name may end in `*`
where everything below it belongs to the same row.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """What both sides call one thing."""

    what: str
    python: str = ""
    swift: str = ""
    remark: str = ""


_TYPED = "A Swift value has a type that the caller names"
_CONCURRENT = "Of the standard library's `concurrent.futures`; Swift has `await`, task groups and streams"
_DASK = "Dask is a Python library; a Swift graph is made of `TaskNode`"

ROWS: dict[str, list[Row]] = {
    "Making a client": [
        Row("a cluster of its own", "Client", "Client; Client.makeEmbedded"),
        Row("joining a cluster", "Client.address", "Client.address; Client(connecting)"),
        Row("slots", "Client(slots); Client(max_workers)", "Client.makeEmbedded(slots)"),
        Row("key file", "Client(keys)", "Client(keys)"),
        Row("interpreter of the tasks", "Client(python)", "Client.makeEmbedded(python)"),
        Row(
            "executable with Swift functions",
            "Client(swift)",
            "Client.makeEmbedded(swiftExecutable); Client.thisExecutable",
        ),
        Row(
            "initializer",
            "Client(initializer); Client(initargs)",
            "Client(initializer); Client.makeEmbedded(initializer); TaskInitializer*",
        ),
        Row("name in listings", "Client(name)", "Client.name; Client.makeEmbedded(name)"),
        Row("control socket", "Client.control", "Client.control"),
        Row(
            "how long a lost scheduler is looked for",
            "Client(reconnect_timeout)",
            "Client(reconnectTimeout); Client.makeEmbedded(reconnectTimeout)",
        ),
        Row(
            "how long a silent client is waited for",
            "Client(lease)",
            "Client(lease); Client.makeEmbedded(lease)",
        ),
        Row(
            "where `isthmus` is",
            "",
            "Client.makeEmbedded(binary)",
            "The Python package brings its own; both read `ISTHMUS_BINARY`",
        ),
        Row("the current client", "get_client", "Client.current; Client.run", "Python: the innermost `with`"),
    ],
    "Submitting": [
        Row("one call", "Client.submit", "Client.submit; Client.submit(keywords)"),
        Row(
            "without blocking", "Client.submit_async; TaskView.submit_async", "", "Swift's `submit` suspends"
        ),
        Row(
            "type of the value", "", "Client.submit(as); Client.map(as); TaskNode(as); TaskView*(as)", _TYPED
        ),
        Row("many calls", "Client.map", "Client.map; Client.map(over); RemoteValues"),
        Row("elements of a task", "Client.map(chunksize)", "Client.map(chunkSize)"),
        Row("elements read ahead", "Client.map(buffersize)", "Client.map(bufferSize)"),
        Row(
            "time for all of a map",
            "Client.map(timeout); TaskView.map(timeout)",
            "",
            "Swift: cancel the task that iterates",
        ),
        Row("options for one call", "", "Client.submit(options); Client.map(options)", "Python: a view"),
        Row("a view with options", "Client.options; TaskView", "Client.options; TaskView; TaskView.client"),
        Row("a view of a view", "TaskView.options", "TaskView.options"),
        Row(
            "submitting with a view",
            "TaskView.submit; TaskView.map; TaskView.map(chunksize); TaskView.map(buffersize)",
            "TaskView.submit; TaskView.submit(keywords); TaskView.map; TaskView.map(over); "
            "TaskView.map(chunkSize); TaskView.map(bufferSize)",
        ),
        Row("importable or source", "", "TaskFunction; TaskFunction.python*", "Python passes the callable"),
        Row("a registered Swift function", "swift; SwiftFunction*", "TaskFunction.swift"),
        Row("options of a function", "task*; TaskFunction*", "", "Swift has no decorators: keep a view"),
        Row("a task inside an argument", "", "RemoteTask.argument; TaskArgument", _TYPED),
    ],
    "Graphs": [
        Row("a call that is not submitted", "Node", "TaskNode; TaskNode(keywords); TaskNode.argument"),
        Row("options of a node", "", "TaskNode(options)", "Python: those of `@task`"),
        Row("submitting a graph", "Client.compute; TaskView.compute", "Client.compute; TaskView.compute"),
        Row("with the current client", "Node.compute", "", "Swift: `Client.current?.compute(node)`"),
        Row(
            "graphs as dicts, and Dask",
            "Client.get; Client.get(callbacks); Client.dask_get; Client.asynchronous; TaskView.get; "
            "TaskView.get(callbacks); TaskView.dask_get; dask_get",
            "",
            _DASK,
        ),
    ],
    "Values and outcomes": [
        Row("handle of a task", "Future", "RemoteTask"),
        Row("value", "Future.result", "RemoteTask.value"),
        Row("its error", "Future.exception", "TaskOutcome.error"),
        Row(
            "prints of tasks as they end",
            "Client(forward_output)",
            "Client(forwardOutput); Client.makeEmbedded(forwardOutput)",
        ),
        Row(
            "progress bars",
            "progress*; Client.map(progress); TaskView.map(progress)",
            "",
            "Of a Python library; Swift has none that is a standard",
        ),
        Row(
            "waiting with a limit",
            "Future.result(timeout); Future.exception(timeout)",
            "",
            "Swift: a task group, or `TaskOptions.timeout`",
        ),
        Row("whether it has ended", "Future.done", "RemoteTask.isDone"),
        Row("how it ended", "Future.outcome; Outcome; Outcome.status", "RemoteTask.outcome; TaskOutcome*"),
        Row("attempt, worker, times, words", "Outcome.*", "", "Swift: properties of `TaskOutcome`"),
        Row("what it wrote", "Future.output; output; Output*", "RemoteTask.output; TaskOutput*"),
        Row("id for `isthmus explain`", "Future.task_id", "RemoteTask.id"),
        Row(
            "cancelling",
            "Future.cancel; Future.cancel(running)",
            "RemoteTask.cancel; RemoteTask.cancel(running)",
        ),
        Row(
            "cancelling everything",
            "Client.cancel_all; Client.cancel_all(running)",
            "Client.cancelAll; Client.cancelAll(running)",
        ),
        Row(
            "the rest of a future",
            "Future.add_done_callback; Future.cancelled; Future.running; Future.set_*; Future.has_failed; "
            "Future.sequence_in",
            "",
            _CONCURRENT,
        ),
        Row(
            "waiting for several",
            "wait; wait(timeout); wait(return_when); as_completed; as_completed(timeout)",
            "",
            _CONCURRENT,
        ),
        Row("values of any shape", "", "DynamicValue*; NoValue", _TYPED),
        Row("arrays", "", "NDArray*", "Python has NumPy's"),
    ],
    "Options": [
        Row("timeout", "options(timeout)", "TaskOptions; TaskOptions.timeout"),
        Row("deadline", "options(deadline)", "TaskOptions.deadline"),
        Row("grace", "options(grace)", "TaskOptions.grace"),
        Row(
            "retries",
            "options(retries)",
            "TaskOptions.retries; TaskOptions.Retries; TaskOptions.Retries.count",
        ),
        Row("which exceptions", "options(retry_on)", "TaskOptions.Retries.only"),
        Row(
            "delay between attempts",
            "options(backoff); options(backoff_max)",
            "TaskOptions.Retries.backoff; TaskOptions.Retries.maxBackoff",
        ),
        Row("never twice", "options(idempotent)", "TaskOptions.isIdempotent"),
        Row("priority", "options(priority)", "TaskOptions.priority"),
        Row("resources", "options(resources)", "TaskOptions.resources; TaskOptions.Resources*"),
        Row(
            "placement",
            "options(affinity); options(anti_affinity); options(spread)",
            "TaskOptions.placement; TaskOptions.Placement*",
        ),
        Row("name in listings", "options(name)", "TaskOptions.name"),
        Row("codec of the value", "options(result)", "TaskOptions.result; TaskOptions.ResultCodec*"),
        Row("mode", "options(mode)", "TaskOptions.mode; TaskOptions.Mode*"),
    ],
    "Inside a task": [
        Row("gpus", "get_devices", "TaskContext.currentDevices; TaskContext.devices"),
        Row(
            "the running task",
            "get_task; RunningTask*",
            "TaskContext; TaskContext.current; TaskContext.task; TaskContext.attempt",
        ),
        Row("serving functions", "", "TaskRegistry*", "Python functions need no registering"),
    ],
    "Ending": [
        Row("when all has ended", "Client.shutdown; Client.shutdown(cancel_futures)", "Client.shutdown*"),
        Row("without waiting", "Client.shutdown(wait)", "", "Swift: call it in a `Task` of its own"),
        Row("at once", "", "Client.close", "Python: Ctrl-C inside `with`"),
    ],
    "Errors": [
        Row("all of them", "IsthmusError", "IsthmusError"),
        Row(
            "of a Python function",
            "RemoteError*",
            "IsthmusError.python; PythonException*",
            "In Python it arrives as itself where it can",
        ),
        Row("of a Swift function", "", "IsthmusError.swift; SwiftFailure*", "Python: `RemoteError`"),
        Row("which task, where", "", "TaskFailure*", "Python: `Future.outcome`"),
        Row("ran for too long", "TaskTimeout", "IsthmusError.timedOut"),
        Row("not done in time", "DeadlineExceeded", "IsthmusError.deadlineExceeded"),
        Row("cancelled", "CancelledError", "IsthmusError.cancelled"),
        Row("lost", "TaskLost", "IsthmusError.lost"),
        Row("lost with its worker", "WorkerLost", "IsthmusError.workerLost"),
        Row(
            "killed its executor", "ExecutorCrashed", "IsthmusError.executorCrashed; IsthmusError.memoryLimit"
        ),
        Row("initializer", "InitializerFailed", "IsthmusError.initializerFailed"),
        Row("dependency", "DependencyFailed", "IsthmusError.dependencyFailed"),
        Row("refused", "TaskRefused", "IsthmusError.refused"),
        Row("over a limit", "LimitExceeded*", "IsthmusError.limit"),
        Row(
            "cannot travel",
            "NotSerializable",
            "IsthmusError.argumentNotEncodable; IsthmusError.resultNotDecodable; NDArrayError",
        ),
        Row(
            "cannot be loaded on the other side",
            "TaskNotLoadable; TaskModuleNotFound; ResultNotLoadable",
            "",
            "Swift: `python` or `swift` with the class, and `resultNotDecodable`",
        ),
        Row(
            "wrong function or option",
            "",
            "IsthmusError.invalidFunction; IsthmusError.invalidOptions",
            "Python: `TypeError`, `ValueError`",
        ),
        Row("no connection", "ClusterError", "IsthmusError.connection"),
        Row("the session is over", "SessionLost*", "IsthmusError.sessionLost"),
        Row(
            "whether the task may have run",
            "",
            "IsthmusError.mayHaveRun",
            "Python: `SessionLost.may_have_run`; other errors of a task mean that it may",
        ),
        Row(
            "client closed",
            "",
            "IsthmusError.closed",
            "Python: `RuntimeError`, as the standard library has it",
        ),
        Row("not let in", "SessionRefused*; VersionMismatch", "IsthmusError.sessionRefused"),
        Row("used after a fork", "ForkedClientError", "", "A Swift program does not fork"),
    ],
}
