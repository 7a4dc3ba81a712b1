import Metrics
import SchedulerCore
import SessionTransport
import TaskModel

/// What the server counts beside the core and the acceptor.
struct ServerCounters: Hashable, BitwiseCopyable {
    var turns: UInt64 = 0
    var malformed: UInt64 = 0
    var sessionsRefused: UInt64 = 0
    var workersLost: UInt64 = 0
    /// Submissions that did not become tasks.
    var refused: UInt64 = 0
    /// Outcomes of tasks that nobody knows any more.
    var unknownOutcomes: UInt64 = 0
    /// Bytes of values that went to workers for the tasks that depend on them, and those that need not go
    /// because the worker had them.
    var dependencyBytesSent: UInt64 = 0
    var dependencyBytesSaved: UInt64 = 0
}

/// Hands the totals to swift-metrics once a second, as growth since the last time: the hot path adds to
/// plain integers only.
struct SchedulerMeters {
    static let interval = Interval.seconds(1)

    private(set) var reported = SchedulerCounters()
    private var next = Instant.origin
    private var isBehind = false

    private let submitted = Counter(label: "isthmus_tasks_submitted_total")
    private let duplicates = Counter(label: "isthmus_tasks_duplicate_total")
    private let assigned = Counter(label: "isthmus_attempts_assigned_total")
    private let values = Self.finished("value")
    private let exceptions = Self.finished("exception")
    private let cancelled = Self.finished("cancelled")
    private let lost = Self.finished("lost")
    private let timedOut = Self.finished("timed_out")
    private let refused = Self.finished("refused")
    private let stale = Counter(label: "isthmus_outcomes_stale_total")
    private let framesReceived = Counter(label: "isthmus_frames_received_total")
    private let framesSent = Counter(label: "isthmus_frames_sent_total")
    private let malformed = Counter(label: "isthmus_malformed_total")
    private let sessionsRefused = Counter(label: "isthmus_sessions_refused_total")
    private let keysRefused = Counter(label: "isthmus_keys_refused_total")
    private let workersLost = Counter(label: "isthmus_workers_lost_total")
    private let dependencyBytesSent = Counter(label: "isthmus_dependency_bytes_sent_total")
    private let dependencyBytesSaved = Counter(label: "isthmus_dependency_bytes_saved_total")
    private let waitingTasks = Gauge(label: "isthmus_tasks_unfinished")
    private let workers = Gauge(label: "isthmus_workers")
    private let clients = Gauge(label: "isthmus_clients")

    private static func finished(_ status: String) -> Counter {
        Counter(label: "isthmus_tasks_finished_total", dimensions: [("status", status)])
    }

    /// A turn has something new, so a report is due within the interval.
    mutating func noteChange() { isBehind = true }

    var wakeUp: Instant { isBehind ? next : .distantFuture }

    func isDue(_ now: Instant) -> Bool { isBehind && now >= next }

    mutating func report(
        _ total: SchedulerCounters, unfinished: Int, workers: Int, clients: Int, now: Instant
    ) {
        next = now + Self.interval
        isBehind = false
        submitted.increment(by: total.submitted &- reported.submitted)
        duplicates.increment(by: total.duplicates &- reported.duplicates)
        assigned.increment(by: total.assigned &- reported.assigned)
        values.increment(by: total.values &- reported.values)
        exceptions.increment(by: total.exceptions &- reported.exceptions)
        cancelled.increment(by: total.cancelled &- reported.cancelled)
        lost.increment(by: total.lost &- reported.lost)
        timedOut.increment(by: total.timedOut &- reported.timedOut)
        refused.increment(by: total.refused &- reported.refused)
        stale.increment(by: total.staleOutcomes &- reported.staleOutcomes)
        framesReceived.increment(by: total.framesReceived &- reported.framesReceived)
        framesSent.increment(by: total.framesSent &- reported.framesSent)
        malformed.increment(by: total.malformed &- reported.malformed)
        sessionsRefused.increment(by: total.sessionsRefused &- reported.sessionsRefused)
        keysRefused.increment(by: total.keysRefused &- reported.keysRefused)
        workersLost.increment(by: total.workersLost &- reported.workersLost)
        dependencyBytesSent.increment(by: total.dependencyBytesSent &- reported.dependencyBytesSent)
        dependencyBytesSaved.increment(by: total.dependencyBytesSaved &- reported.dependencyBytesSaved)
        waitingTasks.record(unfinished)
        self.workers.record(workers)
        self.clients.record(clients)
        reported = total
    }
}

extension SchedulerLoop {
    /// Core, acceptor and server together.
    func totals() -> SchedulerCounters {
        let core = core.status().counters
        let transport = acceptor.counters
        var total = SchedulerCounters()
        total.submitted = core.submitted
        total.duplicates = core.duplicates
        total.assigned = core.assigned
        total.values = core.succeeded
        total.exceptions = core.exceptions
        total.cancelled = core.cancelled
        total.lost = core.lost
        total.timedOut = core.timedOut
        total.refused = core.refused
        total.staleOutcomes = core.stale &+ counters.unknownOutcomes
        total.framesReceived = transport.framesReceived
        total.framesSent = transport.framesSent
        total.malformed = counters.malformed &+ transport.malformed
        total.sessionsRefused = counters.sessionsRefused &+ transport.refused
        total.keysRefused = transport.unauthorised
        total.workersLost = counters.workersLost
        total.dependencyBytesSent = counters.dependencyBytesSent
        total.dependencyBytesSaved = counters.dependencyBytesSaved
        total.turns = counters.turns
        return total
    }

    /// At the end of a turn: metrics and the event `progress`, at most once a second.
    mutating func observe() {
        let transport = acceptor.counters
        // A refused key sends no frame, and is news all the same.
        let seen = transport.framesReceived &+ transport.framesSent &+ transport.unauthorised
        if seen != framesSeen {
            framesSeen = seen
            meters.noteChange()
        }
        guard meters.isDue(now) else { return }
        let total = totals()
        let status = core.status()
        meters.report(
            total, unfinished: status.waiting + status.delayed + status.ready + status.held,
            workers: peers.workerCount,
            clients: peers.clientCount, now: now)
        let counts = taskCounts()
        publish(.progress(counts, total))
    }
}
