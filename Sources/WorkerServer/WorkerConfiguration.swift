package import TaskModel

/// What a worker is told when it is started.
package struct WorkerConfiguration: Sendable {
    /// Where the scheduler listens: `ipc://…`, `tcp://…`, or `inproc://…` inside one process.
    package var scheduler: String
    /// Key file of this worker; needed for `tcp://` only.
    package var keys: String?
    /// How many attempts run at once.
    package var slots: Int
    /// The `python` of the environment in which tasks run; nil: this worker has no Python executors.
    package var python: String?
    /// An executable whose main calls `TaskRegistry`; nil: this worker has no Swift executors.
    package var swift: String?
    /// The `isthmus-executor` binary.
    package var executor: String
    /// The folder that holds the package `isthmus_bridge`, itself included in the path.
    package var bridge: String
    /// Resident bytes of one executor and its children, beyond which it is killed; nil: no limit.
    package var executorMemoryMax: UInt64?
    /// Shown in listings.
    package var name: String
    /// What running tasks share, by name: memory in bytes, everything else in thousandths. One cpu per slot
    /// if `cpu` is not named; gpus are `devices`.
    package var resources: [String: UInt64]
    /// Names of the gpus that tasks are given.
    package var devices: [String]
    /// Words about this worker, shown in listings; tasks may ask for them or avoid them.
    package var labels: [String: String]
    /// Executors kept warm beside those of the slots, once one has been lost.
    package var spares: Int
    /// The worker is its process's only purpose: it ends what its executors leave behind, wherever that went.
    package var adoptsOrphans: Bool
    /// How long a drain waits for running attempts before they are killed.
    package var drainTimeout: Interval
    /// How long an executor may be in a session's initializer before it is killed.
    package var initializerTimeout: Interval
    /// How long an executor with nothing else to do may take to begin with its next attempt.
    package var attemptTakeTimeout: Interval
    /// How long what runs goes on while the scheduler cannot be reached; nil: for ever.
    package var giveUpAfter: Interval?
    /// The libpython of `python`, once that was asked.
    private(set) var library: String?

    /// Asks the python of the environment for its library, which the worker would do otherwise: whoever
    /// starts other things first learns now whether it can be used.
    package mutating func askPython() throws(WorkerError) {
        if let python { library = try PythonEnvironment.probe(python).library }
    }

    package init(
        scheduler: String, slots: Int, python: String?, swift: String? = nil, executor: String, bridge: String
    ) {
        self.scheduler = scheduler
        keys = nil
        self.slots = slots
        self.python = python
        self.swift = swift
        self.executor = executor
        self.bridge = bridge
        executorMemoryMax = nil
        name = ""
        resources = [:]
        devices = []
        labels = [:]
        spares = 1
        adoptsOrphans = false
        drainTimeout = .seconds(30)
        initializerTimeout = Limits.initializerTimeout
        attemptTakeTimeout = Limits.attemptTakeTimeout
        giveUpAfter = Limits.giveUpAfter
    }
}

/// Why a worker could not start or had to stop. The description says what to do.
package struct WorkerError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
