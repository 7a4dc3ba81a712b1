import TaskModel

/// What one task asks for, and how its function is going to behave: known to who drew it and to the auditor,
/// not to the cores.
struct TaskSpec: BitwiseCopyable {
    enum Behaviour: Hashable, BitwiseCopyable {
        case value
        /// Raises in the first so many runs, then returns.
        case raises(times: Int)
        /// Kills its executor in the first so many runs.
        case kills(times: Int)
        /// Kills its worker in the first so many runs.
        case killsWorker(times: Int)
        /// Its value cannot be pickled, however often it is tried.
        case notSerializable
    }

    var function: UInt32 = 0
    var kind = ExecutorKind.python
    var codec = Codec.pickle
    var behaviour = Behaviour.value
    /// How long a run takes when nothing disturbs it.
    var duration = Interval.milliseconds(1)
    /// Swallows the exception by which it is stopped.
    var isStubborn = false
    var timeout: Interval?
    var grace = Interval.milliseconds(200)
    var retries: UInt16 = 0
    /// Its exceptions are of a kind that is to be retried.
    var isRetryable = true
    /// Milliseconds before the first retry, and at most before any; 0: at once, and the usual limit.
    var backoff: UInt32 = 0
    var backoffMax: UInt32 = 0
    /// Milliseconds from its arrival to its end, whatever happens; 0: none.
    var deadline: UInt32 = 0
    var isIdempotent = true
    var priority: Int8 = 0
    /// Size of its value.
    var valueBytes: UInt32 = 0
    var wish = Wish()
}
