import Posix
import Synchronization
import TaskModel
import Wire

/// What a client's callers and its loop share. Callers add letters under the lock and wake the loop; the loop
/// takes all letters at once, and completes the tasks whose outcomes arrive.
///
/// The outbox needs no capacity of its own: each submission in it has taken credit, of which there is a
/// bounded amount, and each task is cancelled and released at most once.
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
        var next: UInt64 = 1
        var outbox: [Letter] = []
        var credit = Credit()
        var entries: [UInt64: Unfinished] = [:]
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
        var isCancelled = false
        var isStarted = false
        /// No handle is left: its outcome is released as soon as it arrives.
        var isAbandoned = false
    }

    let state: Mutex<State>
    let wake: EventFD
    let opened = Waiter<IsthmusError?>()

    init() throws(IsthmusError) {
        state = Mutex(State(id: SessionID(randomUInt64())))
        do {
            wake = try EventFD()
        } catch {
            throw .connection("the client cannot start: \(error)")
        }
    }

    var id: SessionID { state.withLock { $0.id } }

    /// Submits a task, after waiting for credit if there is none.
    nonisolated(nonsending) func submit(
        _ function: TaskFunction, _ options: TaskOptions, _ arguments: [UInt8], dependencies: [TaskID],
        lease: SessionLease
    ) async throws(IsthmusError) -> TaskHandle {
        let definition = try function.definition()
        if try !takeCredit(arguments.count) { try await waitForCredit(arguments.count) }
        let entry = try post(function, options, definition, arguments, dependencies)
        return TaskHandle(entry: entry, session: self, lease: lease)
    }

    private func takeCredit(_ bytes: Int) throws(IsthmusError) -> Bool {
        try state.withLock { state throws(IsthmusError) in
            if case .over(let error) = state.phase { throw error }
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

    nonisolated(nonsending) private func waitForCredit(_ bytes: Int) async throws(IsthmusError) {
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
            waiter.give(.cancelled(.unsubmitted))
        }
        if let problem { throw problem }
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
                let sequence = state.next
                state.next += 1
                let entry = TaskEntry(id: TaskID(session: state.id, sequence: sequence), function: function)
                state.entries[sequence] = Unfinished(entry: entry, bytes: arguments.count)
                state.outbox.append(
                    .submit(
                        Submitted(
                            sequence: sequence, function: functionNumber, options: optionsNumber,
                            kind: function.kind, dependencies: dependencies.map(\.sequence),
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

    func cancel(_ task: TaskID) {
        let mustWake = state.withLock { state in
            guard task.session == state.id, state.entries[task.sequence]?.isCancelled == false else {
                return false
            }
            state.entries[task.sequence]?.isCancelled = true
            state.outbox.append(.cancel(task.sequence))
            return state.mustWake()
        }
        if mustWake { wake.signal() }
    }

    /// Nobody will ask for the outcome any more.
    func abandon(_ task: TaskID) {
        let mustWake = state.withLock { state in
            guard task.session == state.id, case .open = state.phase else { return false }
            if state.entries[task.sequence] != nil {
                state.entries[task.sequence]?.isAbandoned = true
                return false
            }
            state.outbox.append(.release(task.sequence))
            return state.mustWake()
        }
        if mustWake { wake.signal() }
    }

    func requestClose() {
        state.withLock { $0.closeRequested = true }
        wake.signal()
    }
}

extension ClientSession.State {
    /// Whether the loop has to be woken for what was just added.
    fileprivate mutating func mustWake() -> Bool {
        if loopIsAwake { return false }
        loopIsAwake = true
        return true
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
        if let problem = options.resources.problem { throw .invalidOptions(problem) }
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

    /// The task ended, and its outcome cannot be had here.
    func fail(_ task: TaskID, _ error: IsthmusError) { finish(task, .failed(error)) }

    private func finish(_ task: TaskID, _ end: TaskEnd) {
        let entry = state.withLock { state -> TaskEntry? in
            guard task.session == state.id, let unfinished = state.entries.removeValue(forKey: task.sequence)
            else { return nil }
            state.credit.giveBack(unfinished.bytes)
            if unfinished.isAbandoned { state.outbox.append(.release(task.sequence)) }
            return unfinished.entry
        }
        entry?.finish(end)
    }

    /// The scheduler does not know the session any more. What was submitted in it is void; the client goes on
    /// with a new one.
    func restart(_ what: String) -> SessionID {
        let id = SessionID(randomUInt64())
        let lost = state.withLock { state in
            let lost = state.takeEntries {
                .connection("\(what), and the task is lost: \($0); submit it again")
            }
            state.id = id
            state.next = 1
            state.written = 0
            state.accepted = 0
            state.outbox = []
            state.functions = [:]
            state.options = [:]
            state.credit.restart()
            state.credit.serve()
            return lost
        }
        for (entry, error) in lost { entry.finish(.failed(error)) }
        return id
    }

    /// The end of the session and of all its tasks. `of`: what a task ends with of which something is known.
    func end(_ error: IsthmusError, of: (String) -> IsthmusError) {
        let lost = state.withLock { state -> [(TaskEntry, IsthmusError)] in
            if case .over = state.phase { return [] }
            state.phase = .over(error)
            state.outbox = []
            state.credit.fail(error)
            return state.takeEntries(of)
        }
        for (entry, error) in lost { entry.finish(.failed(error)) }
        opened.give(error)
    }

    func end(_ error: IsthmusError) { end(error) { _ in error } }
}

extension ClientSession.State {
    /// Every unfinished task, with the error that is made of what is known of it.
    fileprivate mutating func takeEntries(
        _ error: (String) -> IsthmusError
    ) -> [(TaskEntry, IsthmusError)] {
        defer { entries = [:] }
        return entries.map { sequence, unfinished in
            let known =
                if unfinished.isStarted {
                    "a worker had begun with it, and it may have run to its end"
                } else if sequence <= accepted {
                    "the scheduler had taken it on, and it may have run"
                } else if sequence <= written {
                    "it was sent, and may have reached the scheduler and run"
                } else {
                    "it was not sent, so it has not run"
                }
            return (unfinished.entry, error(known))
        }
    }
}

extension TaskFailure {
    static let unsubmitted = TaskFailure(
        task: "not submitted", function: "none", attempt: 0, worker: "",
        detail: "The Swift task that submits it was cancelled while it waited for credit.", output: "")
}

extension IsthmusError {
    static let foreignDependency = IsthmusError.argumentNotEncodable(
        path: "",
        problem: "it is a task of another client or of a session that the scheduler has forgotten: "
            + "await its value and pass that")
}
