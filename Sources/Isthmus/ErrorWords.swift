public import FoundationEssentials

extension IsthmusError: CustomStringConvertible {
    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .python(let exception): exception.description
        case .swift(let failure): failure.description
        case .executorCrashed(let task): task.told("killed its executor")
        case .memoryLimit(let task): task.told("was over the memory limit of its executor")
        case .timedOut(let task): task.told("ran for longer than its timeout")
        case .deadlineExceeded(let task): task.told("did not end before its deadline")
        case .cancelled(let task): task.told("was cancelled")
        case .lost(let task): task.told("was lost")
        case .workerLost(let task): task.told("was lost with its worker")
        case .initializerFailed(let task): task.told("did not run")
        case .dependencyFailed(let task, let cause):
            task.told("did not run, because a task that it needs failed") + cause.tracebackBelow
        case .refused(let task): task.told("was refused")
        case .limit(let text): text
        case .argumentNotEncodable(let path, let problem):
            "\(path.isEmpty ? "an argument" : path) cannot be sent: \(problem)"
        case .resultNotDecodable(let task): task.told("ended with a value that cannot be read here")
        case .invalidFunction(let text): text
        case .invalidOptions(let text): text
        case .connection(let text), .sessionLost(let text, _): text
        case .sessionRefused(_, let message): "the scheduler refuses this client: \(message)"
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

extension IsthmusError: LocalizedError {
    /// The same as `description`.
    public var errorDescription: String? { description }
}

extension PythonException: CustomStringConvertible {
    /// The task, class and message, then the traceback.
    public var description: String {
        let name = message.isEmpty ? type : "\(type): \(message)"
        let head = "\(task) raised \(name)"
        // It ends with class and message again.
        let frames = traceback.trimmingSuffix("\n").trimmingSuffix(name).trimmingSuffix("\n")
        return frames.isEmpty ? head : "\(head)\n\(frames)"
    }
}

extension SwiftFailure: CustomStringConvertible {
    /// The task, type and message.
    public var description: String {
        // An error without words of its own is shown with its type: `Oops(code: 7)`.
        message.isEmpty || message.hasPrefix(type)
            ? "\(task) threw \(message.isEmpty ? type : message)" : "\(task) threw \(type): \(message)"
    }
}

extension TaskFailure: CustomStringConvertible {
    /// `task 0123456789abcdef-17 (math:hypot), attempt 2 on worker fedcba9876543210`
    public var description: String {
        let place = worker.isEmpty ? "" : ", attempt \(attempt) on worker \(worker)"
        return "task \(task)\(function.isEmpty ? "" : " (\(function))")\(place)"
    }

    /// The whole story: how the task ended, and the words of whoever knows more.
    fileprivate func told(_ how: String) -> String {
        // The scheduler's words are a sentence about the task already.
        let own = "task \(task) "
        let story =
            if detail.hasPrefix(own) {
                "task \(task) (\(function)) \(detail.dropFirst(own.count))"
            } else if detail.isEmpty {
                "\(self) \(how)"
            } else {
                "\(self) \(how): \(detail)"
            }
        // The detail of a crash holds the last output already.
        return output.isEmpty || story.contains(output) ? story : "\(story)\nIts last output:\n\(output)"
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        !suffix.isEmpty && hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
