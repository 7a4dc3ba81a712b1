// What happened, in the past tense. Facts that carry a payload (a submission, an outcome) are methods of
// `Scheduler` instead, because their answer says at once what becomes of the payload.

package import TaskModel

/// A fact for `Scheduler.absorb`. One that is about a stale slot, or about an attempt that is no longer the
/// task's, is ignored and counted.
package enum Event: Sendable, BitwiseCopyable {
    /// The attempt has been running for a while. (Most attempts end before anyone says that they started.)
    case attemptStarted(TaskSlot, attempt: UInt32, by: WorkerSlot)
    /// The worker gives the attempt back; it certainly did not start.
    case attemptReturned(TaskSlot, attempt: UInt32, by: WorkerSlot)
    /// A client or an operator no longer wants the task. Without `alsoRunning` a task that has started is
    /// left alone; with it the task ends as cancelled whatever its attempt still reports.
    case cancelRequested(TaskSlot, alsoRunning: Bool)
    /// The client will not use these outcomes again. Sequences that are unknown are skipped.
    case released(SessionSlot, first: UInt64, count: UInt64)
    /// Everything up to this number of `Action.record` is in the store.
    case recorded(upTo: UInt64)
    /// The worker will take no further attempts; it gives back what has not started.
    case workerDraining(WorkerSlot)
    /// A worker that was closed as `gone` has joined anew in the same life of its process: it was cut off,
    /// and none of its tasks killed it.
    case workerReturned(WorkerSlot)
}

/// What a worker says of an attempt that ended.
package struct AttemptReport: Sendable, BitwiseCopyable {
    package var task: TaskSlot
    package var attempt: UInt32
    package var worker: WorkerSlot
    package var status: OutcomeStatus
    package var reason: OutcomeReason
    /// Codec of the value; meaningful when the status is `value`.
    package var codec: Codec
    private var notes: Notes
    package var ranMicroseconds: UInt32
    /// Size of the value.
    package var valueBytes: UInt32

    /// Several answers in a byte, so that a report stays small.
    private struct Notes: OptionSet, BitwiseCopyable {
        let rawValue: UInt8

        static let retryable = Notes(rawValue: 1 << 0)
        static let held = Notes(rawValue: 1 << 1)
    }

    /// False: an exception that the task's `retry_on` does not name.
    package var isRetryable: Bool { notes.contains(.retryable) }
    /// The worker keeps the value until it is told to drop it.
    package var isHeld: Bool { notes.contains(.held) }

    package init(
        task: TaskSlot, attempt: UInt32, worker: WorkerSlot, status: OutcomeStatus, reason: OutcomeReason,
        codec: Codec, isRetryable: Bool = true, ranMicroseconds: UInt32, valueBytes: UInt32 = 0,
        isHeld: Bool = false
    ) {
        self.task = task
        self.attempt = attempt
        self.worker = worker
        self.status = status
        self.reason = reason
        self.codec = codec
        notes = isRetryable ? .retryable : []
        if isHeld { notes.insert(.held) }
        self.ranMicroseconds = ranMicroseconds
        self.valueBytes = valueBytes
    }
}

/// What becomes of the outcome that came with an `AttemptReport`.
package enum Verdict: Sendable, BitwiseCopyable {
    /// It is the task's outcome: keep it until `forget`; `deliver` will ask for it. The arguments may go.
    case committed
    /// Drop it: the task runs again, or ends otherwise (then a `conclude` follows).
    case dropped
    /// Drop it: it comes from an older attempt, or from a worker that does not own the task.
    case stale
}
