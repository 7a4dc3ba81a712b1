// The scheduler's decisions: which worker runs which task, and what each task ends with.
//
// A synchronous machine over tables. Facts come in through `absorb`, `submit` and `finish`, which change the
// tables and place nothing; `decide` runs once per turn of the loop, when all waiting facts are in, and
// places what is ready. Effects go out as `Action`s. There is no clock, no IO and no randomness here: equal
// calls give equal actions, in production as under a seed.
//
//     submit ──▶ waiting ──▶ ready ──▶ (recording) ──▶ assigned ──▶ ended ──▶ settled ──▶ forgotten
//                dependencies  lanes     dispatch        worker        store     client and
//                end                     of the not      has it        confirms  dependants
//                                        idempotent                              need it
//
// Promises: a task has at most one committed outcome, and what is acknowledged is recorded first. Time per
// call is O(1), plus the dependencies of a task where it has some; after warm-up nothing is allocated.
//
// Where to find what: Submission (from submit to ready), Attempts (what workers say), Ending (outcomes and
// their effect on dependants), Timers (deadlines and delays), Decision (placing and taking back; FairShares
// and Aging say what is next), ValueRoutes (how values reach the tasks that depend on them), Membership and
// Closing (sessions and workers), Unserved (what nobody can run).

package import TaskModel

package struct Scheduler: ~Copyable {
    var tasks = TaskTable()
    var edges = EdgeTable()
    var heldValues = HeldValues()
    var sequences = SequenceIndex()
    var sessions = SessionTable()
    var workers = WorkerTable()
    var queues = ReadyQueues()
    var placement = Placement()
    var demands = Demands()
    var estimates = Estimates()
    var unserved = UnservedRequirements()
    var log = RecordLog()
    var timers = Timers()
    var policies = RetryPolicies()
    var history = History()
    var counters = Counters()
    /// Rows of sessions that are closed and have tasks left, in the order in which they were closed.
    var closing: [UInt32] = []
    /// Steps of dropping such tasks in one turn.
    package var dropsPerTurnMax = Limits.dropsPerTurnMax
    /// Sessions to which an `accept` is due.
    var dirtySessions: [UInt32] = []
    /// Tasks that ended and whose consumers do not know it yet; empty between calls.
    var unannounced: [UInt32] = []
    /// Queues of a level that may still place something, and lanes that have aged; used within `decide` only.
    var candidates = MinHeap<QueueEntry>()
    var aged: [UInt32] = []
    /// Requirements of tasks that wait for a free slot; used within `decide` only.
    var heldUp: [UInt32] = []
    /// Attempts that workers have, by level of priority.
    var heldOfLevel = [UInt32](repeating: 0, count: ReadyQueues.levels)
    /// When `decide` began; used within it only.
    var decidingAt = Instant.origin
    /// Workers that hold something of what one task needs, and the bytes of all of that; used within one
    /// choice only.
    var nearby: [NearbyWorker] = []
    var neededBytes: UInt64 = 0
    /// When what was sent of values will have left, as far as can be known.
    var sendingUntil = Instant.origin
    /// Placements since the last one of an aged task.
    var agedTurn = 0

    var charges = Charges()

    package var strategy = PlacementStrategy.combined
    /// How long a ready task that no connected or expected worker can run waits before it is refused; zero:
    /// it is refused when it is submitted; nil: it waits for ever.
    package var unservableGrace: Interval? = Limits.unservableGrace
    package var expectedWorkers: [ExpectedWorker] = []

    package init() {}

    /// O(1), but for facts about many tasks at once. Records a fact and what follows from it; places nothing.
    package mutating func absorb(_ event: Event, now: Instant, into actions: inout [Action]) {
        switch event {
        case .attemptStarted(let task, let attempt, let worker):
            started(task, attempt, worker, into: &actions)
        case .attemptReturned(let task, let attempt, let worker):
            returned(task, attempt, worker, now: now, into: &actions)
        case .cancelRequested(let task, let alsoRunning):
            cancel(task, alsoRunning: alsoRunning, now: now, into: &actions)
        case .released(let session, let first, let count):
            released(session, first: first, count: count, into: &actions)
        case .recorded(let number):
            recorded(upTo: number, now: now, into: &actions)
        case .workerDraining(let worker):
            startDraining(worker)
        case .workerReturned(let worker):
            acquit(worker)
        }
    }

    /// Once per turn, after all waiting facts: does what is due, places what is ready, takes work back for
    /// idle workers.
    package mutating func decide(now: Instant, into actions: inout [Action]) {
        decidingAt = now
        if !closing.isEmpty { dropClosed(into: &actions) }
        // While deadlines that passed are not dealt with, nothing starts: it might be one of them.
        if fireTimers(now: now, into: &actions) {
            if !placement.reservations.isEmpty { dropReservations() }
            place(now: now, into: &actions)
            // What was kept free may have room for more than the task that it was kept for.
            if placement.takeFreed() { place(now: now, into: &actions) }
            if strategy.takesBack { takeBack(into: &actions) }
        }
        refuseUnserved(now: now, into: &actions)
        flushAccepts(into: &actions)
    }

    /// Earliest instant at which `decide` must run without a new fact. (Leases and execution timeouts are
    /// kept by the session and the worker.)
    package var wakeUp: Instant? {
        if !closing.isEmpty { return .origin }
        let wakeUp = min(unservedWakeUp, timers.heap.first?.at ?? .distantFuture)
        return wakeUp == .distantFuture ? nil : wakeUp
    }

    /// The task with this sequence, a client's or an internal one. O(1).
    package func task(_ session: SessionSlot, sequence: UInt64) -> TaskSlot? {
        guard sessions.isCurrent(session) else { return nil }
        let row: UInt32
        if sequence & Self.internalBit == 0 {
            row = sequences.row(sequence, in: sessions[session.index].directory)
            guard row != .none else { return nil }
        } else {
            row = UInt32(truncatingIfNeeded: sequence)
            guard row < tasks.rows.count, tasks[row].sequence == sequence, tasks[row].session == session.index
            else { return nil }
        }
        let slot = tasks.slot(row)
        return tasks.isCurrent(slot) ? slot : nil
    }

    package func task(_ id: TaskID) -> TaskSlot? {
        guard let session = session(id.session) else { return nil }
        return task(session, sequence: id.sequence)
    }

    /// Whether the slot still names its task. An action may name one that later facts of the turn ended.
    package func isCurrent(_ task: TaskSlot) -> Bool { isLive(task) }

    package func id(of task: TaskSlot) -> TaskID {
        precondition(tasks.isCurrent(task), "a stale task slot has no id")
        return taskID(task.index)
    }

    /// Tasks whose values travel with an `assign` of this one, in order; a conversion stands for the task
    /// that it converts. Replaces what `dependencies` held.
    package func dependencies(of task: TaskSlot, into dependencies: inout [TaskSlot]) {
        precondition(tasks.isCurrent(task), "a stale task slot has no dependencies")
        dependencies.removeAll(keepingCapacity: true)
        let row = tasks[task.index]
        if row.flags.contains(.conversion) {
            dependencies.append(tasks.slot(row.source))
            return
        }
        var edge = row.producers
        while edge != .none {
            dependencies.append(tasks.slot(supplier(edges[edge].producer, of: row)))
            edge = edges[edge].nextOfConsumer
        }
    }

    /// For an internal conversion task: the task whose pickled value it turns into neutral form. It is
    /// assigned as a Python function with the raw definition `convert` and that value as its only dependency.
    /// nil for a slot that is stale: when a `conclude` is carried out, its cause may have gone already.
    package func conversionSource(of task: TaskSlot) -> TaskSlot? {
        guard tasks.isCurrent(task) else { return nil }
        let source = tasks[task.index].source
        return source == .none ? nil : tasks.slot(source)
    }

    /// When the task was submitted: an outcome's `waited` counts from here.
    package func submitted(_ task: TaskSlot) -> Instant {
        precondition(tasks.isCurrent(task), "a stale task slot has no time")
        return tasks[task.index].submitted
    }

    /// Whose turn it is among what waits in front of the executors of one worker: a larger rank goes first.
    /// It is larger with a larger priority, and within a priority for the first task of a session that had
    /// nothing on any worker.
    package func rank(of task: TaskSlot) -> Int8 {
        precondition(tasks.isCurrent(task), "a stale task slot has no rank")
        let row = tasks[task.index]
        return row.priority * 2 + (row.flags.contains(.alone) ? 1 : 0)
    }

    /// Whether what a held task takes of its worker does not follow from its slot alone.
    package func isCounted(_ task: TaskSlot) -> Bool {
        precondition(tasks.isCurrent(task), "a stale task slot takes nothing")
        let row = tasks[task.index]
        guard let worker = row.phase.holding?.worker else { return false }
        return !demands.isPlain(row.requirement) || placement.members[Int(worker)].isTight
    }

    /// The number of this function will name another one: what was learned of its run time is forgotten.
    package mutating func forgetFunction(_ function: FunctionKey) { estimates.forget(function.rawValue) }

    /// Set in the sequence numbers of internal tasks, which consist of generation and row below it.
    static let internalBit: UInt64 = 1 << 63

    func taskID(_ row: UInt32) -> TaskID {
        TaskID(session: sessions[tasks[row].session].id, sequence: tasks[row].sequence)
    }
}
