/// Why a task has no value, or could not be submitted.
///
/// Every `description` says what happened, where, and what to do about it.
public enum IsthmusError: Error, Sendable, Hashable {
    /// The Python function raised an exception.
    case python(PythonException)
    /// The Swift function threw an error.
    case swift(SwiftFailure)
    /// The executor died while it ran the task, as often as is allowed (a segfault, `os._exit`, a Swift
    /// trap). The detail names the signal and the last lines of output.
    case executorCrashed(TaskFailure)
    /// The executor used more memory than its worker allows.
    case memoryLimit(TaskFailure)
    /// The task ran for longer than `TaskOptions.timeout`.
    case timedOut(TaskFailure)
    /// The task did not end within `TaskOptions.deadline`, counted from `submit`, and was given up.
    case deadlineExceeded(TaskFailure)
    /// The task was cancelled. If it was the Swift task that awaits it, `CancellationError` is thrown.
    case cancelled(TaskFailure)
    /// The task may have run, and will not be tried again.
    case lost(TaskFailure)
    /// The same, because the worker that ran it is gone.
    case workerLost(TaskFailure)
    /// The initializer of the client raised or threw in an executor: every task there fails.
    case initializerFailed(TaskFailure)
    /// A task that this one takes as an argument has no value. `cause` is the error of the task that failed
    /// first, however far up the graph it is: what awaiting that one throws.
    indirect case dependencyFailed(TaskFailure, cause: IsthmusError)
    /// The cluster did not accept the task: a limit, an unknown option, or no worker that could ever run it.
    case refused(TaskFailure)
    /// The task was not submitted because of a named limit of this client.
    case limit(String)
    /// An argument has no neutral form; `path` says which part of which argument.
    case argumentNotEncodable(path: String, problem: String)
    /// The task ended with a value that is not of the type asked for, or has no neutral form.
    case resultNotDecodable(TaskFailure)
    /// The function is not described well enough to be submitted.
    case invalidFunction(String)
    /// What the options ask for makes no sense, on whatever cluster.
    case invalidOptions(String)
    /// There is no connection to a scheduler.
    case connection(String)
    /// The session with the scheduler is over: that could not be reached for `reconnectTimeout`, was stopped,
    /// or does not know the session any more. As the error of a task it says what is known of it;
    /// `mayHaveRun` is false if the task has certainly not been started.
    case sessionLost(String, mayHaveRun: Bool)
    /// The scheduler does not let this client in; `code` is `version`, `unauthorised`, `limit` and the like.
    case sessionRefused(code: String, message: String)
    /// The client was closed.
    case closed

    /// False if the task has certainly not been started, so that it can be submitted again even if it must
    /// not run twice.
    public var mayHaveRun: Bool {
        switch self {
        case .sessionLost(_, let mayHaveRun): mayHaveRun
        case .python, .swift, .executorCrashed, .memoryLimit, .timedOut, .deadlineExceeded, .cancelled, .lost,
            .workerLost, .resultNotDecodable, .sessionRefused, .closed:
            true
        case .initializerFailed, .dependencyFailed, .refused, .limit, .argumentNotEncodable, .invalidFunction,
            .invalidOptions, .connection:
            false
        }
    }
}

/// An exception of a Python function, told in text: the exception itself cannot leave Python.
public struct PythonException: Sendable, Hashable {
    /// The class, with its module unless it is built in: `ValueError`, `json.decoder.JSONDecodeError`.
    public let type: String
    /// `str()` of the exception.
    public let message: String
    /// The traceback as Python prints it.
    public let traceback: String
    /// The task that raised it.
    public let task: TaskFailure
}

/// An error that a registered Swift function threw.
public struct SwiftFailure: Sendable, Hashable {
    /// The type of the error.
    public let type: String
    /// `String(describing:)` of the error.
    public let message: String
    /// The task that threw it.
    public let task: TaskFailure
}

/// Which task failed, where, and why.
public struct TaskFailure: Sendable, Hashable {
    /// The id that `isthmus explain` takes.
    public let task: String
    /// What it called.
    public let function: String
    /// The attempt that ended it, from 1; 0 when none was made.
    public let attempt: Int
    /// The session of the worker that ran it, or empty.
    public let worker: String
    /// What happened and what to do.
    public let detail: String
    /// The last lines that it wrote to standard error.
    public let output: String
}
