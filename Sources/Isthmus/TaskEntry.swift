import Synchronization
import TaskModel

/// How a task ended, as far as this client is concerned.
enum TaskEnd: Sendable {
    case outcome(ReceivedOutcome)
    /// It has no outcome and will not have one: the session is over, or nobody waits any more.
    case failed(IsthmusError)
    /// The Swift task that waited was cancelled; the task was asked to stop, and may end in any way.
    case interrupted

    /// The task has a value, which is not here.
    var lacksValue: Bool { if case .outcome(let outcome) = self { outcome.isLeft } else { false } }
}

/// One submitted task, shared by its handles and the session.
final class TaskEntry: Sendable {
    fileprivate struct State {
        var end: TaskEnd?
        /// What who asks for the value gets: the same end, unless it came without its value.
        var value: TaskEnd?
        var waiters: [Waiter<TaskEnd>] = []
        var valueWaiters: [Waiter<TaskEnd>] = []
    }

    let id: TaskID
    let function: TaskFunction
    let options: TaskOptions
    private let state = Mutex(State())

    init(id: TaskID, function: TaskFunction, options: TaskOptions) {
        self.id = id
        self.function = function
        self.options = options
    }

    var end: TaskEnd? { state.withLock { $0.end } }

    /// The end with its value, or why that cannot be had; nil while the value is not here.
    var value: TaskEnd? { state.withLock { $0.value } }

    /// Whether somebody waits for the value.
    var isValueAwaited: Bool {
        state.withLock { state in state.valueWaiters.contains { !$0.isGiven } }
    }

    /// The task has ended. Its value may come later.
    func finish(_ end: TaskEnd) {
        let waiters = state.withLock { state -> [Waiter<TaskEnd>] in
            guard state.end == nil else { return [] }
            state.end = end
            defer { state.waiters = [] }
            return state.waiters + (end.lacksValue ? [] : state.take(end))
        }
        for waiter in waiters { waiter.give(end) }
    }

    /// The task had ended without its value, and here is that, or why it cannot be had.
    func finishValue(_ value: TaskEnd) {
        let waiters = state.withLock { state -> [Waiter<TaskEnd>] in
            guard state.value == nil else { return [] }
            if case .outcome = value { state.end = value }
            return state.take(value)
        }
        for waiter in waiters { waiter.give(value) }
    }

    func wait(_ waiter: Waiter<TaskEnd>) {
        let end = state.withLock { state -> TaskEnd? in
            if state.end == nil { state.waiters.append(waiter) }
            return state.end
        }
        if let end { waiter.give(end) }
    }

    func waitForValue(_ waiter: Waiter<TaskEnd>) {
        let value = state.withLock { state -> TaskEnd? in
            if state.value == nil {
                // Those whose Swift task was cancelled wait no more.
                state.valueWaiters.removeAll { $0.isGiven }
                state.valueWaiters.append(waiter)
            }
            return state.value
        }
        if let value { waiter.give(value) }
    }
}

extension TaskEntry.State {
    /// Answers with those who waited for it.
    fileprivate mutating func take(_ value: TaskEnd) -> [Waiter<TaskEnd>] {
        self.value = value
        defer { valueWaiters = [] }
        return valueWaiters
    }
}

/// Keeps a task's outcome wanted. The last handle of a task that goes releases the outcome.
final class TaskHandle: Sendable {
    let entry: TaskEntry
    let session: ClientSession
    /// Keeps the connection open while somebody may await the task.
    private let lease: SessionLease

    init(entry: TaskEntry, session: ClientSession, lease: SessionLease) {
        self.entry = entry
        self.session = session
        self.lease = lease
    }

    deinit { session.abandon(entry.id) }

    /// Suspends until the task has ended. Cancelling the Swift task that waits cancels the task as well.
    func end() async -> TaskEnd {
        if let end = entry.end { return end }
        let waiter = Waiter<TaskEnd>()
        return await withTaskCancellationHandler {
            entry.wait(waiter)
            return await waiter.value
        } onCancel: {
            // Before the cluster is told: its answer must not come first.
            waiter.give(.interrupted)
            session.cancel(entry.id, running: true)
        }
    }

    /// Suspends until the task has ended and its value is here, and has that sent if it is large. Cancelling
    /// the Swift task that waits cancels the task as well.
    func value() async -> TaskEnd {
        if let value = entry.value { return value }
        let waiter = Waiter<TaskEnd>()
        return await withTaskCancellationHandler {
            entry.waitForValue(waiter)
            // After the wait has begun: an outcome that comes meanwhile without its value finds it.
            session.want(entry.id)
            return await waiter.value
        } onCancel: {
            // Before the cluster is told: its answer must not come first.
            waiter.give(.interrupted)
            session.cancel(entry.id, running: true)
        }
    }
}
