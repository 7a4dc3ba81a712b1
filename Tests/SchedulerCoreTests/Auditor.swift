import SchedulerCore
import TaskModel

/// Knows what was promised, and nothing of how the scheduler keeps it: it sees what went in and what came
/// out, and remembers each task for ever.
struct Auditor {
    struct Record {
        let id: TaskID
        let dependencies: [TaskSlot]
        let isIdempotent: Bool
        let retries: Int
        var exceptions = 0
        var crashes = 0
        var losses = 0
        /// Workers that died with it, and did not come back.
        var killed: Set<WorkerSlot> = []
        var deaths: Int { killed.count }
        /// A cancel was asked, of whatever kind: attempts need not be repeated.
        var isUnwanted = false
        var recordNumber: UInt64 = 0
        var dispatchNumber: UInt64?
        var endNumber: UInt64?
        /// Worker and number of the attempt that left and was not ended, returned or lost.
        var holder: WorkerSlot?
        var attempt: UInt32 = 0
        /// An attempt left and did not come back unstarted.
        var mayHaveStarted = false
        var outcome: OutcomeStatus?
        var deliveries = 0
        var mustBeCancelled = false
        let deadline: Instant?
        /// What the delay before the first and the longest before any retry is, in milliseconds.
        let backoff: (first: Int64, longest: Int64)
        /// A retry must not start before.
        var notBefore = Instant.origin
        /// It was stopped because of its deadline.
        var mustTimeOut = false
        var isReleased = false
        var isForgotten = false
        var isInternal = false
    }

    private(set) var tasks: [TaskSlot: Record] = [:]
    private(set) var slots: [TaskSlot] = []
    private var ownComplaints: [String] = []
    var values = AuditedValues()
    private(set) var recordedUpTo: UInt64 = 0
    private(set) var lastNumber: UInt64 = 0
    private var now = Instant.origin
    private var closedSessions: Set<SessionID> = []
    private(set) var openWorkers: [WorkerSlot: AuditedWorker] = [:]
    /// What each worker holds, and may have held before.
    var heldBy: [WorkerSlot: [TaskSlot]] = [:]
    private(set) var demands: [UInt32: Demand] = [:]
    var devicesOf: [TaskSlot: UInt64] = [:]
    private var draining: Set<WorkerSlot> = []
    private(set) var needs: [TaskSlot: UInt32] = [:]

    var complaints: [String] { ownComplaints + values.complaints }

    mutating func complain(_ text: String) { ownComplaints.append(text) }

    // MARK: What goes in

    mutating func admitted(
        _ slot: TaskSlot, _ id: TaskID, dependencies: [TaskSlot], options: TaskOptions, requirement: UInt32,
        now: Instant
    ) {
        if let old = tasks[slot], !old.isForgotten { complain("\(id) got the slot of \(old.id)") }
        tasks[slot] = Record(
            id: id, dependencies: dependencies, isIdempotent: options.idempotent,
            retries: options.idempotent ? Int(options.retries) : 0,
            deadline: options.deadlineMilliseconds > 0
                ? now + .milliseconds(Int64(options.deadlineMilliseconds)) : nil,
            backoff: Self.backoff(options))
        self.now = now
        needs[slot] = requirement
        slots.append(slot)
    }

    private static func backoff(_ options: TaskOptions) -> (Int64, Int64) {
        let longest = options.backoffMaxMilliseconds
        let most = max(Limits.backoffMax.nanoseconds / 1_000_000, Int64(options.backoffMilliseconds))
        return (Int64(options.backoffMilliseconds), longest > 0 ? Int64(longest) : most)
    }

    /// The scheduler has just decided.
    mutating func decided(now: Instant) { self.now = now }

    mutating func opened(_ worker: WorkerSlot, _ offer: AuditedWorker) { openWorkers[worker] = offer }
    mutating func defined(_ requirement: UInt32, _ demand: Demand) { demands[requirement] = demand }
    mutating func drained(_ worker: WorkerSlot) { draining.insert(worker) }

    mutating func closed(_ worker: WorkerSlot, _ farewell: Farewell) {
        openWorkers[worker] = nil
        values.lost(worker)
        for slot in slots where tasks[slot]?.holder == worker {
            tasks[slot]?.holder = nil
            if farewell == .gone { tasks[slot]?.killed.insert(worker) } else { tasks[slot]?.losses += 1 }
        }
    }

    mutating func cameBack(_ worker: WorkerSlot) {
        for slot in slots where tasks[slot]?.killed.remove(worker) != nil { tasks[slot]?.losses += 1 }
    }

    mutating func closed(_ session: SessionID) { closedSessions.insert(session) }

    /// The cancel was asked while the task had not ended.
    mutating func cancelled(_ slot: TaskSlot, alsoRunning: Bool) {
        guard let record = tasks[slot], record.outcome == nil else { return }
        tasks[slot]?.isUnwanted = true
        if alsoRunning || record.holder == nil { tasks[slot]?.mustBeCancelled = true }
    }

    mutating func released(_ slot: TaskSlot) { tasks[slot]?.isReleased = true }
    mutating func recorded(_ number: UInt64) { recordedUpTo = max(recordedUpTo, number) }

    mutating func returned(_ slot: TaskSlot, _ attempt: UInt32, by worker: WorkerSlot) {
        guard let record = tasks[slot], record.holder == worker, record.attempt == attempt else { return }
        tasks[slot]?.holder = nil
        tasks[slot]?.mayHaveStarted = false
    }

    mutating func finished(_ report: AttemptReport, _ verdict: Verdict, now: Instant) {
        self.now = now
        guard let record = tasks[report.task] else { return }
        let isCurrent = record.holder == report.worker && record.attempt == report.attempt
        let isOpen = !record.isForgotten && !closedSessions.contains(record.id.session)
        if isCurrent && isOpen && verdict == .stale { complain("\(record.id): a current report was refused") }
        if !isCurrent && verdict != .stale { complain("\(record.id): a stale report was taken") }
        if verdict == .stale { return }
        tasks[report.task]?.holder = nil
        count(report)
        if verdict == .committed {
            values.committed(report)
            if isOwedAnotherAttempt(report) { complain("\(record.id) was given up after \(report.reason)") }
            ended(report.task, report.status)
        }
    }

    private mutating func count(_ report: AttemptReport) {
        switch (report.status, report.reason) {
        case (.exception, .none):
            tasks[report.task]?.exceptions += 1
            guard let record = tasks[report.task], record.backoff.first > 0 else { return }
            let doubled = record.backoff.first << Int64(record.exceptions - 1)
            let certain = Interval.microseconds(min(doubled, record.backoff.longest) * 1_000 / 2)
            tasks[report.task]?.notBefore = now + certain
        case (.lost, .executorCrashed), (.lost, .memoryLimit): tasks[report.task]?.crashes += 1
        case (.lost, .workerLost): tasks[report.task]?.losses += 1
        default: break
        }
    }

    /// Whether the task was to be run again after this report.
    private func isOwedAnotherAttempt(_ report: AttemptReport) -> Bool {
        guard let record = tasks[report.task], !record.isUnwanted, record.isIdempotent else { return false }
        switch (report.status, report.reason) {
        case (.exception, .none): return report.isRetryable && record.exceptions <= record.retries
        case (.lost, .executorCrashed), (.lost, .memoryLimit):
            return record.crashes <= Limits.executorCrashesMax
        case (.lost, .workerLost): return true
        default: return false
        }
    }

    // MARK: What comes out

    mutating func saw(_ action: Action, conversionOf source: TaskSlot?) {
        switch action {
        case .record(let number, let entry):
            if number != lastNumber + 1 { complain("record \(number) follows \(lastNumber)") }
            lastNumber = number
            note(entry, number)
        case .accept(_, let sequence):
            // Tasks are recorded in the order of their sequences, so it is enough to look at the last one.
            if sequence == 0 { complain("accept up to 0") }
        case .assign(let slot, let attempt, let worker):
            if tasks[slot] == nil, let source { adopt(slot, conversionOf: source) }
            assigned(slot, attempt, worker)
        case .conclude(let slot, let status, let reason, let cause):
            if tasks[slot] == nil, let source { adopt(slot, conversionOf: source) }
            if reason == .workerLost, let record = tasks[slot], record.deaths < Limits.workerLossesMax,
                record.losses <= Limits.workerAbsencesMax
            {
                complain("\(record.id) was given up after \(record.deaths) deaths, \(record.losses) losses")
            }
            if reason == .notIdempotent, tasks[slot]?.isIdempotent == true {
                complain("\(name(slot)) was given up, and may be started again")
            }
            if reason == .unservable { refused(slot, because: status) }
            // An internal task that was refused before it was assigned is unknown here.
            if let record = cause.flatMap({ tasks[$0] }), record.outcome == nil || record.outcome == .value {
                complain("\(name(slot)) failed because of a task that did not")
            }
            if reason == .deadlineExceeded, tasks[slot]?.deadline ?? .distantFuture > now {
                complain("\(name(slot)) timed out before its deadline")
            }
            ended(slot, status)
        case .deliver(let slot):
            delivered(slot)
        case .forget(let slot):
            forgotten(slot)
        case .stop(let slot, let attempt, let worker):
            calledBack(slot, attempt, worker)
            guard let record = tasks[slot], !record.mustBeCancelled else { return }
            if record.deadline ?? .distantFuture > now { complain("\(record.id) was stopped for nothing") }
            tasks[slot]?.mustTimeOut = true
        case .retract(let slot, let attempt, let worker):
            calledBack(slot, attempt, worker)
        case .notifyStarted(let slot):
            if tasks[slot]?.outcome != nil { complain("\(name(slot)) started after its end") }
        case .dropValue(let slot, let worker):
            values.dropped(slot, on: worker)
        case .forgetSession(let worker, let session):
            values.forget(slots.filter { tasks[$0]?.id.session == session }, on: worker)
        case .blame(let slot, _):
            if tasks[slot]?.deaths == 0 { complain("\(name(slot)) is blamed for what it survived") }
        case .drain:
            break
        }
    }

    /// Nobody may be refused whom a worker could serve, nor while there is none at all.
    private mutating func refused(_ slot: TaskSlot, because status: OutcomeStatus) {
        let able = openWorkers.filter { !draining.contains($0.key) }
        if status != .refused { complain("\(name(slot)) is unservable and ended as \(status)") }
        if able.isEmpty { complain("\(name(slot)) was refused without a worker to judge by") }
        if let need = needs[slot], able.contains(where: { $0.value.serves(need, demands[need]) }) {
            complain("\(name(slot)) was refused, and a worker could run it")
        }
    }

    private mutating func calledBack(_ slot: TaskSlot, _ attempt: UInt32, _ worker: WorkerSlot) {
        guard let record = tasks[slot] else { return complain("an unknown task is called back") }
        if record.holder != worker || record.attempt != attempt {
            complain("\(record.id): called back from where it is not")
        }
    }

    private mutating func note(_ entry: Action.Entry, _ number: UInt64) {
        switch entry {
        case .submitted(let slot): tasks[slot]?.recordNumber = number
        case .dispatched(let slot): tasks[slot]?.dispatchNumber = number
        case .ended(let slot): tasks[slot]?.endNumber = number
        }
    }

    /// An internal task depends on its source, whose value it reads.
    private mutating func adopt(_ slot: TaskSlot, conversionOf source: TaskSlot) {
        guard let origin = tasks[source] else { return complain("a conversion of nothing") }
        tasks[slot] = Record(
            id: origin.id, dependencies: [source], isIdempotent: true, retries: 0, deadline: nil,
            backoff: (0, 0), isInternal: true)
        if let need = needs[source] { needs[slot] = demands[need]?.base.rawValue ?? need }
        slots.append(slot)
    }

    private mutating func assigned(_ slot: TaskSlot, _ attempt: UInt32, _ worker: WorkerSlot) {
        guard let record = tasks[slot] else { return complain("an unknown task was assigned") }
        if record.outcome != nil { complain("\(record.id) was assigned after its end") }
        if record.isForgotten { complain("\(record.id) was assigned after it was forgotten") }
        if record.holder != nil { complain("\(record.id) was assigned twice at once") }
        if record.exceptions > record.retries { complain("\(record.id) was retried too often") }
        if record.crashes > Limits.executorCrashesMax { complain("\(record.id) is poison and runs again") }
        if attempt <= record.attempt { complain("\(record.id): attempt \(attempt) after \(record.attempt)") }
        if record.mustBeCancelled { complain("\(record.id) was assigned after its cancel") }
        if now < record.notBefore { complain("\(record.id) was tried again too soon") }
        // The dispatch of one that is not idempotent leaves when it is recorded, between two decisions.
        if record.isIdempotent, record.deadline ?? .distantFuture <= now {
            complain("\(record.id) was assigned after its deadline")
        }
        if let need = needs[slot], openWorkers[worker]?.serves(need, demands[need]) != true {
            complain("\(record.id) was assigned to a worker that cannot run it")
        }
        if draining.contains(worker), record.isIdempotent {
            complain("\(record.id) was assigned to a draining worker")
        }
        for dependency in record.dependencies where tasks[dependency]?.outcome != .value {
            complain("\(record.id) was assigned before its dependency had a value")
        }
        for dependency in record.dependencies where tasks[dependency]?.isForgotten == true {
            complain("\(record.id) needs a value that was forgotten")
        }
        if !record.isIdempotent {
            if record.mayHaveStarted { complain("\(record.id) was assigned again, and is not idempotent") }
            if record.dispatchNumber ?? .max > recordedUpTo {
                complain("\(record.id) left before its dispatch was recorded")
            }
        }
        tasks[slot]?.holder = worker
        tasks[slot]?.attempt = attempt
        tasks[slot]?.mayHaveStarted = true
        checkRoom(worker, for: slot)
    }

    private mutating func ended(_ slot: TaskSlot, _ status: OutcomeStatus) {
        guard let record = tasks[slot] else { return }
        if let outcome = record.outcome { complain("\(record.id) ended as \(outcome) and as \(status)") }
        if record.holder != nil { complain("\(record.id) ended while a worker holds it") }
        if record.mustBeCancelled, status != .cancelled {
            complain("\(record.id) was cancelled and ended as \(status)")
        }
        if record.mustTimeOut, status != .timedOut, !record.isUnwanted {
            complain("\(record.id) was stopped at its deadline and ended as \(status)")
        }
        tasks[slot]?.outcome = status
    }

    private mutating func delivered(_ slot: TaskSlot) {
        guard let record = tasks[slot] else { return complain("an unknown task was delivered") }
        if record.outcome == nil { complain("\(record.id) was delivered without an outcome") }
        if record.isForgotten { complain("\(record.id) was delivered after it was forgotten") }
        if record.isInternal { complain("an internal task was delivered") }
        if record.recordNumber > recordedUpTo {
            complain("\(record.id) was delivered before it was recorded")
        }
        if record.endNumber ?? .max > recordedUpTo {
            complain("\(record.id) was delivered before its end was recorded")
        }
        if record.deliveries > 0 { complain("\(record.id) was delivered twice") }
        tasks[slot]?.deliveries += 1
    }

    private mutating func forgotten(_ slot: TaskSlot) {
        guard let record = tasks[slot] else { return }
        if record.isForgotten { complain("\(record.id) was forgotten twice") }
        let isDropped = closedSessions.contains(record.id.session)
        if !isDropped { values.forgotten(slot) }
        if !isDropped, !record.isInternal, !record.isReleased || record.deliveries == 0 {
            complain("\(record.id) was forgotten before its client had done with it")
        }
        tasks[slot]?.isForgotten = true
        if isDropped { tasks[slot]?.holder = nil }
    }

    private func name(_ slot: TaskSlot) -> String { tasks[slot].map { "\($0.id)" } ?? "?" }

    // MARK: In the end

    /// Each task of an open session has its outcome, delivered once.
    mutating func concludeStory() {
        for slot in slots {
            guard let record = tasks[slot], !closedSessions.contains(record.id.session), !record.isInternal
            else {
                continue
            }
            if record.outcome == nil { complain("\(record.id) never ended") }
            if record.deliveries != 1 { complain("\(record.id) was delivered \(record.deliveries) times") }
        }
    }
}
