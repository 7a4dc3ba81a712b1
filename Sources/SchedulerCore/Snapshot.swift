// Copyable pictures of the core for listings, the dashboard and tests. Words are made by the server.

package import TaskModel

/// One task in a listing.
package struct TaskSnapshot: Equatable, Sendable, BitwiseCopyable {
    package var task: TaskSlot
    package var id: TaskID
    package var function: FunctionKey
    package var requirement: RequirementID
    package var phase: TaskPhase
    /// The worker said that it started.
    package var started: Bool
    /// A client or operator asked to cancel it.
    package var cancelled: Bool
    /// Of the current or latest attempt; 0 before the first.
    package var attempt: UInt32
    package var worker: WorkerSlot?
    package var submitted: Instant
    /// When the current phase's work began: assigned or ended; else `submitted`.
    package var since: Instant
    /// Meaningful in `ended` and `settled`.
    package var status: OutcomeStatus
    package var reason: OutcomeReason
    package var isConversion: Bool
}

/// A task that ended, as the bounded history keeps it after its slot is gone.
package struct EndedTask: Equatable, Sendable, BitwiseCopyable {
    package var id: TaskID
    package var function: FunctionKey
    package var status: OutcomeStatus
    package var reason: OutcomeReason
    package var attempt: UInt32
    /// Session of the worker of the last attempt; 0 for none.
    package var worker: SessionID
    package var submitted: Instant
    package var ended: Instant
    package var ranMicroseconds: UInt32
}

/// One worker in a listing.
package struct WorkerSnapshot: Equatable, Sendable, BitwiseCopyable {
    package var worker: WorkerSlot
    package var id: SessionID
    package var slots: UInt32
    /// Attempts that it holds, running ones included.
    package var held: UInt32
    /// Of these, attempts that it said are running for a while.
    package var started: UInt32
    package var draining: Bool
    /// Attempts that it ended, with whatever status.
    package var finished: UInt64
}

/// One client session in a listing.
package struct SessionSnapshot: Equatable, Sendable, BitwiseCopyable {
    package var session: SessionSlot
    package var id: SessionID
    package var unfinished: UInt32
    package var tasksMax: UInt32
    /// Every sequence up to this one was submitted.
    package var watermark: UInt64
}

/// The whole scheduler in numbers.
package struct StatusSnapshot: Equatable, Sendable, BitwiseCopyable {
    package var sessions = 0
    package var workers = 0
    /// Slots of workers that are not draining.
    package var slots = 0
    package var waiting = 0
    package var delayed = 0
    package var ready = 0
    /// `recording` and `assigned`.
    package var held = 0
    /// `ended` and `settled`.
    package var kept = 0
    package var counters = Counters()
}

/// Counts since the start; they only grow.
package struct Counters: Equatable, Sendable, BitwiseCopyable {
    package var submitted: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var refused: UInt64 = 0
    package var succeeded: UInt64 = 0
    package var exceptions: UInt64 = 0
    package var cancelled: UInt64 = 0
    package var lost: UInt64 = 0
    package var timedOut: UInt64 = 0
    package var assigned: UInt64 = 0
    /// Attempts again after an exception.
    package var retried: UInt64 = 0
    /// Of these, those that waited before.
    package var delayed: UInt64 = 0
    /// Tasks whose deadline passed before they had ended.
    package var expired: UInt64 = 0
    /// Attempts again after the loss of an executor or worker.
    package var repeated: UInt64 = 0
    /// Placements of tasks that had waited too long for their turn.
    package var aged: UInt64 = 0
    package var returned: UInt64 = 0
    package var retracted: UInt64 = 0
    /// Facts about stale slots and older attempts.
    package var stale: UInt64 = 0
    package var conversions: UInt64 = 0

    package init() {}
}

/// What is in front of a task that could run.
package struct SlotWait: Equatable, Sendable, BitwiseCopyable {
    /// Workers that could run it, their slots, and the attempts that they hold, running ones included.
    package var workers: UInt32
    package var slots: UInt32
    package var held: UInt32
    /// Tasks in front of it in its session's queue, at most.
    package var ahead: UInt32
    /// Ready tasks of a higher priority.
    package var moreUrgent: UInt32
    /// Sessions that share the workers in turn, its own included.
    package var sessions: UInt32
}

/// Why a task is where it is; see `Scheduler.explain`.
package enum Explanation: Equatable, Sendable, BitwiseCopyable {
    /// `missing` dependencies have not ended; `first` is one of them (a conversion possibly).
    case waitsForDependencies(missing: UInt32, first: TaskSlot)
    /// Its function raised; this attempt starts after a delay.
    case waitsForRetry(attempt: UInt32, until: Instant)
    /// No worker that takes tasks meets the requirement; `workers` are connected, of which `draining` take
    /// no more tasks. It is refused at that instant unless one joins.
    case noWorkerProvides(RequirementID, workers: UInt32, draining: UInt32, refusedAt: Instant?)
    /// None of the connected workers meets it, but one that is expected will.
    case waitsForExpectedWorker(RequirementID)
    /// Workers meet it, but all hold as much as they may.
    case waitsForSlot(RequirementID, SlotWait)
    /// Workers have what it asks for, and other tasks have it now; one worker may be kept free for it.
    case waitsForResources(RequirementID, workers: UInt32, keptFree: WorkerSlot?)
    /// Its dispatch to this worker is being recorded, because it is not idempotent.
    case recordsDispatch(WorkerSlot)
    /// The worker holds it and has not said that it started.
    case held(by: WorkerSlot, attempt: UInt32, since: Instant)
    case running(on: WorkerSlot, attempt: UInt32, since: Instant)
    /// The worker was asked to stop it.
    case stopping(on: WorkerSlot, attempt: UInt32, since: Instant)
    /// The same, because its deadline has passed.
    case expiring(on: WorkerSlot, attempt: UInt32, since: Instant)
    /// `cause`: a dependency that failed, if it is still known.
    case ended(OutcomeStatus, OutcomeReason, cause: TaskSlot?)
}
