package import TaskModel

/// What `isthmus status` shows. Counts are those of the moment; `counters` grow from the start of the
/// process.
package struct ClusterStatus: Hashable, Sendable {
    package var name: String
    package var version: String
    package var epoch: Epoch
    package var processID: Int32
    package var uptime: Interval
    /// Addresses on which clients and workers are served.
    package var addresses: [String]
    package var clients: Int
    package var workers: Int
    package var slots: Int
    package var tasks: TaskCounts
    /// Bytes of arguments, definitions and values that the scheduler holds.
    package var payloadBytes: Int
    /// True from the start of a graceful stop: no new session is taken.
    package var stopping: Bool
    package var counters: SchedulerCounters
    /// Of all workers that take tasks.
    package var resources: [ResourceUse] = []
}

/// How many tasks are in which phase.
package struct TaskCounts: Hashable, Sendable {
    /// Waits for tasks that it depends on, or for the end of a delay between two attempts.
    package var waiting = 0
    /// Could run, and waits for a slot.
    package var ready = 0
    /// Given to a worker, not known to run yet.
    package var assigned = 0
    /// Has been running for a while (a worker reports attempts from 5 ms on).
    package var running = 0
    /// Ended, and its value is still kept for its client or for dependants.
    package var kept = 0

    package init() {}
}

/// Totals since the start of the process.
package struct SchedulerCounters: Hashable, Sendable {
    package var submitted: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var assigned: UInt64 = 0
    package var values: UInt64 = 0
    package var exceptions: UInt64 = 0
    package var cancelled: UInt64 = 0
    package var lost: UInt64 = 0
    package var timedOut: UInt64 = 0
    package var refused: UInt64 = 0
    /// Outcomes of attempts that no longer counted (an older attempt, a worker that had lost it).
    package var staleOutcomes: UInt64 = 0
    package var framesReceived: UInt64 = 0
    package var framesSent: UInt64 = 0
    package var malformed: UInt64 = 0
    package var sessionsRefused: UInt64 = 0
    /// Connections whose key is not on the list.
    package var keysRefused: UInt64 = 0
    package var workersLost: UInt64 = 0
    /// Bytes of values that went to workers for tasks that depend on them, and those that workers had.
    package var dependencyBytesSent: UInt64 = 0
    package var dependencyBytesSaved: UInt64 = 0
    package var turns: UInt64 = 0

    package init() {}
}

/// What tasks share of a worker, or of all of them: memory in bytes, everything else in thousandths.
package struct ResourceUse: Hashable, Sendable {
    package var name: String
    package var offered: UInt64
    package var taken: UInt64

    package init(name: String, offered: UInt64, taken: UInt64) {
        self.name = name
        self.offered = offered
        self.taken = taken
    }
}

/// One worker, or one client, as `isthmus nodes` lists it.
package struct NodeStatus: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case worker
        case client
    }

    /// connected: speaks. silent: nothing heard for longer than two heartbeats, lease still running.
    /// draining: finishes what it runs and takes nothing new.
    package enum State: String, Hashable, Sendable, CaseIterable {
        case connected
        case silent
        case draining
    }

    package var session: SessionID
    package var kind: Kind
    package var state: State
    package var name: String
    package var host: String
    package var processID: UInt64
    /// "3.11"; nil for a peer without Python.
    package var python: String?
    package var pythonExecutable: String?
    package var cloudpickle: String?
    /// Names of registered Swift functions.
    package var swiftFunctions: [String]
    package var labels: String
    package var slots: Int
    /// Attempts known to run, and attempts that wait on the worker (workers only).
    package var running: Int
    package var queued: Int
    /// Resident bytes as the worker reported last, 0 when it has not.
    package var residentBytes: UInt64
    /// The bound that the worker named in its hello, 0 for none.
    package var memoryLimitBytes: UInt64
    /// Unfinished tasks of this client (clients only).
    package var tasks: Int
    package var connectedFor: Interval
    package var silentFor: Interval
    /// Of a worker, cpu first.
    package var resources: [ResourceUse] = []
    /// Each gpu of a worker: what is taken of it, by the name that the worker gave it.
    package var gpus: [ResourceUse] = []
}

/// Where a task is. `ended` tasks are known until `Limits.endedTasksKeptMax` others have ended after them.
package enum TaskState: String, Hashable, Sendable, CaseIterable {
    case waiting
    case ready
    case assigned
    case running
    case ended
}

/// Which tasks `tasks(_:limit:after:)` lists; nil lets all pass.
package struct TaskFilter: Hashable, Sendable {
    package var states: Set<TaskState>
    package var session: SessionID?
    package var worker: SessionID?

    /// - Parameter states: an empty set lets every state pass.
    package init(states: Set<TaskState> = [], session: SessionID? = nil, worker: SessionID? = nil) {
        self.states = states
        self.session = session
        self.worker = worker
    }
}

/// One task in a listing.
package struct TaskSummary: Hashable, Sendable {
    package var id: TaskID
    package var state: TaskState
    /// The option `name`, or the function's import path or registered name; empty when neither is known.
    package var name: String
    package var kind: ExecutorKind
    /// 0 before the first attempt.
    package var attempt: UInt32
    package var worker: SessionID?
    package var workerName: String?
    /// Since it was accepted.
    package var age: Interval
    /// How it ended; nil before.
    package var status: OutcomeStatus?
    package var reason: OutcomeReason?
    /// How long its last attempt ran, once it has ended.
    package var ran: Interval?
}

/// Where a listing goes on. Opaque: print it, read it back with `init?(_:)`.
package struct TaskCursor: Hashable, Sendable, CustomStringConvertible {
    let position: UInt64

    init(position: UInt64) { self.position = position }

    package init?(_ text: String) {
        guard let position = UInt64(text, radix: 36) else { return nil }
        self.position = position
    }

    package var description: String { String(position, radix: 36) }
}

/// Some tasks, and where the next ones begin (nil: there are no more).
package struct TaskPage: Hashable, Sendable {
    package var tasks: [TaskSummary]
    package var next: TaskCursor?
}

/// Everything known about one task, with the answer to "why does it wait" in words.
package struct TaskExplanation: Hashable, Sendable {
    package var task: TaskSummary
    /// One sentence: what the task does now and why, e.g. "waits for a worker with Python 3.12: connected
    /// workers have 3.11 (2 workers)".
    package var summary: String
    /// Further sentences: its dependencies, its attempts, what to do.
    package var details: [String]
    package var dependencies: [TaskID]
    package var parent: TaskID?
}

/// A captured part of a task's output, as far as it is still kept.
package struct TaskOutputPart: Hashable, Sendable {
    package var kind: OutcomePart
    package var codec: Codec
    package var bytes: [UInt8]

    package init(kind: OutcomePart, codec: Codec, bytes: [UInt8]) {
        self.kind = kind
        self.codec = codec
        self.bytes = bytes
    }
}

/// What a task wrote, part by part.
package struct TaskOutput: Hashable, Sendable {
    package var id: TaskID
    package var state: TaskState
    /// In the order of the outcome: standard output, standard error, log, traceback.
    package var parts: [TaskOutputPart]
}

/// Something that an operator wants to see as it happens. No event per task: those are counted in `progress`.
package struct ClusterEvent: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case clientOpened(SessionID, name: String)
        case clientClosed(SessionID, lost: Bool)
        case workerJoined(SessionID, name: String, slots: Int)
        case workerDraining(SessionID)
        case workerLeft(SessionID, lost: Bool)
        case sessionRefused(code: String, message: String)
        /// A task ended as anything but a value: the id, the status, the words.
        case taskFailed(TaskID, OutcomeStatus, OutcomeReason, detail: String)
        /// At most once a second, and only when something changed.
        case progress(TaskCounts, SchedulerCounters)
        case stopping
    }

    /// Grows by one per event; a gap tells a slow reader how many it missed.
    package var number: UInt64
    /// Since the scheduler started.
    package var at: Interval
    package var kind: Kind
}

/// Why an operator's request was not done. `description` says what to do.
package enum ControlError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not here yet, never submitted, or ended so long ago that it is forgotten.
    case unknownTask(TaskID)
    case unknownNode(SessionID)
    case notAWorker(SessionID)
    /// The mailbox into the loop is full: ask again.
    case busy
    /// The scheduler has stopped.
    case stopped
    /// Too many watchers at once.
    case tooManyWatchers(limit: Int)

    package var description: String {
        switch self {
        case .unknownTask(let id):
            "no task \(id): it has not arrived yet or was never submitted, its session is closed, or it "
                + "ended more than \(Limits.endedTasksKeptMax) tasks ago; `isthmus tasks` lists what is known"
        case .unknownNode(let session):
            "no node \(session) is connected; `isthmus nodes` lists those that are"
        case .notAWorker(let session):
            "node \(session) is a client; only workers can be drained"
        case .busy:
            "the scheduler has too many control requests waiting; try again in a moment"
        case .stopped:
            "the scheduler has stopped"
        case .tooManyWatchers(let limit):
            "\(limit) watchers are connected already, which is the limit; end one of them"
        }
    }
}
