// Sessions and workers come and go.
//
// How a client's session closes: Closing. When a worker goes, what it held goes back to the front of the
// queues, oldest first.

package import TaskModel

extension Scheduler {
    // MARK: Sessions

    /// A client joins. At most `Limits.sessionsMax` at once; the caller refuses more.
    /// - Parameter tasksMax: unfinished tasks that the session may have at once (its credit).
    package mutating func openSession(_ id: SessionID, tasksMax: UInt32) -> SessionSlot {
        let session = sessions.open(id, tasksMax: tasksMax)
        queues.shares.open(session)
        return sessions.slot(session)
    }

    /// The open session with this id.
    package func session(_ id: SessionID) -> SessionSlot? { sessions.find(id).map { sessions.slot($0) } }

    package func id(of session: SessionSlot) -> SessionID {
        precondition(sessions.isCurrent(session), "a stale session slot has no id")
        return sessions[session.index].id
    }

    // MARK: Workers

    /// A worker joins. At most `Limits.workersMax` at once; the caller refuses more.
    /// - Parameters:
    ///   - slots: how many attempts it runs at once.
    ///   - provides: bases of requirements, that is, the executors that it has.
    ///   - resources: what its attempts share; one cpu per slot if nothing is said.
    package mutating func openWorker(
        _ id: SessionID, slots: UInt32, provides: [RequirementID], resources: Resources? = nil,
        labels: [UInt32] = []
    ) -> WorkerSlot {
        precondition(workers.openCount < Limits.workersMax, "workers within Limits.workersMax")
        let worker = workers.open(id, slots: slots)
        let offer = Offer(
            provides: provides.map(\.rawValue).sorted(),
            resources: resources ?? Resources(cpu: UInt64(slots) * Resources.plain[Resources.cpu]),
            labels: labels)
        placement.add(worker, offer, demands, load: load(worker))
        return workers.slot(worker)
    }

    /// The worker meets a requirement that was unknown when it joined.
    package mutating func extendWorker(_ slot: WorkerSlot, provides requirement: RequirementID) {
        guard workers.isCurrent(slot), !workers[slot.index].isDraining else { return }
        placement.extend(slot.index, provides: requirement.rawValue, demands)
    }

    /// The worker is lost, or said goodbye: what it held runs elsewhere, or ends. O(what it held).
    package mutating func closeWorker(
        _ slot: WorkerSlot, _ farewell: Farewell, now: Instant, into actions: inout [Action]
    ) {
        guard workers.isCurrent(slot) else { return }
        let worker = slot.index
        startDraining(slot)
        heldValues.lose(worker)
        // As many are known to run as can: what is not known to was held ahead.
        let isFull = workers[worker].started >= workers[worker].slots
        // From the newest to the oldest, so that the oldest ends up in front.
        while workers[worker].held.tail != .none {
            let task = workers[worker].held.tail
            let hadLeft = tasks[task].phase.name == .assigned
            let mayRun = tasks[task].flags.contains(.started) || !isFull
            unhold(task)
            if !isOpen(task) {
                // Nobody waits for it; its row goes with its session.
                tasks.enter(.ready(since: now), task)
            } else if hadLeft {
                lose(task, mayRun ? farewell.loss : .none, with: slot, now: now, into: &actions)
            } else {
                requeue(task, now: now)
            }
            announce(now: now, into: &actions)
        }
        workers.close(worker)
        sessions.forget(worker: worker)
    }

    /// An operator wants the worker empty: it gets nothing more, and is told.
    package mutating func drainWorker(_ slot: WorkerSlot, into actions: inout [Action]) {
        guard workers.isCurrent(slot), !workers[slot.index].isDraining else { return }
        startDraining(slot)
        actions.append(.drain(slot))
    }

    mutating func startDraining(_ slot: WorkerSlot) {
        guard workers.isCurrent(slot), !workers[slot.index].isDraining else { return }
        workers[slot.index].isDraining = true
        let provided = placement.requirements(of: slot.index)
        placement.remove(slot.index)
        noteUnserved(provided)
    }

    /// The connected worker with this session.
    package func worker(_ id: SessionID) -> WorkerSlot? { workers.find(id).map { workers.slot($0) } }

    package func id(of worker: WorkerSlot) -> SessionID {
        precondition(workers.isCurrent(worker), "a stale worker slot has no id")
        return workers[worker.index].id
    }
}
