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
    /// A value of more than 1 MiB stays in the cluster until it is asked for here, or a task needs it.
    ///
    /// - Throws: `IsthmusError` with the reason why there is none; `CancellationError` at once when the Swift
    ///   task that awaits it is cancelled, which cancels this task too, also when it is running.
    public var value: Value {
        get async throws {
            switch await handle.value() {
            case .outcome(let outcome): try outcome.value(as: Value.self, of: handle.entry)
            case .failed(let error): throw error
            case .interrupted: throw CancellationError()
            }
        }
    }

    /// How the task ended: attempt, worker, timings, output and error. Suspends until it has ended, and is
    /// cancelled as `value` is.
    ///
    /// - Throws: `IsthmusError` when there is no outcome, because the connection was lost or the client was
    ///   closed; `CancellationError` as `value` does. An exception of the function is not thrown but is in
    ///   `TaskOutcome.error`.
    public var outcome: TaskOutcome {
        get async throws {
            switch await handle.end() {
            case .outcome(let outcome): outcome.outcome(of: handle.entry)
            case .failed(let error): throw error
            case .interrupted: throw CancellationError()
            }
        }
    }

    /// What the task wrote to standard output, standard error and the log.
    ///
    /// - Throws: as `outcome` does.
    public var output: TaskOutput {
        get async throws { try await outcome.output }
    }

    /// Asks the cluster to stop the task. Its outcome tells whether that came too late.
    ///
    /// - Parameter running: also when it runs, by an exception inside the function (Python) or a cancelled
    ///   `Task` (Swift) and, after the grace period, the end of its executor. False: only if it has not
    ///   started.
    public func cancel(running: Bool = true) { handle.session.cancel(handle.entry.id, running: running) }

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
        .dependency(dependencies.index(of: handle.entry.id, owner: handle))
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
