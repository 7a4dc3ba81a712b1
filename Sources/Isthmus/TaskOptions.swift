import TaskModel
import Wire

/// How a task is to be run. What is left out has the default of the cluster.
public struct TaskOptions: Hashable, Sendable {
    /// Time that one attempt may run; beyond it the task is stopped and ends as `timedOut`.
    public var timeout: Duration?
    /// Time that a stopped task has for cleaning up before its executor is killed.
    public var grace: Duration?
    /// Further attempts after the function raised or threw.
    public var retries: Int
    /// False: a task that may have started is never started a second time. It ends as `lost` instead.
    public var isIdempotent: Bool
    /// Larger runs earlier; 0 is the default.
    public var priority: Int
    /// Shown in listings. One of few: each name is a set of options of its own, which the scheduler keeps.
    public var name: String?

    /// Options; what is left out keeps its default.
    public init(
        timeout: Duration? = nil, grace: Duration? = nil, retries: Int = 0, isIdempotent: Bool = true,
        priority: Int = 0, name: String? = nil
    ) {
        self.timeout = timeout
        self.grace = grace
        self.retries = retries
        self.isIdempotent = isIdempotent
        self.priority = priority
        self.name = name
    }

    /// What the wire says of them. A Swift client always asks for neutral results.
    var fields: [Field] {
        var fields = [Field("result", .string("neutral"), matters: true)]
        if let timeout {
            fields.append(Field("timeout_ms", .unsigned(timeout.wireMilliseconds), matters: true))
        }
        if let grace { fields.append(Field("grace_ms", .unsigned(grace.wireMilliseconds), matters: true)) }
        if retries > 0 { fields.append(Field("retries", .unsigned(UInt64(retries)), matters: true)) }
        if !isIdempotent { fields.append(Field("idempotent", .flag(false), matters: true)) }
        if priority != 0 { fields.append(Field("priority", .signed(Int64(priority)), matters: true)) }
        if let name { fields.append(Field("name", .string(name))) }
        return fields
    }
}

extension Duration {
    /// Whole milliseconds, at least 1: 0 means "none" on the wire.
    fileprivate var wireMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0 else { return 1 }
        let milliseconds = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000)
        guard !milliseconds.overflow else { return UInt64(UInt32.max) }
        let rest = UInt64(clamping: (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        return min(max(1, milliseconds.partialValue + rest), UInt64(UInt32.max))
    }
}
