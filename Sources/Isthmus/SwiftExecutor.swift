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
        var names: [FunctionKey: String] = [:]
        while true {
            switch channel.next() {
            case .function(let function):
                names[FunctionKey(session: function.session, function: function.function)] = name(
                    of: function)
            case .attempt(let attempt):
                let key = FunctionKey(
                    session: attempt.attempt.task.session, function: attempt.assignment.function)
                channel.finish(outcome(of: attempt, name: names[key]))
            case .setup:
                // Initializers are Python's.
                continue
            case .forgetSession(let session):
                names = names.filter { $0.key.session != session }
            case .forgetFunction(let session, let function):
                names[FunctionKey(session: session, function: function)] = nil
            case .devices(let list):
                // Only the first time: other threads may read the environment.
                for name in ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"]
                where environmentVariable(name) != list {
                    setEnvironmentVariable(name, list)
                }
            case .shutdown: return
            }
        }
    }

    private func name(of function: ReceivedFunction) -> String? {
        let bytes = function.record.bytes(of: function.definition)
        guard let value = try? NeutralValue(decoding: bytes) else { return nil }
        return value.string
    }

    private func outcome(of attempt: ReceivedAttempt, name: String?) -> ExecutorRuntime.TaskOutcome {
        guard let name, let body = registry.functions[name] else {
            let known = registry.functions.keys.sorted().joined(separator: ", ")
            return Self.failure(
                "FunctionNotFound", .functionNotLoadable,
                "no Swift function \"\(name ?? "")\" is registered in \(executable); it has: \(known)")
        }
        guard attempt.record.missing == 0 else {
            return Self.failure(
                "OutOfMemory", .argumentsNotLoadable,
                "\(name): there is no memory in this executor for \(attempt.record.missing) bytes of "
                    + "arguments")
        }
        let arguments: [NeutralValue]
        do {
            arguments = try CallDecoder(attempt).arguments()
        } catch {
            return Self.failure("ArgumentsNotDecodable", .argumentsNotLoadable, "\(name): \(error)")
        }
        let result = perform(body, arguments, attempt.attempt)
        BufferedOutput.flush()
        return Self.outcome(result, stopped: channel.takeStop())
    }

    /// Runs the function in a Swift task, so that it can be cancelled and may be async, and blocks until its
    /// end.
    private func perform(
        _ body: @escaping TaskRegistry.Body, _ arguments: [NeutralValue], _ attempt: AttemptID
    ) -> Result<NeutralValue, any Error> {
        let box = ResultBox()
        let done = DispatchSemaphore(value: 0)
        let task = Task {
            do {
                box.set(.success(try await body(arguments)))
            } catch {
                box.set(.failure(error))
            }
            done.signal()
        }
        state.withLock { state in
            state.running = Running(attempt: attempt, task: task)
            if state.stopped == attempt { task.cancel() }
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

/// Reads the positional arguments of an attempt, with the values of dependencies in their places.
struct CallDecoder {
    private let attempt: ReceivedAttempt

    init(_ attempt: ReceivedAttempt) { self.attempt = attempt }

    func arguments() throws(NeutralError) -> [NeutralValue] {
        let call = try value(attempt.arguments, "the arguments")
        switch call {
        case .array(let elements):
            var arguments: [NeutralValue] = []
            for element in elements { arguments.append(try resolved(element)) }
            return arguments
        case .map:
            guard case .array(let elements)? = call["args"], call["kwargs"] == .map([]) else {
                throw NeutralError("Swift functions take positional arguments only")
            }
            var arguments: [NeutralValue] = []
            for element in elements { arguments.append(try resolved(element)) }
            return arguments
        case .null, .bool, .int, .unsigned, .float, .string, .bytes, .ndArray, .dependency:
            throw NeutralError("the arguments are \(call.kind) instead of a list")
        }
    }

    private func value(_ payload: ReceivedPayload, _ what: String) throws(NeutralError) -> NeutralValue {
        switch payload.codec {
        case .neutral:
            if let attachment = attempt.record.attached(payload) {
                return try attachment.withBytes { bytes in
                    Result { () throws(NeutralError) in try NeutralValue(decoding: bytes) }
                }.get()
            }
            return try NeutralValue(decoding: attempt.record.bytes(of: payload))
        case .raw: return .bytes(attempt.record.bytes(of: payload))
        case .pickle: throw NeutralError("\(what) are pickled, which Swift does not read")
        }
    }

    private func resolved(_ value: NeutralValue) throws(NeutralError) -> NeutralValue {
        switch value {
        case .dependency(let index):
            guard index < attempt.dependencies.count else {
                throw NeutralError("there is no dependency \(index)")
            }
            return try self.value(attempt.dependencies[Int(index)], "the value of dependency \(index)")
        case .array(let elements):
            var all: [NeutralValue] = []
            for element in elements { all.append(try resolved(element)) }
            return .array(all)
        case .map(let pairs):
            var all: [NeutralPair] = []
            for pair in pairs { all.append(NeutralPair(try resolved(pair.key), try resolved(pair.value))) }
            return .map(all)
        case .null, .bool, .int, .unsigned, .float, .string, .bytes, .ndArray: return value
        }
    }
}
