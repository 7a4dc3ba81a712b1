import Synchronization
import TaskModel

/// How a task ended, as far as this client is concerned.
enum TaskEnd: Sendable {
    case outcome(ReceivedOutcome)
    /// It has no outcome and will not have one: the session is over, or nobody waits any more.
    case failed(IsthmusError)
    /// The Swift task that waited was cancelled; the task was asked to stop, and may end in any way.
    case interrupted
}

/// One submitted task, shared by its handles and the session.
final class TaskEntry: Sendable {
    private struct State {
        var end: TaskEnd?
        var waiters: [Waiter<TaskEnd>] = []
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

    func finish(_ end: TaskEnd) {
        let waiters = state.withLock { state -> [Waiter<TaskEnd>] in
            guard state.end == nil else { return [] }
            state.end = end
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.give(end) }
    }

    func wait(_ waiter: Waiter<TaskEnd>) {
        let end = state.withLock { state -> TaskEnd? in
            if state.end == nil { state.waiters.append(waiter) }
            return state.end
        }
        if let end { waiter.give(end) }
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
            session.cancel(entry.id, running: true)
            waiter.give(.interrupted)
        }
    }
}
