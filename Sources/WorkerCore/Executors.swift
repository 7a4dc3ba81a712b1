// Slots, and the executors that serve them.
//
// A slot runs one attempt at a time, whatever its kind. It has a place for an executor of each kind that the
// worker offers; the one whose kind is `active` holds the pipeline. A slot changes its kind only when its
// pipeline is empty. Places that belong to no slot are spares: when the executor of a slot dies, a spare that
// is ready takes its place at once, and the place of the dead one becomes the spare.

import TaskModel

enum ExecutorPhase: Sendable, BitwiseCopyable {
    /// Never started. Exit: starting.
    case absent
    /// The process runs and has not said `ready`. Exits: ready, killed, dead.
    case starting(deadline: Instant)
    /// Exits: killed, dead.
    case ready
    /// Killed; its death is not confirmed. Exit: dead or starting.
    case killed(KillCause)
    /// Started again at the instant. Exit: starting.
    case dead(restart: Instant)
}

/// Why the worker itself kills an executor: decides what its first attempt ends with.
enum KillCause: UInt8, Sendable, BitwiseCopyable {
    /// An attempt did not stop within its grace period, or nobody wants what runs.
    case stop
    case memory
    case broken
    /// It never became ready.
    case start
    /// It was in a session's initializer for too long.
    case initializer
    /// It did not begin with the attempt that was next.
    case hung
    /// It had nothing to do, and had served other devices than what is next.
    case retired
}

struct Executor: Sendable, BitwiseCopyable {
    let kind: ExecutorKind
    /// Nil: a spare.
    var slot: UInt16?
    var phase = ExecutorPhase.absent
    /// Starts that failed since the last that succeeded.
    var failures = 0
    /// The session in whose initializer it died.
    var initializing: SessionID?
    /// The devices of all attempts that this process was given; nil before the first.
    var devices: UInt64?

    var isReady: Bool {
        switch phase {
        case .ready: true
        case .absent, .starting, .killed, .dead: false
        }
    }

    var isAbsent: Bool {
        switch phase {
        case .absent: true
        case .ready, .starting, .killed, .dead: false
        }
    }
}

struct Slot: Sendable, BitwiseCopyable {
    var python: ExecutorIndex?
    var swift: ExecutorIndex?
    /// The kind of what is in the pipeline; without meaning when that is empty.
    var active = ExecutorKind.python
    var pipeline = AttemptList()
    /// What the pipeline's attempts are thought to take, altogether.
    var backlog = Interval.zero

    func executor(_ kind: ExecutorKind) -> ExecutorIndex? {
        switch kind {
        case .python: python
        case .swift: swift
        case .command: nil
        }
    }
}

/// Run times per function: an exponentially weighted mean with a weight of one quarter for the newest.
struct Estimates: ~Copyable {
    /// Negative: no run seen yet.
    private var means: [Int64] = []
    private var free: [FunctionSlot] = []

    mutating func add() -> FunctionSlot {
        if let slot = free.popLast() {
            means[Int(slot.rawValue)] = -1
            return slot
        }
        means.append(-1)
        return FunctionSlot(UInt32(means.count - 1))
    }

    mutating func remove(_ slot: FunctionSlot) { free.append(slot) }

    /// A function that never ran may take long, so nothing is sent behind it.
    func estimate(_ slot: FunctionSlot) -> Interval {
        let mean = means[Int(slot.rawValue)]
        return mean < 0 ? Limits.lookaheadTarget : Interval(nanoseconds: max(mean, 1_000))
    }

    /// A run far beyond the mean counts as four times the mean: on a busy machine a task of microseconds is
    /// now and then interrupted for milliseconds, and that must not stop the lookahead. A real change is
    /// learned within a few dozen runs all the same.
    mutating func learn(_ slot: FunctionSlot, ran: Interval) {
        let mean = means[Int(slot.rawValue)]
        let sample = mean < 0 ? ran.nanoseconds : min(ran.nanoseconds, max(4 * mean, Self.outlierMin))
        means[Int(slot.rawValue)] = mean < 0 ? sample : mean + (sample - mean) / 4
    }

    private static let outlierMin = Interval.microseconds(100).nanoseconds
}
