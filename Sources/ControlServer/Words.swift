internal import TaskModel

extension OutcomeStatus {
    /// As the API and the listings name it.
    var words: String {
        switch self {
        case .value: "value"
        case .exception: "exception"
        case .cancelled: "cancelled"
        case .lost: "lost"
        case .timedOut: "timed out"
        case .refused: "refused"
        }
    }
}

extension OutcomeReason {
    /// As the API and the listings name it; empty when there is nothing to add to the status.
    var words: String {
        switch self {
        case .none: ""
        case .executorCrashed: "executor crashed"
        case .memoryLimit: "memory limit"
        case .workerLost: "worker lost"
        case .notIdempotent: "not idempotent"
        case .dependencyFailed: "dependency failed"
        case .initializerFailed: "initializer failed"
        case .notSerializable: "not serializable"
        case .limitExceeded: "limit exceeded"
        case .unknownOption: "unknown option"
        case .unservable: "unservable"
        case .executionTimeout: "execution timeout"
        case .clientRequest: "client request"
        case .functionNotLoadable: "function not loadable"
        case .malformed: "malformed"
        case .sessionClosed: "session closed"
        case .argumentsNotLoadable: "arguments not loadable"
        case .deadlineExceeded: "deadline exceeded"
        }
    }
}

extension ExecutorKind {
    /// As the API names it.
    var words: String {
        switch self {
        case .python: "python"
        case .swift: "swift"
        case .command: "command"
        }
    }
}
