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
    /// The task was cancelled, or the Swift task that awaited it was.
    case cancelled(TaskFailure)
    /// The task may have run, and will not be tried again: its worker was lost, for example.
    case lost(TaskFailure)
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
    /// There is no connection to a scheduler, or it was lost together with the task.
    case connection(String)
    /// The scheduler does not let this client in; `code` is `version`, `unauthorised`, `limit` and the like.
    case sessionRefused(code: String, message: String)
    /// The client was closed.
    case closed
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

extension IsthmusError: CustomStringConvertible {
    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .python(let exception):
            "\(exception.task) raised \(exception.type): \(exception.message)"
                + (exception.traceback.isEmpty ? "" : "\n\(exception.traceback)")
        case .swift(let failure): "\(failure.task) threw \(failure.type): \(failure.message)"
        case .executorCrashed(let task): "\(task) killed its executor. \(task.explanation)"
        case .memoryLimit(let task): "\(task) was over the memory limit. \(task.explanation)"
        case .timedOut(let task): "\(task) ran out of time. \(task.explanation)"
        case .cancelled(let task): "\(task) was cancelled. \(task.explanation)"
        case .lost(let task): "\(task) was lost. \(task.explanation)"
        case .dependencyFailed(let task, let cause): "\(task.explanation)\(cause.tracebackBelow)"
        case .refused(let task): "\(task) was refused. \(task.explanation)"
        case .limit(let text): text
        case .argumentNotEncodable(let path, let problem):
            "\(path.isEmpty ? "an argument" : path) cannot be sent: \(problem)"
        case .resultNotDecodable(let task):
            "\(task) ended with a value that cannot be read here. \(task.explanation)"
        case .invalidFunction(let text): text
        case .invalidOptions(let text): text
        case .connection(let text): text
        case .sessionRefused(let code, let message): "the scheduler refuses this client (\(code)): \(message)"
        case .closed: "the client is closed: make a new Client"
        }
    }
}

extension IsthmusError {
    /// What the words of a dependant do not repeat.
    fileprivate var tracebackBelow: String {
        guard case .python(let exception) = self, !exception.traceback.isEmpty else { return "" }
        return "\n\(exception.traceback)"
    }
}

extension TaskFailure: CustomStringConvertible {
    /// `task 0123456789abcdef-17 (math:hypot), attempt 2 on worker fedcba9876543210`
    public var description: String {
        let place = worker.isEmpty ? "" : ", attempt \(attempt) on worker \(worker)"
        return "task \(task)\(function.isEmpty ? "" : " (\(function))")\(place)"
    }

    /// The detail of a crash holds the last output already.
    var explanation: String {
        output.isEmpty || detail.contains(output) ? detail : "\(detail)\nIts last output:\n\(output)"
    }
}
