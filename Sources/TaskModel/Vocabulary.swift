/// How the bytes of a payload are to be read. The raw values are those of the wire.
package enum Codec: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Python's pickle, protocol 5. Only executors and Python clients read it.
    case pickle = 1
    /// MessagePack with an extension for n-dimensional arrays: what Swift and Python both read.
    case neutral = 2
    /// Bytes without a meaning of their own.
    case raw = 3
}

/// Which executor can run a function.
package enum ExecutorKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case python = 1
    case swift = 2
    case command = 3
}

/// What a task ended with.
package enum OutcomeStatus: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case value = 0
    /// The function raised or threw.
    case exception = 1
    case cancelled = 2
    /// It may have run, or could not be run; no further attempt will be made.
    case lost = 3
    case timedOut = 4
    /// It was never accepted: a limit, an unknown option, an impossible request.
    case refused = 5
}

/// Why an outcome is what it is. `none` goes with a plain value or exception.
package enum OutcomeReason: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case none = 0
    /// The executor died while it ran this task, as often as is allowed: the task is quarantined as poison.
    case executorCrashed = 1
    case memoryLimit = 2
    case workerLost = 3
    /// It may have started, and was submitted with `idempotent=False`.
    case notIdempotent = 4
    /// A task that this one depends on did not end with a value.
    case dependencyFailed = 5
    case initializerFailed = 6
    /// The result or exception could not be pickled, or has no neutral form.
    case notSerializable = 7
    case limitExceeded = 8
    case unknownOption = 9
    /// No worker of this cluster can ever run it.
    case unservable = 10
    case executionTimeout = 11
    case clientRequest = 12
    /// The function could not be loaded: a missing module, or a definition that cannot be unpickled.
    case functionNotLoadable = 13
    case malformed = 14
    case sessionClosed = 15
    /// The arguments could not be unpickled.
    case argumentsNotLoadable = 16
    /// Its deadline, counted from its acceptance, passed before it had ended.
    case deadlineExceeded = 17
}

/// Who speaks on a connection. The raw values are those of the hello frame.
package enum Role: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case client = 1
    case worker = 2
    case driver = 3
    case `operator` = 4
    case scheduler = 5
}

/// How an executor runs a task.
package enum ExecutionMode: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case process = 0
    case thread = 1
    case asyncio = 2
}

/// One named part of an outcome. A plain task has a `value`; a printing one has output as well.
package enum OutcomePart: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// The value, or the exception when the status says so.
    case value = 0
    case standardOutput = 1
    case standardError = 2
    case log = 3
    /// The traceback as UTF-8 text, for whoever cannot unpickle the exception.
    case traceback = 4
    /// MessagePack map {class, message, bases}: the exception for a peer that reads no pickle.
    case exceptionSummary = 5
}
