package import TaskModel

// How a caller outside of this module (a stand-in for the cluster in a test of the control API) makes the
// values of `ControlValues.swift`: what identifies them first, the rest is set afterwards.

extension ClusterStatus {
    /// A cluster without peers and tasks.
    package init(name: String, version: String, epoch: Epoch, processID: Int32) {
        self.init(
            name: name, version: version, epoch: epoch, processID: processID, uptime: .zero, addresses: [],
            clients: 0, workers: 0, slots: 0, tasks: TaskCounts(), payloadBytes: 0, stopping: false,
            counters: SchedulerCounters())
    }
}

extension NodeStatus {
    /// A peer that just connected.
    package init(session: SessionID, kind: Kind, name: String, host: String, processID: UInt64) {
        self.init(
            session: session, kind: kind, state: .connected, name: name, host: host, processID: processID,
            python: nil, pythonExecutable: nil, cloudpickle: nil, swiftFunctions: [], labels: "", slots: 0,
            running: 0, queued: 0, residentBytes: 0, memoryLimitBytes: 0, tasks: 0, connectedFor: .zero,
            silentFor: .zero)
    }
}

extension TaskSummary {
    /// A task before its first attempt.
    package init(id: TaskID, state: TaskState, name: String, kind: ExecutorKind) {
        self.init(
            id: id, state: state, name: name, kind: kind, attempt: 0, worker: nil, workerName: nil,
            age: .zero, status: nil, reason: nil, ran: nil)
    }
}

extension TaskPage {
    /// - Parameter cursor: where the next page begins.
    package init(_ tasks: [TaskSummary], cursor: TaskCursor?) { self.init(tasks: tasks, next: cursor) }
}

extension TaskExplanation {
    /// An explanation of one sentence.
    package init(_ task: TaskSummary, _ summary: String) {
        self.init(task: task, summary: summary, details: [], dependencies: [], parent: nil)
    }
}

extension TaskOutput {
    /// - Parameter all: the parts in the order of the outcome.
    package init(_ id: TaskID, _ state: TaskState, all: [TaskOutputPart]) {
        self.init(id: id, state: state, parts: all)
    }
}

extension ClusterEvent {
    /// - Parameter elapsed: since the scheduler started.
    package init(_ number: UInt64, after elapsed: Interval, _ kind: Kind) {
        self.init(number: number, at: elapsed, kind: kind)
    }
}
