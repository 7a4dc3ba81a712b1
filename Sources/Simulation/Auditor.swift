// Judges a run by what was promised to users, and knows nothing of how it is kept: it sees what clients,
// workers, executors and the store see. What crosses a wire counts when it leaves or arrives.

import TaskModel

final class Auditor {
    enum Cancel: Comparable {
        case none
        /// Only if it has not started.
        case weak
        case strong
    }

    struct Task {
        let spec: TaskSpec
        let dependencies: [UInt64]
        var isAdmitted = false
        /// True time of its arrival, and of that of its last exception.
        var arrival = Instant.origin
        var lastException = Instant.origin
        var isStored = false
        var isEndStored = false
        var dispatchesStored = 0
        var dispatchesLeft = 0
        /// The worker that has the present attempt.
        var holder: Worker?
        var attempt: UInt32 = 0
        var mayHaveStarted = false
        var startReported = false
        var cancel = Cancel.none
        var exceptions = 0
        var crashes = 0
        var losses = 0
        /// Workers that seem to have died while it ran there for certain, and while it may have.
        var deaths: [Worker] = []
        var possibleDeaths: [Worker] = []
        /// When the scheduler gave it up, in moments of the auditor.
        var concludedAt = Int.max
        /// Workers that were lost with it, in whatever way.
        var departures = 0
        var runs = 0
        /// Executors that died with it, or may have been about to begin with it.
        var runsVanished = 0
        /// What the outcome must be, once that is known.
        var due: (status: OutcomeStatus, attempt: UInt32)?
        var outcome: Outcome?
        /// The scheduler found that no worker can run it.
        var isUnservable = false
        /// The client does not want the outcome any more: it may still be told, or not.
        var isReleased = false

        var isOpen: Bool { outcome == nil && !isReleased }
    }

    final class Session {
        var tasks: [Task] = []
        /// The client is done with it, in whatever way.
        var isOver = false
        /// The scheduler has let go of it.
        var isDropped = false
        var accepted: UInt64 = 0
    }

    final class Worker {
        let process: NodeProcess
        let offer: WorkerOffer
        var held = 0
        /// Tasks that the worker said it runs.
        var started = 0
        /// So it seems.
        var hasDied = false
        /// When its process joined again, which had only been cut off; in moments of the auditor.
        var backAt: Int?
        /// The scheduler gives it tasks.
        var takesTasks = true
        var isGone = false

        var node: Int { process.node }

        init(_ process: NodeProcess, offer: WorkerOffer) {
            self.process = process
            self.offer = offer
        }
    }

    unowned let world: World
    private var sessions: [SessionID: Session] = [:]
    /// In the order in which they were opened.
    private var order: [SessionID] = []
    private var workers: [SessionID: Worker] = [:]
    private(set) var joinedWorkers: [Worker] = []
    /// Per node, what its executors run.
    var usages: [Usage]
    var presence: Presence
    /// Tasks of open sessions without an outcome.
    private(set) var openTasks = 0
    private(set) var tasksSubmitted = 0
    /// Counts what must be told apart by its order alone.
    private var moment = 0

    init(world: World, nodes: Int) {
        self.world = world
        usages = [Usage](repeating: Usage(), count: nodes)
        presence = Presence(nodes: nodes)
    }

    func complain(_ text: String, _ id: TaskID?) { world.complain(text, id) }

    /// Changes what is known of a task that a client submitted; nil if there is none.
    func update<Result>(_ id: TaskID, _ body: (inout Task) -> Result) -> Result? {
        guard let session = sessions[id.session] else { return nil }
        let place = Int(truncatingIfNeeded: id.sequence &- 1)
        guard session.tasks.indices.contains(place) else { return nil }
        return body(&session.tasks[place])
    }

    func task(_ id: TaskID) -> Task? { update(id) { $0 } }
    func worker(_ session: SessionID) -> Worker? { workers[session] }
    func isInternal(_ id: TaskID) -> Bool { id.sequence >> 63 == 1 }
    func isDropped(_ session: SessionID) -> Bool { sessions[session]?.isDropped ?? true }
    func runs(of id: TaskID) -> Int { task(id)?.runs ?? 0 }

    /// Whether the scheduler gives tasks to this session of a worker.
    func knows(_ session: SessionID?) -> Bool { session.flatMap { workers[$0] }?.takesTasks ?? false }

    // MARK: Clients

    func opened(_ session: SessionID) {
        sessions[session] = Session()
        order.append(session)
    }

    /// By the scheduler; for the second time if its first welcome never arrived, and it gave up waiting.
    func letIn(_ session: SessionID) { sessions[session]?.isDropped = false }

    func submitted(_ id: TaskID, _ spec: TaskSpec, _ dependencies: [UInt64]) {
        sessions[id.session]?.tasks.append(Task(spec: spec, dependencies: dependencies))
        openTasks += 1
        tasksSubmitted += 1
    }

    /// The client no longer waits for anything of this session.
    func abandoned(_ id: SessionID) {
        guard let session = sessions[id], !session.isOver else { return }
        session.isOver = true
        for task in session.tasks where task.isOpen { openTasks -= 1 }
    }

    func released(_ id: TaskID) {
        guard let task = task(id) else { return }
        if task.isOpen { openTasks -= 1 }
        _ = update(id) { $0.isReleased = true }
    }

    func outcomeSeen(_ outcome: Outcome) {
        let id = outcome.attempt.task
        world.coverage.count(outcome)
        guard let session = sessions[id.session], !session.isOver else { return }
        guard let task = task(id) else {
            return complain("an outcome of a task that was never submitted", id)
        }
        if task.outcome != nil { return complain("a task has two outcomes", id) }
        judge(outcome, task, id)
        if task.isOpen { openTasks -= 1 }
        _ = update(id) { $0.outcome = outcome }
    }

    // MARK: Workers

    func joined(_ session: SessionID, _ process: NodeProcess, _ offer: WorkerOffer) {
        let node = process.node
        let worker = Worker(process, offer: offer)
        moment += 1
        for other in workers.values where other.process == process && other.hasDied && other.backAt == nil {
            other.backAt = moment
            world.coverage.count(.workerReturned)
        }
        workers[session] = worker
        joinedWorkers.removeAll { $0.isGone }
        joinedWorkers.append(worker)
        presence.came(node, at: world.now, lastTurn: world.scheduler.turnBefore)
    }

    /// The scheduler lets a worker drain, or hears that it does.
    func drained(_ session: SessionID) {
        guard let worker = workers[session], worker.takesTasks else { return }
        worker.takesTasks = false
        presence.went(worker.node, at: world.now)
    }

    func left(_ session: SessionID, hasDied: Bool) {
        drained(session)
        guard let worker = workers[session] else { return }
        worker.isGone = true
        // One that is here under another session lives.
        worker.hasDied = hasDied && !workers.values.contains { !$0.isGone && $0.process == worker.process }
    }

    func concluded(_ id: TaskID) {
        moment += 1
        _ = update(id) { $0.concludedAt = moment }
    }

    // MARK: The end

    /// Everything has ended, says the world: each story is complete and makes sense.
    func conclude() {
        for id in order {
            guard let session = sessions[id], !session.isOver else { continue }
            for place in session.tasks.indices {
                concludeStory(session.tasks[place], TaskID(session: id, sequence: UInt64(place) + 1))
            }
        }
    }

    private func concludeStory(_ task: Task, _ id: TaskID) {
        guard let outcome = task.outcome else {
            if task.isOpen { complain("a task never ended", id) }
            return
        }
        guard outcome.reason == .dependencyFailed else { return }
        var causes: [OutcomeStatus] = []
        for sequence in task.dependencies {
            let producer = self.task(TaskID(session: id.session, sequence: sequence))
            // One that was released may have failed unheard.
            if producer?.outcome?.status != .value { causes.append(producer?.outcome?.status ?? .lost) }
        }
        // The conversion of a pickled value may have failed instead of the task that made it.
        if causes.isEmpty, task.spec.kind != .swift {
            complain("a task failed because of its dependencies, and all of them have values", id)
        }
    }

    /// A task that has no outcome, to tell its story.
    var someOpenTask: TaskID? {
        for id in order {
            guard let session = sessions[id], !session.isOver else { continue }
            for place in session.tasks.indices where session.tasks[place].isOpen {
                return TaskID(session: id, sequence: UInt64(place) + 1)
            }
        }
        return nil
    }

    /// What of it was known to run is not known any more.
    func dropped(_ id: SessionID) {
        guard let session = sessions[id] else { return }
        session.isDropped = true
        for place in session.tasks.indices where session.tasks[place].startReported {
            session.tasks[place].startReported = false
            if let holder = session.tasks[place].holder, !holder.isGone { holder.started -= 1 }
        }
    }

    // MARK: Acceptance

    func acceptLeft(_ id: SessionID, upTo: UInt64) {
        guard let session = sessions[id] else { return }
        while session.accepted < upTo {
            let place = Int(session.accepted)
            session.accepted += 1
            guard session.tasks.indices.contains(place) else {
                return complain("a sequence is accepted that was never submitted", nil)
            }
            if session.tasks[place].isAdmitted, !session.tasks[place].isStored {
                complain(
                    "an acceptance leaves before the task is in the store",
                    TaskID(session: id, sequence: session.accepted))
            }
        }
    }
}
