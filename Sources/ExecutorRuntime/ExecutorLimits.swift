internal import TaskModel

/// Bounds inside an executor, each with its reason.
enum ExecutorLimits {
    /// Read at once: hundreds of small assign records.
    static let inputBytes = 64 << 10
    /// Records that wait for the runner; beyond it the watcher leaves the rest in the socket. A worker keeps
    /// at most 64 attempts in a pipeline, so only one that is broken gets here.
    static let queueMax = 8_192
    /// Outcomes wait for each other up to these three bounds, so that short tasks share a system call.
    static let pendingOutcomesMax = 32
    static let pendingBytesMax = 64 << 10
    static let pendingAgeMax = Interval.microseconds(200)
    /// A runner that is busy for this long no longer looks after the socket: the watcher does.
    static let takeOverDelay = Interval.milliseconds(1)
    /// Looks without a busy runner after which the watcher sleeps until it is woken.
    static let quietLooksMax = 20
    /// While a task runs, its output is cut back to what is kept of it at this interval.
    static let outputTrimInterval = Interval.milliseconds(100)
    /// Output of a running task that may be held beyond what is kept of it.
    static let outputHeldMax = 1 << 20
    /// Reads of the watcher before it lets the runner have its turn.
    static let readsPerTurnMax = 16
    /// Attachments that arrive before the heap is trimmed. Once values of up to 32 MiB have been freed, glibc
    /// takes them from its heap, where what outlives them keeps the pages between: 550 MB after 50 values of
    /// 20 MB. Rare enough that the pages which come back cost little beside the copying of as many bytes.
    static let untrimmedBytesMax = 128 << 20
}
