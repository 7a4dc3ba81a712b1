import Posix
import Synchronization
import TaskModel
import Wire

/// What a client's callers and its loop share. Callers add letters under the lock and wake the loop; the loop
/// takes all letters at once, and completes the tasks whose outcomes arrive.
///
/// The outbox needs no capacity of its own: each submission in it has taken credit, of which there is a
/// bounded amount, and each task is wanted, cancelled and released at most once.
final class ClientSession: Sendable {
    enum Phase {
        case opening
        case open
        /// Nothing more can be submitted.
        case over(IsthmusError)
    }

    struct State: ~Copyable {
        var id: SessionID
        var phase = Phase.opening
        var closeRequested = false
        /// Nothing more is taken; what there is may end.
        var isClosing = false
        /// Those who wait until nothing is unfinished.
        var drained: [Waiter<Void>] = []
        var next: UInt64 = 1
        var outbox: [Letter] = []
        var credit = Credit()
        var entries: [UInt64: Unfinished] = [:]
        var left = LeftValues()
        var functions: [TaskFunction: UInt32] = [:]
        var options: [TaskOptions: UInt32] = [:]
        var loopIsAwake = false
        /// The last task that was handed to the link, and the last one that the scheduler has taken on.
        var written: UInt64 = 0
        var accepted: UInt64 = 0
    }

    struct Unfinished {
        let entry: TaskEntry
        let bytes: Int
        var cancellation = Cancellation.none
        var isStarted = false
        /// The scheduler was told that its value is to come with its outcome.
        var isWanted = false
        /// Another task takes its value.
        var isArgument = false
        /// No handle is left: its outcome is released as soon as it arrives.
        var isAbandoned = false
    }

    /// What the cluster was asked for.
    enum Cancellation: Int {
        case none, ifNotStarted, evenIfRunning
    }

    /// Called once in each executor before the first task; also of a session that takes the place of one that
    /// was forgotten.
    private let initializer: TaskInitializer?
    let state: Mutex<State>
    let wake: EventFD
    let opened = Waiter<IsthmusError?>()

    /// Prints what tasks print, if that is wanted.
    private let forwarder: OutputForwarder?

    init(_ initializer: TaskInitializer?, _ forwarder: OutputForwarder?) throws(IsthmusError) {
        self.initializer = initializer
        self.forwarder = forwarder
        state = Mutex(State(id: SessionID(randomUInt64())))
        do {
            wake = try EventFD()
        } catch {
            throw .connection("the client cannot start: \(error)")
        }
        if let initializer {
            try state.withLock { state throws(IsthmusError) in try state.setUp(initializer) }
        }
    }

    var id: SessionID { state.withLock { $0.id } }

    /// Submits a task, after waiting for credit if there is none.
    nonisolated(nonsending) func submit(
        _ function: TaskFunction, _ options: TaskOptions, _ arguments: [UInt8], dependencies: [TaskID],
        lease: SessionLease
    ) async throws -> TaskHandle {
        if let problem = options.problem { throw IsthmusError.invalidOptions(problem) }
        let definition = try function.definition()
        if try !takeCredit(arguments.count) { try await waitForCredit(arguments.count) }
        let entry = try post(function, options, definition, arguments, dependencies)
        return TaskHandle(entry: entry, session: self, lease: lease)
    }

    private func takeCredit(_ bytes: Int) throws(IsthmusError) -> Bool {
        try state.withLock { state throws(IsthmusError) in
            if case .over(let error) = state.phase { throw error }
            if state.isClosing { throw .closed }
            guard !state.credit.isTooLarge(bytes) else {
                throw .limit(
                    "the arguments have \(bytes) bytes, and the scheduler takes at most "
                        + "\(state.credit.largest) for all unfinished tasks of a client together: send less, "
                        + "or where to find it"
                )
            }
            return state.credit.take(bytes)
        }
    }

    nonisolated(nonsending) private func waitForCredit(_ bytes: Int) async throws {
        let waiter = Waiter<IsthmusError?>()
        state.withLock { state in
            if case .over(let error) = state.phase {
                waiter.give(error)
            } else {
                state.credit.wait(bytes, waiter)
                state.credit.serve()
            }
        }
        let problem = await withTaskCancellationHandler {
            await waiter.value
        } onCancel: {
            waiter.give(.closed)
        }
        if let problem {
            try Task.checkCancellation()
            throw problem
        }
    }

    /// Numbers the task and puts it into the outbox. The caller holds credit for it.
    private func post(
        _ function: TaskFunction, _ options: TaskOptions, _ definition: [UInt8], _ arguments: [UInt8],
        _ dependencies: [TaskID]
    ) throws(IsthmusError) -> TaskEntry {
        let (entry, mustWake) = try state.withLock { state throws(IsthmusError) -> (TaskEntry, Bool) in
            do throws(IsthmusError) {
                if case .over(let error) = state.phase { throw error }
                guard dependencies.allSatisfy({ $0.session == state.id }) else {
                    throw IsthmusError.foreignDependency
                }
                let functionNumber = try state.number(of: function, definition)
                let optionsNumber = try state.number(of: options)
                for dependency in dependencies { state.isArgument(dependency.sequence) }
                let sequence = state.next
                state.next += 1
                let entry = TaskEntry(
                    id: TaskID(session: state.id, sequence: sequence), function: function, options: options)
                state.entries[sequence] = Unfinished(entry: entry, bytes: arguments.count)
                state.outbox.append(
                    .submit(
                        Submitted(
                            sequence: sequence, function: functionNumber, options: optionsNumber,
                            kind: function.kind, parent: TaskContext.current?.attemptID.task,
                            dependencies: dependencies.map(\.sequence),
                            arguments: arguments)))
                return (entry, state.mustWake())
            } catch {
                state.credit.giveBack(arguments.count)
                throw error
            }
        }
        if mustWake { wake.signal() }
        return entry
    }

    /// - Parameter running: also when it runs already.
    func cancel(_ task: TaskID, running: Bool) {
        let mustWake = state.withLock { state in
            task.session == state.id && state.cancel(task.sequence, running: running) && state.mustWake()
        }
        if mustWake { wake.signal() }
    }

    func cancelAll(running: Bool) {
        let mustWake = state.withLock { state in
            var isAsked = false
            for sequence in state.entries.keys.sorted() {
                if state.cancel(sequence, running: running) { isAsked = true }
            }
            return isAsked && state.mustWake()
        }
        if mustWake { wake.signal() }
    }

    /// Takes no more tasks and returns when all have ended and their values are here, or when the Swift task
    /// is cancelled. A value that went to other tasks, and that nobody awaits, is left where it is.
    func drain(cancelsPending: Bool) async {
        let waiter = Waiter<Void>()
        let (isIdle, mustWake) = state.withLock { state in
            state.isClosing = true
            let mustWake = state.wantResults() && state.mustWake()
            if !state.isDrained { state.drained.append(waiter) }
            return (state.isDrained, mustWake)
        }
        if mustWake { wake.signal() }
        if isIdle { return }
        if cancelsPending { cancelAll(running: false) }
        await withTaskCancellationHandler {
            await waiter.value
        } onCancel: {
            waiter.give(())
        }
    }

    /// Nobody will ask for the outcome any more.
    func abandon(_ task: TaskID) {
        let (mustWake, drained) = state.withLock { state -> (Bool, [Waiter<Void>]) in
            guard task.session == state.id, case .open = state.phase else { return (false, []) }
            if state.entries[task.sequence] != nil {
                state.entries[task.sequence]?.isAbandoned = true
                return (false, [])
            }
            state.outbox.append(.release(task.sequence))
            let wasLeft = state.left.remove(task.sequence) != nil
            return (state.mustWake(), wasLeft ? state.takeDrained() : [])
        }
        if mustWake { wake.signal() }
        for waiter in drained { waiter.give(()) }
    }

    func requestClose() {
        state.withLock { $0.closeRequested = true }
        wake.signal()
    }
}

extension ClientSession.State {
    /// Whether the loop has to be woken for what was just added.
    mutating func mustWake() -> Bool {
        if loopIsAwake { return false }
        loopIsAwake = true
        return true
    }

    /// Answers whether the cluster has to be asked.
    fileprivate mutating func cancel(_ sequence: UInt64, running: Bool) -> Bool {
        let wanted = running ? ClientSession.Cancellation.evenIfRunning : .ifNotStarted
        guard let known = entries[sequence]?.cancellation, known.rawValue < wanted.rawValue else {
            return false
        }
        entries[sequence]?.cancellation = wanted
        outbox.append(.cancel(sequence, running: running))
        return true
    }

    /// Goes before every task of the session.
    fileprivate mutating func setUp(_ initializer: TaskInitializer) throws(IsthmusError) {
        let number = try number(of: initializer.function, try initializer.function.definition())
        outbox.append(.setup(function: number, arguments: initializer.arguments.bytes))
    }

    /// Nothing is unfinished, and no value on its way.
    fileprivate var isDrained: Bool { entries.isEmpty && left.asked == 0 }

    /// Those who waited for it, once that is so.
    fileprivate mutating func takeDrained() -> [Waiter<Void>] {
        guard isDrained else { return [] }
        defer { drained = [] }
        return drained
    }

    fileprivate mutating func number(of function: TaskFunction, _ definition: [UInt8]) throws(IsthmusError)
        -> UInt32
    {
        if let known = functions[function] { return known }
        guard functions.count < Limits.functionsPerSessionMax else {
            throw .limit(
                "this client has used \(functions.count) different functions, at most "
                    + "\(Limits.functionsPerSessionMax) are allowed: pass what differs as an argument")
        }
        let number = UInt32(functions.count + 1)
        functions[function] = number
        outbox.append(.defineFunction(number, function.kind, definition: definition))
        return number
    }

    fileprivate mutating func number(of options: TaskOptions) throws(IsthmusError) -> UInt32 {
        if let known = self.options[options] { return known }
        guard self.options.count < Limits.optionSetsPerSessionMax else {
            throw .limit(
                "this client has used \(self.options.count) different sets of options, at most "
                    + "\(Limits.optionSetsPerSessionMax) are allowed: use fewer names")
        }
        let number = UInt32(self.options.count + 1)
        self.options[options] = number
        outbox.append(.defineOptions(number, options.fields))
        return number
    }
}

// MARK: What the loop does

extension ClientSession {
    /// Moves all letters to the end of `letters`. Answers whether the client asked to close.
    func takeLetters(into letters: inout [Letter]) -> Bool {
        state.withLock { state in
            state.loopIsAwake = false
            if letters.isEmpty {
                swap(&letters, &state.outbox)
            } else {
                letters.append(contentsOf: state.outbox)
                state.outbox.removeAll(keepingCapacity: true)
            }
            return state.closeRequested
        }
    }

    func welcomed(tasks: Int, bytes: Int) {
        state.withLock { state in
            state.credit.grant(tasks: tasks, bytes: bytes)
            if case .opening = state.phase { state.phase = .open }
            state.credit.serve()
        }
        opened.give(nil)
    }

    func wrote(_ sequence: UInt64) { state.withLock { $0.written = sequence } }

    func accepted(_ sequence: UInt64) { state.withLock { $0.accepted = max($0.accepted, sequence) } }

    func started(_ sequences: [UInt64]) {
        state.withLock { state in
            for sequence in sequences { state.entries[sequence]?.isStarted = true }
        }
    }

    func finish(_ outcome: ReceivedOutcome) { finish(outcome.head.attempt.task, .outcome(outcome)) }

    /// The task ended, and there is no memory for its outcome.
    func fail(_ head: OutcomeHead, missing: Int) {
        let task = head.attempt.task
        let entry = state.withLock { $0.entries[task.sequence]?.entry ?? $0.left[task.sequence] }
        finish(
            task,
            .failed(
                .resultNotDecodable(
                    TaskFailure(
                        task: task.description, function: entry?.function.description ?? "",
                        attempt: Int(head.attempt.number), worker: head.worker.description,
                        detail: "this process has no memory for the \(missing) bytes of its outcome",
                        output: ""))))
    }

    private func finish(_ task: TaskID, _ end: TaskEnd) {
        let (entry, isNew, drained) = state.withLock { state -> (TaskEntry?, Bool, [Waiter<Void>]) in
            guard task.session == state.id else { return (nil, false, []) }
            guard let unfinished = state.entries.removeValue(forKey: task.sequence) else {
                // The value that was left out before.
                let entry = end.lacksValue ? nil : state.left.remove(task.sequence)
                return (entry, false, state.takeDrained())
            }
            state.credit.giveBack(unfinished.bytes)
            if unfinished.isAbandoned {
                state.outbox.append(.release(task.sequence))
            } else if end.lacksValue {
                state.leave(unfinished)
            }
            return (unfinished.entry, true, state.takeDrained())
        }
        if isNew, let entry, case .outcome(let outcome) = end { forwarder?.arrived(outcome, of: entry) }
        if isNew { entry?.finish(end) } else { entry?.finishValue(end) }
        for waiter in drained { waiter.give(()) }
    }

    /// The scheduler does not know the session any more. What was submitted in it is void; the client goes on
    /// with a new one.
    func restart(_ what: String) -> SessionID {
        let id = SessionID(randomUInt64())
        let (lost, left, drained) = state.withLock { state in
            let lost = state.takeEntries {
                .sessionLost(
                    "\(what), and the task is lost: \($0.words); submit it again", mayHaveRun: $0.mayHaveRun)
            }
            let left = state.takeLeft(what)
            state.id = id
            state.next = 1
            state.written = 0
            state.accepted = 0
            state.outbox = []
            state.functions = [:]
            state.options = [:]
            state.credit.restart()
            if let initializer {
                do { try state.setUp(initializer) } catch { preconditionFailure("it was set up before") }
            }
            state.credit.serve()
            return (lost, left, state.takeDrained())
        }
        for (entry, error) in lost { entry.finish(.failed(error)) }
        for (entry, error) in left { entry.finishValue(.failed(error)) }
        for waiter in drained { waiter.give(()) }
        return id
    }

    /// The end of the session and of all its tasks. `of`: what a task ends with of which something is known.
    func end(_ error: IsthmusError, of: (KnownOfTask) -> IsthmusError) {
        typealias Ends = [(TaskEntry, IsthmusError)]
        let (lost, left, drained) = state.withLock { state -> (Ends, Ends, [Waiter<Void>]) in
            if case .over = state.phase { return ([], [], []) }
            state.phase = .over(error)
            state.outbox = []
            state.credit.fail(error)
            return (state.takeEntries(of), state.takeLeft("\(error)"), state.takeDrained())
        }
        for (entry, error) in lost { entry.finish(.failed(error)) }
        for (entry, error) in left { entry.finishValue(.failed(error)) }
        for waiter in drained { waiter.give(()) }
        opened.give(error)
    }

    func end(_ error: IsthmusError) { end(error) { _ in error } }
}

extension ClientSession.State {
    /// Every unfinished task, with the error that is made of what is known of it.
    fileprivate mutating func takeEntries(
        _ error: (KnownOfTask) -> IsthmusError
    ) -> [(TaskEntry, IsthmusError)] {
        defer { entries = [:] }
        return entries.map { sequence, unfinished in
            let words =
                if unfinished.isStarted {
                    "a worker had begun with it, and it may have run to its end"
                } else if sequence <= accepted {
                    "the scheduler had taken it on, and it may have run"
                } else if sequence <= written {
                    "it was sent, and may have reached the scheduler and run"
                } else {
                    "it was not sent, so it has not run"
                }
            let known = KnownOfTask(words: words, mayHaveRun: unfinished.isStarted || sequence <= written)
            return (unfinished.entry, error(known))
        }
    }
}

/// What a client can say of a task when its scheduler is lost.
struct KnownOfTask {
    let words: String
    let mayHaveRun: Bool
}

extension IsthmusError {
    static let foreignDependency = IsthmusError.argumentNotEncodable(
        path: "",
        problem: "it is a task of another client or of a session that the scheduler has forgotten: "
            + "await its value and pass that")
}
