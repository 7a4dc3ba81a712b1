// Pictures of the tables for people: listings, one task, and why it is where it is.

package import TaskModel

extension Scheduler {
    package func status() -> StatusSnapshot {
        var status = StatusSnapshot()
        status.sessions = sessions.openCount
        status.workers = workers.openCount
        for worker in workers.rows where worker.isOpen && !worker.isDraining {
            status.slots += Int(worker.slots)
        }
        status.waiting = count(.waiting)
        status.delayed = count(.delayed)
        status.ready = count(.ready)
        status.held = count(.recording) + count(.assigned)
        status.kept = count(.ended) + count(.settled)
        status.counters = counters
        return status
    }

    private func count(_ phase: TaskPhase) -> Int { tasks.counts[Int(phase.rawValue)] }

    /// A task that has not been forgotten.
    package func snapshot(of slot: TaskSlot) -> TaskSnapshot? {
        isLive(slot) ? picture(slot.index) : nil
    }

    private func picture(_ task: UInt32) -> TaskSnapshot {
        let row = tasks[task]
        let (holding, ending) = (row.phase.holding, row.phase.ending)
        return TaskSnapshot(
            task: tasks.slot(task), id: taskID(task), function: FunctionKey(row.function),
            requirement: RequirementID(row.requirement), phase: row.phase.name,
            started: row.flags.contains(.started), cancelled: !row.flags.isDisjoint(with: .anyCancel),
            attempt: row.attempt, worker: holding.map { workers.slot($0.worker) }, submitted: row.submitted,
            since: holding?.since ?? ending?.at ?? row.submitted, status: ending?.status ?? .value,
            reason: ending?.reason ?? .none, isConversion: row.flags.contains(.conversion))
    }

    /// Tasks that have not ended, in the order of their rows from `row` on, at most `limit`; replaces what
    /// `page` held. Looks at a bounded number of rows, so a page may be short.
    /// - Returns: the row to go on from, nil at the end.
    package func tasks(from row: UInt32, limit: Int, into page: inout [TaskSnapshot]) -> UInt32? {
        page.removeAll(keepingCapacity: true)
        var row = row
        let last = UInt32(min(tasks.rows.count, Int(row) + Limits.listedRowsMax))
        while row < last, page.count < limit {
            switch tasks[row].phase {
            case .waiting, .delayed, .ready, .recording, .assigned:
                if isOpen(row) { page.append(picture(row)) }
            case .vacant, .ended, .settled: break
            }
            row += 1
        }
        return row < tasks.rows.count ? row : nil
    }

    package func snapshot(of slot: WorkerSlot) -> WorkerSnapshot? {
        workers.isCurrent(slot) ? picture(ofWorker: slot.index) : nil
    }

    private func picture(ofWorker worker: UInt32) -> WorkerSnapshot {
        let row = workers[worker]
        return WorkerSnapshot(
            worker: workers.slot(worker), id: row.id, slots: row.slots, held: row.held.count,
            started: row.started, draining: row.isDraining, finished: row.finished)
    }

    /// All connected workers; replaces what `page` held.
    package func workers(into page: inout [WorkerSnapshot]) {
        page.removeAll(keepingCapacity: true)
        for worker in workers.rows.indices where workers.rows[worker].isOpen {
            page.append(picture(ofWorker: UInt32(worker)))
        }
    }

    package func snapshot(of slot: SessionSlot) -> SessionSnapshot? {
        sessions.isCurrent(slot) ? picture(ofSession: slot.index) : nil
    }

    private func picture(ofSession session: UInt32) -> SessionSnapshot {
        SessionSnapshot(
            session: sessions.slot(session), id: sessions[session].id,
            unfinished: sessions[session].unfinished, tasksMax: sessions[session].tasksMax,
            watermark: sessions[session].watermark)
    }

    /// All open sessions; replaces what `page` held.
    package func sessions(into page: inout [SessionSnapshot]) {
        page.removeAll(keepingCapacity: true)
        for session in sessions.rows.indices where sessions.rows[session].isOpen {
            page.append(picture(ofSession: UInt32(session)))
        }
    }

    /// The last tasks that ended, newest first; replaces what `page` held.
    package func ended(limit: Int, into page: inout [EndedTask]) {
        page.removeAll(keepingCapacity: true)
        for age in 0..<min(limit, history.count) { page.append(history[age]) }
    }

    /// What the history knows of a task. O(`Limits.endedTasksKeptMax`): for people, not for the loop.
    package func ended(_ id: TaskID) -> EndedTask? {
        for age in 0..<history.count where history[age].id == id { return history[age] }
        return nil
    }

    /// Why the task is where it is; nil for a stale slot.
    package func explain(_ slot: TaskSlot) -> Explanation? {
        guard isLive(slot) else { return nil }
        let row = tasks[slot.index]
        switch row.phase {
        case .vacant:
            return nil
        case .waiting(let missing):
            return .waitsForDependencies(missing: missing, first: firstMissing(slot.index))
        case .delayed(let until):
            return .waitsForRetry(attempt: row.attempt + 1, until: until)
        case .ready:
            return explainReady(row)
        case .recording(let holding):
            return .recordsDispatch(workers.slot(holding.worker))
        case .assigned(let holding):
            let worker = workers.slot(holding.worker)
            if row.flags.contains(.cancelled) {
                return .stopping(on: worker, attempt: row.attempt, since: holding.since)
            }
            if row.flags.contains(.expired) {
                return .expiring(on: worker, attempt: row.attempt, since: holding.since)
            }
            return row.flags.contains(.started)
                ? .running(on: worker, attempt: row.attempt, since: holding.since)
                : .held(by: worker, attempt: row.attempt, since: holding.since)
        case .ended(let ending), .settled(let ending):
            let cause = TaskSlot(index: ending.cause, generation: ending.causeGeneration)
            return .ended(ending.status, ending.reason, cause: tasks.isCurrent(cause) ? cause : nil)
        }
    }

    private func explainReady(_ row: TaskRecord) -> Explanation {
        let requirement = RequirementID(row.requirement)
        let (providers, slots) = (placement.providerCount(row.requirement), placement.slots(row.requirement))
        if providers > 0, !demands.isPlain(row.requirement) {
            let kept = placement.reservation(of: row.requirement)
            return .waitsForResources(
                requirement, workers: providers, keptFree: kept == .none ? nil : workers.slot(kept))
        }
        if providers > 0 {
            return .waitsForSlot(requirement, slotWait(row, workers: providers, slots: slots))
        }
        if isExpected(row.requirement) { return .waitsForExpectedWorker(requirement) }
        var draining: UInt32 = 0
        for worker in workers.rows where worker.isOpen && worker.isDraining { draining += 1 }
        return .noWorkerProvides(
            requirement, workers: UInt32(workers.openCount), draining: draining,
            refusedAt: refusal(of: row.requirement))
    }

    private func slotWait(_ row: TaskRecord, workers providers: UInt32, slots: UInt32) -> SlotWait {
        let lane = queues.lanes[Int(row.lane)]
        var wait = SlotWait(
            workers: providers, slots: slots, held: 0, ahead: lane.count - 1, moreUrgent: 0,
            sessions: queues.queues[Int(lane.queue)].lanes)
        let level = ReadyQueues.level(of: lane.queue)
        for other in queues.queues.indices where ReadyQueues.level(of: UInt32(other)) > level {
            wait.moreUrgent += queues.queues[other].tasks
        }
        for index in workers.rows.indices
        where workers.rows[index].isOpen
            && placement.requirements(of: UInt32(index)).contains(row.requirement)
        {
            wait.held += workers.rows[index].held.count
        }
        return wait
    }

    private func firstMissing(_ task: UInt32) -> TaskSlot {
        let needsNeutral = tasks[task].flags.contains(.needsNeutral)
        var edge = tasks[task].producers
        while edge != .none {
            let producer = edges[edge].producer
            guard let ending = tasks[producer].phase.ending else { return tasks.slot(producer) }
            if needsNeutral, ending.conversion != .none, tasks[ending.conversion].phase.ending == nil {
                return tasks.slot(ending.conversion)
            }
            edge = edges[edge].nextOfConsumer
        }
        preconditionFailure("a waiting task misses something")
    }
}
