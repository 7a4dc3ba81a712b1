import ControlServer
import SchedulerServer
import Synchronization
import TaskModel

/// A cluster that answers what a test told it to, and remembers what it was asked.
final class FakeCluster: ControlledCluster {
    struct Asked {
        var filter: TaskFilter?
        var limit: Int?
        var cursor: TaskCursor?
        var cancelled: [TaskID] = []
        var drained: [SessionID] = []
    }

    let answer: ClusterStatus
    let members: [NodeStatus]
    let page: TaskPage
    let error: ControlError?
    private let seen = Mutex(Asked())

    var asked: Asked { seen.withLock { $0 } }

    init(
        members: [NodeStatus] = [], page: TaskPage = TaskPage([], cursor: nil), error: ControlError? = nil
    ) {
        answer = Self.status()
        self.members = members
        self.page = page
        self.error = error
    }

    func status() async throws(ControlError) -> ClusterStatus {
        try fail()
        return answer
    }

    func nodes() async throws(ControlError) -> [NodeStatus] {
        try fail()
        return members
    }

    func tasks(
        _ filter: TaskFilter, limit: Int, after cursor: TaskCursor?
    ) async throws(ControlError) -> TaskPage {
        try fail()
        seen.withLock {
            $0.filter = filter
            $0.limit = limit
            $0.cursor = cursor
        }
        return page
    }

    func explain(_ id: TaskID) async throws(ControlError) -> TaskExplanation {
        try fail()
        var explanation = TaskExplanation(Self.summary(id), "waits for a worker")
        explanation.details = ["no worker is connected"]
        explanation.dependencies = [TaskID(session: id.session, sequence: 1)]
        return explanation
    }

    func output(of id: TaskID) async throws(ControlError) -> TaskOutput {
        try fail()
        return TaskOutput(
            id, .ended,
            all: [
                TaskOutputPart(kind: .value, codec: .pickle, bytes: [1, 2, 3]),
                TaskOutputPart(kind: .standardOutput, codec: .raw, bytes: [0xFF, 0x0A]),
                TaskOutputPart(kind: .log, codec: .raw, bytes: Array("warned\n".utf8)),
            ])
    }

    func cancel(_ id: TaskID) async throws(ControlError) -> Bool {
        try fail()
        seen.withLock { $0.cancelled.append(id) }
        return id.sequence != 1
    }

    func drain(worker: SessionID) async throws(ControlError) {
        try fail()
        seen.withLock { $0.drained.append(worker) }
    }

    func events() async throws(ControlError) -> AsyncStream<ClusterEvent> {
        try fail()
        let (stream, continuation) = AsyncStream.makeStream(of: ClusterEvent.self)
        let joined = ClusterEvent.Kind.workerJoined(SessionID(7), name: "one", slots: 2)
        continuation.yield(ClusterEvent(1, after: .milliseconds(5), joined))
        let failed = ClusterEvent.Kind.taskFailed(Self.task, .lost, .memoryLimit, detail: "too much")
        continuation.yield(ClusterEvent(4, after: .milliseconds(6), failed))
        // Never finished: a watcher stays until it or the server leaves.
        return stream
    }

    private func fail() throws(ControlError) {
        if let error { throw error }
    }
}

extension FakeCluster {
    static let task = TaskID(session: SessionID(0xABC), sequence: 17)

    static func status() -> ClusterStatus {
        var status = ClusterStatus(name: "lab", version: "9.9", epoch: Epoch(4), processID: 11)
        status.uptime = .seconds(2)
        status.tasks.ready = 3
        status.counters.submitted = 10
        status.counters.timedOut = 2
        return status
    }

    static func summary(_ id: TaskID = task) -> TaskSummary {
        var summary = TaskSummary(id: id, state: .ended, name: "math:hypot", kind: .python)
        summary.attempt = 2
        summary.worker = SessionID(7)
        summary.workerName = "one"
        summary.age = .milliseconds(30)
        summary.status = .timedOut
        summary.reason = .executionTimeout
        summary.ran = .milliseconds(20)
        return summary
    }

    static func worker(_ session: UInt64, name: String, kind: NodeStatus.Kind = .worker) -> NodeStatus {
        var node = NodeStatus(session: SessionID(session), kind: kind, name: name, host: "h", processID: 3)
        node.swiftFunctions = ["tokenize"]
        node.silentFor = .milliseconds(3)
        return node
    }
}
