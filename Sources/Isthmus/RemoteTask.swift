import TaskModel
package import Wire

/// A submitted task: the handle through which its value is awaited.
///
/// Passed as an argument to another `submit` it stands for its value. When the last copy of the handle is
/// gone, the cluster forgets the outcome; the task itself still runs.
public struct RemoteTask<Value: Decodable & Sendable>: Sendable {
    let handle: TaskHandle

    /// The id that `isthmus explain` takes.
    public var id: String { handle.entry.id.description }

    /// Whether the task has ended, in whatever way.
    public var isDone: Bool { handle.entry.end != nil }

    /// The value. Suspends until the task has ended.
    ///
    /// Cancelling the Swift task that awaits it cancels this task too, also when it is running, and throws at
    /// once.
    ///
    /// - Throws: why there is none.
    public var value: Value {
        get async throws(IsthmusError) {
            switch await handle.end() {
            case .outcome(let outcome): try outcome.value(as: Value.self, of: handle.entry.function)
            case .failed(let error): throw error
            }
        }
    }

    /// How the task ended: attempt, worker, timings, output and error. Suspends until it has ended, and is
    /// cancelled as `value` is.
    ///
    /// - Throws: when there is no outcome: the connection was lost, the client was closed, or the Swift task
    ///   that awaits it was cancelled. An exception of the function is not thrown but is in `TaskOutcome.error`.
    public var outcome: TaskOutcome {
        get async throws(IsthmusError) {
            switch await handle.end() {
            case .outcome(let outcome): outcome.outcome(of: handle.entry.function)
            case .failed(let error): throw error
            }
        }
    }

    /// What the task wrote to standard output, standard error and the log.
    ///
    /// - Throws: as `outcome` does.
    public var output: TaskOutput {
        get async throws(IsthmusError) { try await outcome.output }
    }

    /// Asks the cluster to stop the task, also when it is running: an exception inside the function (Python)
    /// or a cancelled `Task` (Swift), then, after the grace period, the end of its executor. Its outcome
    /// tells whether it came too late.
    public func cancel() { handle.session.cancel(handle.entry.id) }

    /// The task as an argument inside arrays and dictionaries of other arguments.
    public var argument: TaskArgument { TaskArgument(self) }
}

extension RemoteTask: Encodable {
    /// Only `submit` can encode a task.
    public func encode(to encoder: any Encoder) throws {
        let context = EncodingError.Context(
            codingPath: encoder.codingPath,
            debugDescription: "task \(id) can be an argument of submit, not part of other encoded data")
        throw EncodingError.invalidValue(self, context)
    }
}

extension RemoteTask: NeutralRepresentable {
    package func neutralValue(_ dependencies: NeutralDependencies) -> NeutralValue {
        .dependency(dependencies.index(of: handle.entry.id))
    }
}

/// An argument of any type, so that arrays and dictionaries can mix values and tasks:
/// `submit(f, [TaskArgument(1), task.argument])`.
public struct TaskArgument: Encodable, Sendable {
    private let content: any Encodable & Sendable

    /// Takes anything that `submit` would take.
    public init(_ content: any Encodable & Sendable) { self.content = content }

    /// Encodes what it holds.
    public func encode(to encoder: any Encoder) throws { try content.encode(to: encoder) }
}

extension TaskArgument: NeutralRepresentable {
    package func neutralValue(_ dependencies: NeutralDependencies) throws -> NeutralValue {
        try NeutralValue(encoding: content, dependencies: dependencies)
    }
}
