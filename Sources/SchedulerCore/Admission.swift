// What a task is submitted with, and the answer.

/// What a task asks for beyond its function and arguments, as far as the scheduler must know.
package struct TaskOptions: Hashable, Sendable, BitwiseCopyable {
    /// Further attempts after an exception of the function.
    package var retries: UInt16
    /// False: never started a second time.
    package var idempotent: Bool
    /// Its executor reads no pickle, so pickled values of its dependencies are converted first.
    package var needsNeutral: Bool
    /// Larger runs earlier; within `Priority.range`.
    package var priority: Int8
    /// Before the first retry; doubled with each further one. 0: at once.
    package var backoffMilliseconds: UInt32
    /// The longest delay before a retry. 0: `Limits.backoffMax`.
    package var backoffMaxMilliseconds: UInt32
    /// From the submission to the end, whatever happens between. 0: none.
    package var deadlineMilliseconds: UInt32

    package init(
        retries: UInt16 = 0, idempotent: Bool = true, needsNeutral: Bool = false, priority: Int8 = 0,
        backoffMilliseconds: UInt32 = 0, backoffMaxMilliseconds: UInt32 = 0, deadlineMilliseconds: UInt32 = 0
    ) {
        self.retries = retries
        self.idempotent = idempotent
        self.needsNeutral = needsNeutral
        self.priority = priority
        self.backoffMilliseconds = backoffMilliseconds
        self.backoffMaxMilliseconds = backoffMaxMilliseconds
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// Priorities are few and strict: while a larger one can be placed, a smaller one is not.
package enum Priority {
    package static let range: ClosedRange<Int8> = -10...10
}

/// The answer to a submission.
package enum Admission: Equatable, Sendable, BitwiseCopyable {
    /// It is a task now: keep its payload until `conclude`, a committed outcome, or `forget`.
    case admitted(TaskSlot)
    /// This sequence was submitted before: harmless, drop it.
    case duplicate
    /// It will never be a task, and its sequence is used up: tell the client with an outcome `refused`.
    case refused(Refusal)
    /// The client breaks the rules of numbering: nothing changed, close its session.
    case malformed(Misnumbering)

    /// Why a submission did not become a task.
    package enum Refusal: Equatable, Sendable, BitwiseCopyable {
        /// The session has this many unfinished tasks, which is its limit.
        case sessionTasks(limit: UInt32)
        /// The scheduler as a whole knows `Limits.tasksMax` tasks.
        case tasks
        /// No worker can run it, and none is expected that could.
        case unservable
        /// `Limits.dependenciesPerTaskMax`.
        case dependencies
        /// This sequence was never accepted, or its client released it.
        case unknownDependency(UInt64)
    }

    /// How a sequence number broke the rules.
    package enum Misnumbering: Equatable, Sendable, BitwiseCopyable {
        /// Sequences have no gaps; this one was next.
        case gap(expected: UInt64)
        /// Sequences are 1 and above, without the top bit, which marks internal tasks.
        case reserved
    }
}
