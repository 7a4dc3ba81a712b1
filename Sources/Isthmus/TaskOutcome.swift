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
    /// There is a value that did not come with the rest, because it is large and nobody had asked for it.
    let isLeft: Bool

    func text(_ kind: OutcomePart) -> String {
        parts.first { $0.kind == kind }.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
    }

    var output: TaskOutput {
        TaskOutput(
            standardOutput: text(.standardOutput), standardError: text(.standardError), log: text(.log))
    }

    func failure(of entry: TaskEntry, detail: String? = nil) -> TaskFailure {
        let ran = head.worker.rawValue != 0
        return TaskFailure(
            task: head.attempt.task.description, function: entry.function.description,
            attempt: Int(head.attempt.number), worker: ran ? head.worker.description : "",
            detail: detail ?? self.detail, output: text(.standardError).lastLines(20))
    }

    func outcome(of entry: TaskEntry) -> TaskOutcome {
        TaskOutcome(
            task: head.attempt.task.description, status: status, attempt: Int(head.attempt.number),
            worker: head.worker.rawValue == 0 ? "" : head.worker.description,
            waited: .microseconds(Int64(head.waitedMicroseconds)),
            ran: .microseconds(Int64(head.ranMicroseconds)),
            detail: detail, output: output, error: error(of: entry))
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
    func error(of entry: TaskEntry) -> IsthmusError? {
        error(
            head.status, head.reason,
            failure(of: entry, detail: detail.isEmpty ? words(of: entry) : detail),
            isSwift: entry.function.kind == .swift)
    }

    private func error(
        _ status: OutcomeStatus, _ reason: OutcomeReason, _ failure: TaskFailure, isSwift: Bool
    ) -> IsthmusError? {
        switch status {
        case .value: return nil
        case .cancelled: return .cancelled(failure)
        case .timedOut:
            return reason == .deadlineExceeded ? .deadlineExceeded(failure) : .timedOut(failure)
        case .refused:
            return reason == .dependencyFailed
                ? .dependencyFailed(failure, cause: cause(failure)) : .refused(failure)
        case .exception, .lost:
            switch reason {
            case .executorCrashed: return .executorCrashed(failure)
            case .memoryLimit: return .memoryLimit(failure)
            case .dependencyFailed: return .dependencyFailed(failure, cause: cause(failure))
            case .notSerializable: return .resultNotDecodable(failure)
            case .executionTimeout: return .timedOut(failure)
            case .deadlineExceeded: return .deadlineExceeded(failure)
            case .initializerFailed: return .initializerFailed(failure)
            case .workerLost: return .workerLost(failure)
            case .none, .notIdempotent, .limitExceeded, .unknownOption,
                .unservable, .clientRequest, .functionNotLoadable, .malformed, .sessionClosed,
                .argumentsNotLoadable:
                return status == .exception ? exception(failure, isSwift: isSwift) : .lost(failure)
            }
        }
    }

    /// Where only the way in which it ended is known.
    private func words(of entry: TaskEntry) -> String {
        switch head.reason {
        case .executionTimeout: told("ran for longer than its timeout", entry.options.timeout)
        case .deadlineExceeded: told("had not ended when its deadline passed", entry.options.deadline)
        case .clientRequest: told("was cancelled on request", nil)
        default: ""
        }
    }

    /// A sentence about the task, as the scheduler's are.
    private func told(_ how: String, _ limit: Duration?) -> String {
        let place =
            head.worker.rawValue == 0 ? "" : " (attempt \(head.attempt.number) on worker \(head.worker))"
        return "task \(head.attempt.task) \(how)\(limit.map { " of \($0.shown)" } ?? "")\(place)"
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
        return exception(type, message, text(.traceback), failure, isSwift: isSwift)
    }

    /// What the function of a task raised or threw.
    func exception(
        _ type: String, _ message: String, _ traceback: String, _ entry: TaskEntry
    ) -> IsthmusError {
        exception(type, message, traceback, failure(of: entry), isSwift: entry.function.kind == .swift)
    }

    private func exception(
        _ type: String, _ message: String, _ traceback: String, _ failure: TaskFailure, isSwift: Bool
    ) -> IsthmusError {
        if isSwift { return .swift(SwiftFailure(type: type, message: message, task: failure)) }
        return .python(PythonException(type: type, message: message, traceback: traceback, task: failure))
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

    func unreadable(_ problem: String, _ type: Any.Type?, _ entry: TaskEntry) -> IsthmusError {
        let wanted = type.map { ", and \($0) was asked for with as:" } ?? ""
        return .resultNotDecodable(failure(of: entry, detail: problem + wanted))
    }

    /// The value before it is made a Swift type.
    func neutralValue(of entry: TaskEntry) throws(IsthmusError) -> NeutralValue {
        if let error = error(of: entry) { throw error }
        guard let part = parts.first(where: { $0.kind == .value }) else {
            throw unreadable("There is no value", nil, entry)
        }
        switch part.codec {
        case .pickle: throw unreadable("The value is pickled, which only Python reads", nil, entry)
        case .raw: return .bytes(part.bytes)
        case .neutral:
            do throws(NeutralError) {
                return try NeutralValue(decoding: part.bytes)
            } catch {
                throw unreadable("The value is damaged: \(error)", nil, entry)
            }
        }
    }

    func value<Value: Decodable>(as type: Value.Type, of entry: TaskEntry) throws(IsthmusError) -> Value {
        let value = try neutralValue(of: entry)
        do throws(NeutralError) {
            return try value.decoded(as: type)
        } catch {
            throw unreadable("The value does not fit: \(error)", type, entry)
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
