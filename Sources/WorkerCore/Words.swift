package import TaskModel

/// An attempt that this worker holds. The index is dense and is reused; the generation tells a new attempt
/// from an older one at the same index.
package struct AttemptSlot: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package let generation: UInt32

    package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// A place for an executor: one process after another lives in it.
package struct ExecutorIndex: Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt16

    package init(_ rawValue: Int) { self.rawValue = UInt16(rawValue) }

    package var int: Int { Int(rawValue) }
}

/// A function of a session, for which the core keeps an estimate of the run time.
package struct FunctionSlot: Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// How a worker is made. Nothing in it changes afterwards.
package struct WorkerShape: Sendable, BitwiseCopyable {
    package var slots: Int
    package var python: Bool
    package var swift: Bool
    /// Python executors that are started after the first loss of one, or for the first attempt with devices,
    /// and wait for what is next.
    package var spares: Int
    /// How many devices it offers: gpus that attempts are given.
    package var devices: Int
    /// How long an executor may be in a session's initializer.
    package var initializerTimeout: Interval
    /// How long an executor may take to begin with what is next.
    package var attemptTakeTimeout: Interval

    package init(
        slots: Int, python: Bool, swift: Bool, spares: Int = 0, devices: Int = 0,
        initializerTimeout: Interval = Limits.initializerTimeout,
        attemptTakeTimeout: Interval = Limits.attemptTakeTimeout
    ) {
        self.initializerTimeout = initializerTimeout
        self.attemptTakeTimeout = attemptTakeTimeout
        self.slots = slots
        self.python = python
        self.swift = swift
        self.spares = spares
        self.devices = devices
    }
}

/// What the core needs to know of an attempt that the scheduler assigned.
package struct AttemptOrder: Sendable, BitwiseCopyable {
    package var id: AttemptID
    package var function: FunctionSlot
    package var kind: ExecutorKind
    /// Time that the attempt may be the first of its pipeline; nil: for ever.
    package var timeout: Interval?
    /// From the exception inside the task to the kill of its executor.
    package var grace: Interval
    /// What waits here with a smaller one is overtaken, within bounds.
    package var rank: Int8
    /// Devices that it has while it is here, a bit each.
    package var devices: UInt64
    /// It takes more than a slot and one cpu, or cpus are fewer than slots here.
    package var isCounted: Bool

    package init(
        id: AttemptID, function: FunctionSlot, kind: ExecutorKind, timeout: Interval?, grace: Interval,
        rank: Int8 = 0, devices: UInt64 = 0, isCounted: Bool = false
    ) {
        self.rank = rank
        self.devices = devices
        self.isCounted = isCounted
        self.id = id
        self.function = function
        self.kind = kind
        self.timeout = timeout
        self.grace = grace
    }
}

/// What an executor says that it is doing.
package enum ExecutorActivity: UInt8, Sendable, BitwiseCopyable {
    /// Also of an executor that does not say.
    case attempt
    /// The initializer of a session, before its first attempt.
    case initializer
    case nothing
}

/// What happened. Facts only: what follows from them is in the actions.
package enum Event: Sendable, BitwiseCopyable {
    /// The scheduler wants the attempt back if it has not started.
    case retractRequested(AttemptSlot)
    /// The attempt is to be stopped, running or not.
    case cancelRequested(AttemptSlot)
    /// A client is gone; nobody wants its results.
    case sessionForgotten(SessionID)
    /// The scheduler no longer knows this worker: it has counted all attempts here as lost.
    case expelled
    case drainRequested
    /// An executor's process said `ready`.
    case executorReady(ExecutorIndex)
    /// The process has ended, and everything that it wrote has been absorbed.
    case executorDied(ExecutorIndex)
    /// It broke the protocol, or closed its socket without ending.
    case executorBroke(ExecutorIndex)
    /// It can run no further attempts as they should be run, says so, and has not begun with the next.
    case executorUnfit(ExecutorIndex)
    /// It and its children use more memory than they may.
    case memoryExceeded(ExecutorIndex)
    /// The executor gave the attempt back without having started it.
    case attemptReturned(AttemptSlot, by: ExecutorIndex)
    /// The answer to `look`.
    case looked(AttemptSlot, ExecutorIndex, ExecutorActivity)
    /// The executor is about to be found dead, and what it ran last was the initializer of this session.
    case initializerEnded(SessionID, in: ExecutorIndex)
}

/// What the server has to do, in the order in which the actions were appended. Those that end an attempt
/// (`giveBack`, `conclude`, `forget`) come once per attempt, and its index is not reused before the actions
/// of the turn have been run.
package enum Action: Hashable, Sendable, BitwiseCopyable {
    /// Start a process in this place.
    case start(ExecutorIndex)
    /// Write the attempt, and before it what it needs, to the executor's socket; `devices` say which gpus
    /// it may use.
    case send(AttemptSlot, to: ExecutorIndex, devices: UInt64)
    /// End the executor, which has nothing to do and served other devices than what is next, and absorb
    /// `executorDied` when it is gone.
    case retire(ExecutorIndex)
    /// Ask the executor for the attempt back, if it has not started it.
    case retract(AttemptSlot, from: ExecutorIndex)
    /// Ask the executor to raise inside the running attempt.
    case stop(AttemptSlot, in: ExecutorIndex, timedOut: Bool)
    /// Look what the executor is doing, whose next attempt this is, and absorb `looked`.
    case look(AttemptSlot, ExecutorIndex)
    /// Kill the executor with its whole process group, and absorb `executorDied` when it is gone.
    case kill(ExecutorIndex)
    /// Tell the scheduler that the attempt was not started here, and drop it.
    case giveBack(AttemptSlot)
    /// Tell the scheduler that the attempt has been running for a while.
    case reportStarted(AttemptSlot)
    /// Send an outcome that the worker itself makes, and drop the attempt. The executor is the one whose
    /// end or start is the cause, if one is.
    case conclude(AttemptSlot, OutcomeStatus, OutcomeReason, ExecutorIndex?)
    /// Drop the attempt; nobody is to be told.
    case forget(AttemptSlot)
    /// All attempts are gone after a drain: say goodbye.
    case leave
}

/// What becomes of an outcome that an executor sent. The attempt is dropped in each case but `stale`.
package enum Verdict: Hashable, Sendable, BitwiseCopyable {
    /// Pass it on as it is.
    case forward
    /// Pass it on with another status: the attempt ended because it was stopped.
    case forwardAs(OutcomeStatus, OutcomeReason)
    /// Nobody wants it.
    case discard
    /// The executor does not hold this attempt.
    case stale
}
