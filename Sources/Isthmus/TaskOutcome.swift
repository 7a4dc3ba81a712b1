import TaskModel
import Wire

/// What a task ended with, apart from its value.
public struct TaskOutcome: Sendable {
    /// How it ended.
    public enum Status: String, Sendable {
        case value, exception, cancelled, lost, timedOut, refused
    }

    /// The id that `isthmus explain` takes.
    public let task: String
    /// How it ended.
    public let status: Status
    /// The attempt that ended it, from 1; 0 when none was made.
    public let attempt: Int
    /// The session of the worker that ran it; empty when none did.
    public let worker: String
    /// From acceptance to the start of the attempt.
    public let waited: Duration
    /// How long the attempt ran.
    public let ran: Duration
    /// What happened and what to do, for a person. Usually empty for a value.
    public let detail: String
    /// What the task wrote.
    public let output: TaskOutput
    /// Why there is no value; nil when there is one.
    public let error: IsthmusError?
}

/// What a task wrote while it ran. The newest part is kept of what is very long.
public struct TaskOutput: Sendable, Hashable {
    /// Descriptor 1, whatever wrote to it.
    public let standardOutput: String
    /// Descriptor 2, whatever wrote to it.
    public let standardError: String
    /// Records of Python's `logging`.
    public let log: String
}

/// An outcome as it came, not read yet: reading is done by whoever asks for it, not by the loop.
struct ReceivedOutcome: Sendable {
    struct Part: Sendable {
        let kind: OutcomePart
        let codec: Codec
        let bytes: [UInt8]
    }

    let head: OutcomeHead
    let detail: String
    let parts: [Part]

    func text(_ kind: OutcomePart) -> String {
        parts.first { $0.kind == kind }.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
    }

    var output: TaskOutput {
        TaskOutput(
            standardOutput: text(.standardOutput), standardError: text(.standardError), log: text(.log))
    }

    func failure(of function: TaskFunction, detail: String? = nil) -> TaskFailure {
        let ran = head.worker.rawValue != 0
        return TaskFailure(
            task: head.attempt.task.description, function: function.description,
            attempt: Int(head.attempt.number), worker: ran ? head.worker.description : "",
            detail: detail ?? self.detail, output: text(.standardError).lastLines(20))
    }

    func outcome(of function: TaskFunction) -> TaskOutcome {
        TaskOutcome(
            task: head.attempt.task.description, status: status, attempt: Int(head.attempt.number),
            worker: head.worker.rawValue == 0 ? "" : head.worker.description,
            waited: .microseconds(Int64(head.waitedMicroseconds)),
            ran: .microseconds(Int64(head.ranMicroseconds)),
            detail: detail, output: output, error: error(of: function))
    }

    private var status: TaskOutcome.Status {
        switch head.status {
        case .value: .value
        case .exception: .exception
        case .cancelled: .cancelled
        case .lost: .lost
        case .timedOut: .timedOut
        case .refused: .refused
        }
    }

    /// Why there is no value; nil when there is one.
    func error(of function: TaskFunction) -> IsthmusError? {
        error(head.status, head.reason, failure(of: function), isSwift: function.kind == .swift)
    }

    private func error(
        _ status: OutcomeStatus, _ reason: OutcomeReason, _ failure: TaskFailure, isSwift: Bool
    ) -> IsthmusError? {
        switch status {
        case .value: return nil
        case .cancelled: return .cancelled(failure)
        case .timedOut: return .timedOut(failure)
        case .refused:
            return reason == .dependencyFailed
                ? .dependencyFailed(failure, cause: cause(failure)) : .refused(failure)
        case .exception, .lost:
            switch reason {
            case .executorCrashed: return .executorCrashed(failure)
            case .memoryLimit: return .memoryLimit(failure)
            case .dependencyFailed: return .dependencyFailed(failure, cause: cause(failure))
            case .notSerializable: return .resultNotDecodable(failure)
            case .executionTimeout, .deadlineExceeded: return .timedOut(failure)
            case .none, .workerLost, .notIdempotent, .initializerFailed, .limitExceeded, .unknownOption,
                .unservable, .clientRequest, .functionNotLoadable, .malformed, .sessionClosed,
                .argumentsNotLoadable:
                return status == .exception ? exception(failure, isSwift: isSwift) : .lost(failure)
            }
        }
    }

    /// Of an exception, or of the task that failed first.
    private var summary: NeutralValue? {
        guard let part = parts.first(where: { $0.kind == .exceptionSummary }), part.codec == .neutral else {
            return nil
        }
        return try? NeutralValue(decoding: part.bytes)
    }

    private func exception(_ failure: TaskFailure, isSwift: Bool) -> IsthmusError {
        let summary = summary
        let type = summary?["class"]?.string ?? "an exception"
        let message = summary?["message"]?.string ?? failure.detail
        if isSwift { return .swift(SwiftFailure(type: type, message: message, task: failure)) }
        return .python(
            PythonException(type: type, message: message, traceback: text(.traceback), task: failure))
    }

    /// The error of the task that failed first, as the scheduler hands it down.
    private func cause(_ dependant: TaskFailure) -> IsthmusError {
        let summary = summary
        let failure = TaskFailure(
            task: summary?["task"]?.string ?? "", function: summary?["function"]?.string ?? "", attempt: 0,
            worker: "", detail: summary?["detail"]?.string ?? dependant.detail, output: "")
        guard let status = summary?["status"]?.byte.flatMap(OutcomeStatus.init(rawValue:)),
            let reason = summary?["reason"]?.byte.flatMap(OutcomeReason.init(rawValue:)),
            reason != .dependencyFailed
        else { return .lost(failure) }
        // Python always sends a traceback, Swift never.
        return error(status, reason, failure, isSwift: text(.traceback).isEmpty) ?? .lost(failure)
    }

    func value<Value: Decodable>(as type: Value.Type, of function: TaskFunction) throws(IsthmusError) -> Value
    {
        if let error = error(of: function) { throw error }
        func unreadable(_ problem: String) -> IsthmusError {
            .resultNotDecodable(
                failure(of: function, detail: "\(problem), and \(type) was asked for with as:"))
        }
        guard let part = parts.first(where: { $0.kind == .value }) else {
            throw unreadable("There is no value")
        }
        switch part.codec {
        case .pickle: throw unreadable("The value is pickled, which only Python reads")
        case .raw:
            guard let bytes = part.bytes as? Value else { throw unreadable("The value is raw bytes") }
            return bytes
        case .neutral:
            do {
                return try NeutralValue(decoding: part.bytes).decoded(as: type)
            } catch {
                throw unreadable("The value does not fit: \(error)")
            }
        }
    }
}

extension NeutralValue {
    fileprivate var byte: UInt8? { if case .int(let number) = self { UInt8(exactly: number) } else { nil } }
}

extension String {
    fileprivate func lastLines(_ count: Int) -> String {
        split(separator: "\n").suffix(count).joined(separator: "\n")
    }
}
