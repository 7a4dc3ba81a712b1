// The life of a task: phases and the transitions between them.
//
// A task is in exactly one phase. `Phase` owns what is true in that phase only, so nothing can be read that
// does not apply. What a client asked for meanwhile (cancel, release) is a flag on the task and no phase:
// it changes which transition comes next, not where the task is.
//
// `Lifecycle.cause` is the table of transitions. The core traps on any other, and the diagram of
// docs/task-lifecycle.md is generated from it.

import TaskModel

/// Where a task is on its way.
package enum TaskPhase: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// The row is free.
    case vacant
    /// Dependencies (or conversions of their values) have not ended.
    case waiting
    /// Its function raised; the next attempt waits for its delay to end.
    case delayed
    /// In a queue for a worker.
    case ready
    /// A worker is chosen; the dispatch of a task that is not idempotent is being recorded first.
    case recording
    /// A worker has it: held in front of an executor, or running.
    case assigned
    /// Its outcome is committed and being recorded.
    case ended
    /// Its outcome is recorded and delivered; kept for its client or for tasks that depend on it.
    case settled
}

/// The transitions of a task.
package enum Lifecycle {
    /// What leads from one phase to another; nil if nothing may.
    package static func cause(from: TaskPhase, to: TaskPhase) -> StaticString? {
        switch from {
        case .vacant:
            switch to {
            case .waiting: "submitted"
            case .vacant, .delayed, .ready, .recording, .assigned, .ended, .settled: nil
            }
        case .waiting:
            switch to {
            case .ready: "every dependency has a value"
            case .ended: "cancelled, expired, or a dependency failed"
            case .vacant: "session closed"
            case .waiting, .delayed, .recording, .assigned, .settled: nil
            }
        case .delayed:
            switch to {
            case .ready: "delay over"
            case .ended: "cancelled or expired"
            case .vacant: "session closed"
            case .waiting, .delayed, .recording, .assigned, .settled: nil
            }
        case .ready:
            switch to {
            case .assigned: "placed on a worker"
            case .recording: "placed on a worker, not idempotent"
            case .ended: "cancelled, expired, or refused because no worker can run it"
            case .vacant: "session closed"
            case .waiting, .delayed, .ready, .settled: nil
            }
        case .recording:
            switch to {
            case .assigned: "dispatch recorded"
            case .ready: "worker lost"
            case .ended: "cancelled or expired"
            case .vacant: "session closed"
            case .waiting, .delayed, .recording, .settled: nil
            }
        case .assigned:
            switch to {
            case .delayed: "retried after a delay"
            case .ready: "returned unstarted, retried, or repeated after a loss"
            case .ended: "outcome committed"
            case .vacant: "session closed"
            case .waiting, .recording, .assigned, .settled: nil
            }
        case .ended:
            switch to {
            case .settled: "outcome recorded and delivered"
            case .vacant: "session closed"
            case .waiting, .delayed, .ready, .recording, .assigned, .ended: nil
            }
        case .settled:
            switch to {
            case .vacant: "released, and no task needs its value"
            case .waiting, .delayed, .ready, .recording, .assigned, .ended, .settled: nil
            }
        }
    }

    /// The diagram of docs/task-lifecycle.md, in Mermaid.
    package static var diagram: String {
        var lines = ["stateDiagram-v2"]
        for from in TaskPhase.allCases {
            for to in TaskPhase.allCases {
                guard let cause = cause(from: from, to: to) else { continue }
                lines.append("    \(name(from)) --> \(name(to)): \(cause)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func name(_ phase: TaskPhase) -> String { phase == .vacant ? "[*]" : "\(phase)" }
}

/// The phase of a task with the data of that phase.
enum Phase: BitwiseCopyable {
    /// `next` row of the free list.
    case vacant(next: UInt32)
    /// `missing` edges to producers whose value is not there yet.
    case waiting(missing: UInt32)
    case delayed(until: Instant)
    case ready(since: Instant)
    case recording(Holding)
    case assigned(Holding)
    case ended(Ending)
    case settled(Ending)

    var name: TaskPhase {
        switch self {
        case .vacant: .vacant
        case .waiting: .waiting
        case .delayed: .delayed
        case .ready: .ready
        case .recording: .recording
        case .assigned: .assigned
        case .ended: .ended
        case .settled: .settled
        }
    }

    /// Set while a worker is chosen.
    var holding: Holding? {
        switch self {
        case .recording(let holding), .assigned(let holding): holding
        case .vacant, .waiting, .delayed, .ready, .ended, .settled: nil
        }
    }

    /// Set once an outcome is committed.
    var ending: Ending? {
        switch self {
        case .ended(let ending), .settled(let ending): ending
        case .vacant, .waiting, .delayed, .ready, .recording, .assigned: nil
        }
    }
}

/// A worker's hold on an attempt.
struct Holding: BitwiseCopyable {
    var worker: UInt32
    /// What the attempt was counted as in the worker's load; estimates change, this does not.
    var weight: UInt32
    /// Microseconds that its session was charged for it.
    var charged: UInt32
    var since: Instant
}

/// How a task ended.
struct Ending: BitwiseCopyable {
    var at: Instant
    var status: OutcomeStatus
    var reason: OutcomeReason
    var codec: Codec
    /// Row of the task that turns the value into neutral form, once one was needed.
    var conversion: UInt32
    /// Of a value its row in `HeldValues`; of anything else the row of the dependency that failed.
    private var other: UInt32
    var causeGeneration: UInt32

    /// - Parameter other: `value` or `cause`, as the status says.
    init(
        at: Instant, status: OutcomeStatus, reason: OutcomeReason, codec: Codec, other: UInt32,
        causeGeneration: UInt32
    ) {
        self.at = at
        self.status = status
        self.reason = reason
        self.codec = codec
        conversion = .none
        self.other = other
        self.causeGeneration = causeGeneration
    }

    /// Row of a large value in `HeldValues`, or none.
    var value: UInt32 { status == .value ? other : .none }
    /// Row of the dependency that failed, or none.
    var cause: UInt32 { status == .value ? .none : other }
}
