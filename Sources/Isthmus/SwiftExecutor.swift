import Dispatch
import ExecutorRuntime
import Posix
import Synchronization
import TaskModel
import Wire

/// Runs the functions of a `TaskRegistry` for a worker: one at a time, each in a Swift task of its own that a
/// stop request cancels.
final class SwiftExecutor: Sendable {
    private struct Running {
        let attempt: AttemptID
        let task: Task<Void, Never>
    }

    private struct State {
        var running: Running?
        /// The last attempt that was told to stop: perhaps before there was a task to cancel.
        var stopped: AttemptID?
    }

    private struct FunctionKey: Hashable {
        let session: SessionID
        let function: UInt32
    }

    /// What a session has defined.
    private struct Definition {
        let name: String
        /// It is called once per row of its argument.
        let isChunked: Bool
    }

    /// What the sessions of this executor have said.
    private struct Known {
        var definitions: [FunctionKey: Definition] = [:]
        /// Sessions whose initializer threw, with its words.
        var broken: [SessionID: String] = [:]
        var devices: [String] = []
    }

    private let registry: TaskRegistry
    private let channel: ExecutorChannel
    private let state = Mutex(State())
    private let executable: String

    init(_ registry: TaskRegistry, channel: ExecutorChannel) {
        self.registry = registry
        self.channel = channel
        executable = (try? executablePath()) ?? CommandLine.arguments[0]
    }

    /// Serves until the worker says that nothing more will come. Blocks.
    func run() throws(ExecutorError) {
        _ = try channel.greeting()
        channel.onStop { [self] attempt, _ in cancel(attempt) }
        channel.ready([
            Field("kind", .string("swift")), Field("executable", .string(executable)),
            Field("functions", .string(registry.functions.keys.sorted().joined(separator: "\n"))),
        ])
        var known = Known()
        while true {
            switch channel.next() {
            case .function(let function):
                let key = FunctionKey(session: function.session, function: function.function)
                known.definitions[key] = definition(of: function)
            case .attempt(let attempt):
                channel.finish(outcome(of: attempt, known))
            case .setup(let setup):
                let key = FunctionKey(session: setup.session, function: setup.function)
                // Those that are not defined here are Python's.
                guard let name = known.definitions[key]?.name else { continue }
                if let problem = problem(of: setup, name) { known.broken[setup.session] = problem }
            case .forgetSession(let session):
                known.definitions = known.definitions.filter { $0.key.session != session }
                known.broken[session] = nil
            case .forgetFunction(let session, let function):
                known.definitions[FunctionKey(session: session, function: function)] = nil
            case .devices(let list):
                known.devices = list.split(separator: ",").map(String.init)
                // Only the first time: other threads may read the environment.
                for name in ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"]
                where environmentVariable(name) != list {
                    setEnvironmentVariable(name, list)
                }
            case .shutdown: return
            }
        }
    }

    private func definition(of function: ReceivedFunction) -> Definition? {
        let bytes = function.record.bytes(of: function.definition)
        guard function.kind == .swift, let value = try? NeutralValue(decoding: bytes) else { return nil }
        if let name = value.string { return Definition(name: name, isChunked: false) }
        return value["name"]?.string.map { Definition(name: $0, isChunked: value["chunks"] == .bool(true)) }
    }

    private func outcome(of attempt: ReceivedAttempt, _ known: Known) -> ExecutorRuntime.TaskOutcome {
        let session = attempt.attempt.task.session
        if let problem = known.broken[session] {
            return ExecutorRuntime.TaskOutcome(.lost, .initializerFailed, detail: problem)
        }
        let key = FunctionKey(session: session, function: attempt.assignment.function)
        let definition = known.definitions[key]
        guard let definition, let body = registry.functions[definition.name] else {
            let offered = registry.functions.keys.sorted().joined(separator: ", ")
            return Self.failure(
                "FunctionNotFound", .functionNotLoadable,
                "no Swift function \"\(definition?.name ?? "")\" is registered in \(executable); it has: "
                    + offered)
        }
        guard attempt.record.missing == 0 else {
            return Self.failure(
                "OutOfMemory", .argumentsNotLoadable,
                "\(definition.name): there is no memory in this executor for \(attempt.record.missing) bytes "
                    + "of arguments")
        }
        let arguments: [NeutralValue]
        do {
            arguments = try CallDecoder(attempt).arguments()
        } catch {
            return Self.failure(
                "ArgumentsNotDecodable", .argumentsNotLoadable, "\(definition.name): \(error)")
        }
        let context = TaskContext(devices: known.devices, attemptID: attempt.attempt)
        let result = perform(
            { arguments in
                if definition.isChunked { return try await ChunkedCall(body).run(arguments) }
                return try await body.call(arguments)
            }, arguments, context)
        BufferedOutput.flush()
        return Self.outcome(result, stopped: channel.takeStop())
    }

    /// Runs an initializer. Answers with what is to be told to the tasks of its session when it fails.
    private func problem(of setup: ReceivedSetup, _ name: String) -> String? {
        let opening = "the initializer \(name) of the session failed: "
        guard let body = registry.functions[name] else {
            return opening + "no Swift function of this name is registered in \(executable)"
        }
        let arguments: [NeutralValue]
        do {
            arguments = try CallDecoder(setup).arguments()
        } catch {
            return opening + "\(error)"
        }
        let result = perform({ try await body.call($0) }, arguments, nil)
        // What an initializer says belongs to no task in particular; the next one gets it.
        BufferedOutput.flush()
        guard case .failure(let error) = result else { return nil }
        switch error {
        case CallFailure.argumentsNotDecodable(let text), CallFailure.resultNotEncodable(let text):
            return opening + text
        default: return opening + "\(type(of: error)): \(error)"
        }
    }

    /// Runs the function in a Swift task, so that it can be cancelled and may be async, and blocks until its
    /// end. There is no context for an initializer, which belongs to no task.
    private func perform(
        _ body: @escaping @Sendable ([NeutralValue]) async throws -> NeutralValue,
        _ arguments: [NeutralValue], _ context: TaskContext?
    ) -> Result<NeutralValue, any Error> {
        let box = ResultBox()
        let done = DispatchSemaphore(value: 0)
        let task = Task {
            do {
                box.set(
                    .success(
                        try await TaskContext.$current.withValue(context) { try await body(arguments) }))
            } catch {
                box.set(.failure(error))
            }
            done.signal()
        }
        if let attempt = context?.attemptID {
            state.withLock { state in
                state.running = Running(attempt: attempt, task: task)
                if state.stopped == attempt { task.cancel() }
            }
        }
        done.wait()
        state.withLock { $0.running = nil }
        return box.take()
    }

    private func cancel(_ attempt: AttemptID) {
        state.withLock { state in
            state.stopped = attempt
            if let running = state.running, running.attempt == attempt { running.task.cancel() }
        }
    }
}

private final class ResultBox: Sendable {
    private let result = Mutex<Result<NeutralValue, any Error>?>(nil)

    func set(_ value: Result<NeutralValue, any Error>) { result.withLock { $0 = value } }
    func take() -> Result<NeutralValue, any Error> { result.withLock { $0.take()! } }
}

// MARK: Results as outcomes

extension SwiftExecutor {
    private static func outcome(
        _ result: Result<NeutralValue, any Error>, stopped: StopReason?
    ) -> ExecutorRuntime.TaskOutcome {
        switch result {
        case .success(let value):
            do {
                return ExecutorRuntime.TaskOutcome(
                    .value, parts: [.init(.value, .neutral, try value.encoded())])
            } catch {
                return failure("ResultTooLarge", .notSerializable, "the result cannot be sent: \(error)")
            }
        case .failure(let error):
            if let stopped { return stopped.outcome }
            switch error {
            case CallFailure.argumentsNotDecodable(let text):
                return failure("ArgumentsNotDecodable", .argumentsNotLoadable, text)
            case CallFailure.resultNotEncodable(let text):
                return failure("ResultNotEncodable", .notSerializable, text)
            default:
                return failure("\(type(of: error))", .none, "\(error)")
            }
        }
    }

    private static func failure(_ type: String, _ reason: OutcomeReason, _ message: String)
        -> ExecutorRuntime.TaskOutcome
    {
        let summary = NeutralValue.map([
            NeutralPair(.string("class"), .string(type)), NeutralPair(.string("message"), .string(message)),
        ])
        // Two strings always have a neutral form.
        let parts =
            (try? summary.encoded()).map {
                [ExecutorRuntime.TaskOutcome.Part(.exceptionSummary, .neutral, $0)]
            } ?? []
        return ExecutorRuntime.TaskOutcome(
            .exception, reason, detail: reason == .none ? "" : message, parts: parts)
    }
}
