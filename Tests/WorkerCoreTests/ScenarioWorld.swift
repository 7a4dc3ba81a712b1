import TaskModel
import WorkerCore

struct ScenarioError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A worker that is driven by lines of text and answers with lines of text: the language of `Scenarios`.
///
///     worker slots=2 python swift spares=1 gpus=2   a worker, its Python executors e0.. and its Swift ones
///     ready e0 e1                            executors say that they are ready
///     assign c1:1..3 f=1 swift timeout=50ms grace=10ms gpu=0,1
///     finish c1:1 on=e0 ran=20us status=exception
///     return c1:2 on=e0                      the executor gives the attempt back
///     retract c1:1 / cancel c1:1 / forget c1 / expel / drain     what the scheduler asks for
///     die e0 / break e0 / exceed e0          what happens to executors
///     looked c1:1 on=e0 nothing              what an executor is seen to do: nothing, attempt, initializer
///     initializing c1 on=e0                  it is about to be found dead in the initializer of a session
///     tick 5ms                               time passes
///     state                                  prints what runs and waits
///
/// Each command is a turn of the loop: what it says is absorbed, then the worker decides.
struct ScenarioWorld: ~Copyable {
    private var core: WorkerStateMachine
    private var now = Instant.origin
    private var actions: [Action] = []
    private var names: [AttemptSlot: String] = [:]
    private var functions: [String: FunctionSlot] = [:]

    init(_ line: String) throws {
        let command = Command(line)
        core = WorkerStateMachine(
            WorkerShape(
                slots: Int(command.value("slots") ?? "1") ?? 1, python: command.has("python"),
                swift: command.has("swift"), spares: Int(command.value("spares") ?? "0") ?? 0,
                devices: Int(command.value("gpus") ?? "0") ?? 0))
    }

    /// Runs one command. Returns what it printed.
    mutating func run(_ line: String) throws -> [String] {
        let command = Command(line)
        var output = try perform(command)
        core.decide(now: now, into: &actions)
        output += actions.map { describe($0) }
        actions = []
        core.checkInvariants()
        return output
    }

    private mutating func perform(_ command: Command) throws -> [String] {
        switch command.verb {
        case "worker": core.start(now: now, into: &actions)
        case "assign": for name in try command.attempts() { try assign(name, command) }
        case "finish": return try command.attempts().map { try finish($0, command) }
        case "return":
            for name in try command.attempts() {
                let slot = try slot(name)
                core.absorb(.attemptReturned(slot, by: try command.executor("on")), now: now, into: &actions)
            }
        case "retract":
            for name in try command.attempts() {
                core.absorb(.retractRequested(try slot(name)), now: now, into: &actions)
            }
        case "cancel":
            for name in try command.attempts() {
                core.absorb(.cancelRequested(try slot(name)), now: now, into: &actions)
            }
        case "forget": core.absorb(.sessionForgotten(session(command.words[0])), now: now, into: &actions)
        case "expel": core.absorb(.expelled, now: now, into: &actions)
        case "drain": core.absorb(.drainRequested, now: now, into: &actions)
        case "looked":
            let slot = try slot(command.words[0])
            let activity = try activity(command.words[1])
            core.absorb(.looked(slot, try command.executor("on"), activity), now: now, into: &actions)
        case "initializing":
            let executor = try command.executor("on")
            core.absorb(.initializerEnded(session(command.words[0]), in: executor), now: now, into: &actions)
        case "ready", "die", "break", "exceed": try happen(command)
        case "tick": now = now + (try Command.interval(command.words.first ?? "0ms"))
        case "state": return [describe(core.snapshot())]
        default: throw ScenarioError("unknown command \(command.verb)")
        }
        return []
    }

    private mutating func happen(_ command: Command) throws {
        for word in command.words {
            let executor = try Command.executor(word)
            switch command.verb {
            case "ready": core.absorb(.executorReady(executor), now: now, into: &actions)
            case "die": core.absorb(.executorDied(executor), now: now, into: &actions)
            case "break": core.absorb(.executorBroke(executor), now: now, into: &actions)
            default: core.absorb(.memoryExceeded(executor), now: now, into: &actions)
            }
        }
    }

    private mutating func assign(_ name: String, _ command: Command) throws {
        let function = command.value("f") ?? "1"
        if functions[function] == nil { functions[function] = core.addFunction() }
        let order = AttemptOrder(
            id: try id(name), function: functions[function]!, kind: command.has("swift") ? .swift : .python,
            timeout: try command.value("timeout").map { try Command.interval($0) },
            grace: try Command.interval(command.value("grace") ?? "1000ms"),
            rank: Int8(command.value("rank") ?? "0") ?? 0,
            devices: (command.value("gpu") ?? "").split(separator: ",").compactMap { UInt64($0) }
                .reduce(0) { $0 | 1 << $1 }, isCounted: command.has("counted"))
        guard let slot = core.admit(order) else { throw ScenarioError("\(name) is held already") }
        names[slot] = name
    }

    private mutating func finish(_ name: String, _ command: Command) throws -> String {
        let statuses: [String: OutcomeStatus] = [
            "value": .value, "exception": .exception, "cancelled": .cancelled, "lost": .lost,
        ]
        guard let status = statuses[command.value("status") ?? "value"] else {
            throw ScenarioError("no such status")
        }
        let ran = try command.value("ran").map { try Command.interval($0) }
        let finished = core.finish(
            try id(name), status: status, ran: ran, by: try command.executor("on"), now: now, into: &actions)
        switch finished?.verdict {
        case .forward: return "outcome of \(name) is passed on"
        case .forwardAs(let status, let reason):
            return "outcome of \(name) is passed on as \(status) \(reason)"
        case .discard: return "outcome of \(name) is discarded"
        case .stale, nil: return "outcome of \(name) is stale"
        }
    }

    private func activity(_ word: String) throws -> ExecutorActivity {
        switch word {
        case "nothing": return .nothing
        case "attempt": return .attempt
        case "initializer": return .initializer
        default: throw ScenarioError("\(word) is no activity")
        }
    }

    private func session(_ name: String) -> SessionID { SessionID(UInt64(name.dropFirst()) ?? 0) }

    private func id(_ name: String) throws -> AttemptID {
        let halves = name.split(separator: ":").map(String.init)
        guard halves.count == 2, let sequence = UInt64(halves[1]) else {
            throw ScenarioError("\(name) is no attempt")
        }
        return AttemptID(task: TaskID(session: session(halves[0]), sequence: sequence), number: 1)
    }

    private func slot(_ name: String) throws -> AttemptSlot {
        guard let slot = core.find(try id(name)) else { throw ScenarioError("\(name) is not held") }
        return slot
    }

    private func describe(_ action: Action) -> String {
        func name(_ slot: AttemptSlot) -> String { names[slot] ?? "?" }
        switch action {
        case .start(let executor): return "start e\(executor.rawValue)"
        case .send(let slot, let executor, let devices):
            let names = (0..<64).filter { devices & 1 << UInt64($0) != 0 }.map { "\($0)" }
            return "send \(name(slot)) to e\(executor.rawValue)"
                + (names.isEmpty ? "" : " on \(names.joined(separator: ","))")
        case .retire(let executor): return "retire e\(executor.rawValue)"
        case .retract(let slot, let executor): return "retract \(name(slot)) from e\(executor.rawValue)"
        case .stop(let slot, let executor, let timedOut):
            return "stop \(name(slot)) in e\(executor.rawValue)" + (timedOut ? ", its time is up" : "")
        case .look(let slot, let executor):
            return "look what e\(executor.rawValue) does before \(name(slot))"
        case .kill(let executor): return "kill e\(executor.rawValue)"
        case .giveBack(let slot): return "give back \(name(slot))"
        case .reportStarted(let slot): return "report \(name(slot)) as started"
        case .conclude(let slot, let status, let reason, let executor):
            let cause = executor.map { " because of e\($0.rawValue)" } ?? ""
            return "conclude \(name(slot)) \(status) \(reason)\(cause)"
        case .forget(let slot): return "forget \(name(slot))"
        case .leave: return "leave"
        }
    }

    private func describe(_ snapshot: WorkerSnapshot) -> String {
        let running = snapshot.running.map { running in
            let task = running.attempt.task
            return "c\(task.session.rawValue):\(task.sequence)" + (running.isStopping ? " (stopping)" : "")
        }
        return "runs [\(running.joined(separator: ", "))], \(snapshot.waitingInPipelines) in pipelines, "
            + "\(snapshot.queued) queued, \(snapshot.readyExecutors) executors ready"
            + (snapshot.isDraining ? ", draining" : "")
    }
}

/// One line of a scenario: a verb, words, and `key=value` pairs.
struct Command {
    let verb: String
    private(set) var words: [String] = []
    private var pairs: [String: String] = [:]

    init(_ line: String) {
        var parts = line.split(separator: " ").map(String.init)
        verb = parts.removeFirst()
        for part in parts {
            if let equals = part.firstIndex(of: "=") {
                pairs[String(part[..<equals])] = String(part[part.index(after: equals)...])
            } else {
                words.append(part)
            }
        }
    }

    func has(_ word: String) -> Bool { words.contains(word) }
    func value(_ key: String) -> String? { pairs[key] }
    func executor(_ key: String) throws -> ExecutorIndex { try Self.executor(pairs[key] ?? "e0") }

    static func executor(_ word: String) throws -> ExecutorIndex {
        guard word.first == "e", let number = Int(word.dropFirst()) else {
            throw ScenarioError("\(word) is no executor")
        }
        return ExecutorIndex(number)
    }

    /// `c1:3` or `c1:1..4`, from all words that have a colon.
    func attempts() throws -> [String] {
        var names: [String] = []
        for word in words where word.contains(":") {
            let halves = word.split(separator: ":").map(String.init)
            let ends = halves[1].split(separator: ".").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last else {
                throw ScenarioError("\(word) is no range")
            }
            for sequence in first...last { names.append("\(halves[0]):\(sequence)") }
        }
        return names
    }

    /// `20us`, `5ms`, `3s`.
    static func interval(_ text: String) throws -> Interval {
        let digits = text.prefix { $0.isNumber }
        guard let count = Int64(digits) else { throw ScenarioError("\(text) is no time") }
        switch text.dropFirst(digits.count) {
        case "us": return .microseconds(count)
        case "ms": return .milliseconds(count)
        case "s": return .seconds(count)
        default: throw ScenarioError("\(text) has no unit")
        }
    }
}
