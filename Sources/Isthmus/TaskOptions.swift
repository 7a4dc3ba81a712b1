import TaskModel
package import Wire

/// How a task is to be run. What is left out has the default of the cluster.
public struct TaskOptions: Hashable, Sendable {
    /// Time that one attempt may run; beyond it the task is stopped and ends as `timedOut`.
    public var timeout: Duration?
    /// Time from submission to outcome, waiting and all attempts included; beyond it the task is stopped, or
    /// never started, and ends as `timedOut`.
    public var deadline: Duration?
    /// Time that a stopped task has for cleaning up before its executor is killed.
    public var grace: Duration?
    /// When and how often the task runs again after its function raised or threw.
    public var retries: Retries
    /// False: a task that may have started is never started a second time. It ends as `lost` instead.
    public var isIdempotent: Bool
    /// Larger runs earlier, from -10 to 10; 0 is the default, and what is beyond is refused by the scheduler.
    /// What waits for long rises, so that nothing starves.
    public var priority: Int
    /// What the task takes of its worker while it runs.
    public var resources: Resources
    /// Which workers may run it, and which are preferred.
    public var placement: Placement
    /// Shown in listings. One of few: each name is a set of options of its own, which the scheduler keeps.
    public var name: String?
    /// How the value leaves the executor.
    public var result: ResultCodec
    /// Which kinds of Python functions are accepted.
    public var mode: Mode
    /// The value is for other tasks only, and is not sent to this client.
    var isQuiet = false

    /// Options; what is left out keeps its default.
    public init(
        timeout: Duration? = nil, deadline: Duration? = nil, grace: Duration? = nil, retries: Retries = 0,
        isIdempotent: Bool = true, priority: Int = 0, resources: Resources = Resources(),
        placement: Placement = Placement(), name: String? = nil, result: ResultCodec = .neutral,
        mode: Mode = .process
    ) {
        self.timeout = timeout
        self.deadline = deadline
        self.grace = grace
        self.retries = retries
        self.isIdempotent = isIdempotent
        self.priority = priority
        self.resources = resources
        self.placement = placement
        self.name = name
        self.result = result
        self.mode = mode
    }

    /// What the wire says of them.
    package var fields: [Field] {
        var fields = [Field("result", .string(result.rawValue), matters: true)]
        func add(_ name: String, _ duration: Duration?) {
            guard let duration else { return }
            fields.append(Field(name, .unsigned(duration.wireMilliseconds), matters: true))
        }
        add("timeout_ms", timeout)
        add("deadline_ms", deadline)
        add("grace_ms", grace)
        if retries.count > 0 {
            fields.append(Field("retries", .unsigned(UInt64(retries.count)), matters: true))
            add("backoff_ms", retries.backoff)
            add("backoff_max_ms", retries.maxBackoff)
            if !retries.only.isEmpty {
                fields.append(Field("retry_on", .string(retries.classes), matters: true))
            }
        }
        if !isIdempotent { fields.append(Field("idempotent", .flag(false), matters: true)) }
        if priority != 0 { fields.append(Field("priority", .signed(Int64(priority)), matters: true)) }
        if let name { fields.append(Field("name", .string(name))) }
        if mode != .process { fields.append(Field("mode", .string(mode.rawValue), matters: true)) }
        if isQuiet { fields.append(Field("quiet", .flag(true))) }
        return fields + resources.fields + placement.fields
    }
}

extension TaskOptions {
    /// The form in which a value leaves its executor.
    public enum ResultCodec: String, Sendable {
        /// What both languages read; the default.
        case neutral
        /// The bytes of a result that is such (`bytes`, `bytearray`, `memoryview`), without any wrapping:
        /// read them as `Data` or `[UInt8]`.
        case raw
        /// Python's own form, for whatever Python can pickle: a value for other Python tasks, which Swift
        /// cannot read.
        case pickle
    }

    /// How a Python function is run.
    public enum Mode: String, Sendable {
        /// One task at a time in the process of a slot; coroutine functions are run to their end.
        case process
        /// The same, but the function must be a coroutine function.
        case asyncio
        /// As `process` today.
        case thread
    }

    /// Further attempts after the function raised or threw. A number alone is that many attempts at once
    /// after the failure: `TaskOptions(retries: 3)`.
    public struct Retries: Hashable, Sendable, ExpressibleByIntegerLiteral {
        /// How often the task runs again.
        public var count: Int
        /// Delay before the first further attempt; it doubles with each, and is varied at random, so that
        /// tasks that failed together do not come back together. Nil: none.
        public var backoff: Duration?
        /// The longest delay. Nil: the cluster's own limit.
        public var maxBackoff: Duration?
        /// Only after these exceptions or subclasses of them, by name as a traceback shows it: `ValueError`,
        /// `requests.exceptions.Timeout`. Empty: after any.
        public var only: [String]

        /// Retries; what is left out keeps its default.
        public init(_ count: Int, backoff: Duration? = nil, maxBackoff: Duration? = nil, only: [String] = [])
        {
            self.count = count
            self.backoff = backoff
            self.maxBackoff = maxBackoff
            self.only = only
        }

        /// As the classes of exceptions are named where they are raised.
        fileprivate var classes: String {
            only.map { name in
                for prefix in ["__main__.", "builtins."] where name.hasPrefix(prefix) {
                    return String(name.dropFirst(prefix.count))
                }
                return name
            }.joined(separator: "\n")
        }

        /// So many attempts, without delay.
        public init(integerLiteral count: Int) { self.init(count) }
    }

    /// What a task takes of its worker while it runs.
    public struct Resources: Hashable, Sendable {
        /// Cores, also parts of one. Nil: one.
        public var cpu: Double?
        /// Bytes that are set aside for it on its worker.
        public var memoryBytes: Int?
        /// Whole devices of its own, or less than 1 for a share of one. The names of those that it is given
        /// are in its environment, as `CUDA_VISIBLE_DEVICES`.
        public var gpu: Double
        /// Amounts of resources that workers were started with (`isthmus worker --resource NAME=AMOUNT`).
        public var others: [String: Double]

        /// Resources; what is left out is not asked for, but for one core.
        public init(
            cpu: Double? = nil, memoryBytes: Int? = nil, gpu: Double = 0, others: [String: Double] = [:]
        ) {
            self.cpu = cpu
            self.memoryBytes = memoryBytes
            self.gpu = gpu
            self.others = others
        }

        fileprivate var fields: [Field] {
            var fields: [Field] = []
            func add(_ name: String, _ amount: UInt64) {
                fields.append(Field("resource." + name, .unsigned(amount), matters: true))
            }
            if let cpu { add("cpu", Self.thousandths(cpu)) }
            if let memoryBytes { add("memory", UInt64(max(0, memoryBytes))) }
            if gpu != 0 { add("gpu", Self.thousandths(gpu)) }
            for (name, amount) in others.sorted(by: { $0.key < $1.key }) {
                add(name, Self.thousandths(amount))
            }
            return fields
        }
    }

    /// Which workers may run a task, by the labels that they were started with
    /// (`isthmus worker --label KEY=VALUE`).
    public struct Placement: Hashable, Sendable {
        /// Only workers with all of these labels.
        public var affinity: [String: String]
        /// No worker with any of these labels.
        public var antiAffinity: [String: String]
        /// Rather on workers that run few tasks of the same function.
        public var spread: Bool

        /// Placement; what is left out is not asked for.
        public init(
            affinity: [String: String] = [:], antiAffinity: [String: String] = [:], spread: Bool = false
        ) {
            self.affinity = affinity
            self.antiAffinity = antiAffinity
            self.spread = spread
        }

        fileprivate var fields: [Field] {
            var fields: [Field] = []
            func add(_ name: String, _ labels: [String: String]) {
                guard !labels.isEmpty else { return }
                let lines = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                fields.append(Field(name, .string(lines.joined(separator: "\n")), matters: true))
            }
            add("affinity", affinity)
            add("anti_affinity", antiAffinity)
            if spread { fields.append(Field("spread", .flag(true), matters: true)) }
            return fields
        }
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
