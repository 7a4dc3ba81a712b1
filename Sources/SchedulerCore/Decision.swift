// Once per turn: place what is ready.
//
// Placing goes from the most urgent priority to the least. Within one, the next task is that of the session
// which had the least time of workers (`FairShares`), in whichever of the queues (one per requirement) it is
// in front; queues that are equal in this take turns. A queue whose requirement finds no worker is out for
// this turn, since placing only makes workers fuller. What must wait for a free slot (a long task, or one
// that must not start twice) holds up its queue until there is one, and what would be held ahead of it. What
// has waited very long goes in between (`Aging`).
//
// What is held ahead must not make others wait: the first task that is more urgent than all that workers
// hold, and among equals the first of a session that has none on any worker, find room on full workers too,
// and overtake there (`rank`). So each waits for the end of one task, and not of two.

import TaskModel

extension Scheduler {
    mutating func place(now: Instant, into actions: inout [Action]) {
        guard queues.tasksReady > 0, placement.openCount > 0 else { return }
        findAged(now: now)
        var level = ReadyQueues.levels - 1
        while level >= 0, queues.tasksReady > 0, placement.openCount > 0 {
            place(level: level, now: now, into: &actions)
            level -= 1
        }
        aged.removeAll(keepingCapacity: true)
        heldUp.removeAll(keepingCapacity: true)
    }

    private mutating func place(level: Int, now: Instant, into actions: inout [Action]) {
        let first = queues.turns[level]
        if first == .none { return }
        candidates.removeAll()
        var queue = first
        repeat {
            if let entry = queues.entry(queue) { candidates.push(entry) }
            queue = queues.queues[Int(queue)].next
        } while queue != first
        while let candidate = candidates.first {
            placeAged(now: now, into: &actions)
            guard let entry = queues.entry(candidate.queue) else {
                _ = candidates.popFirst()
                continue
            }
            if candidate < entry {
                candidates.replaceFirst(entry)
            } else if placeOne(queues.frontLane(entry.queue), now: now, into: &actions) {
                agedTurn = min(agedTurn + 1, Limits.agedPlacementEvery)
            } else {
                _ = candidates.popFirst()
            }
        }
    }

    /// False if there is nowhere to place the lane's first task.
    mutating func placeOne(_ lane: UInt32, now: Instant, into actions: inout [Action]) -> Bool {
        let task = tasks.front(queues.lanes[Int(lane)])
        let row = tasks[task]
        let isConversion = row.flags.contains(.conversion)
        let weight = isConversion ? Estimates.weightOfUnknown : estimates.weight(row.function)
        let worker = worker(for: row, reach(row, weight: weight))
        guard worker != .none else { return false }
        let charge = isConversion ? Estimates.ofUnknown : estimates.expected(row.function)
        queues.take(task, charge: charge, now: now, &tasks)
        hold(task, by: worker, weight: weight, charged: charge, now: now, into: &actions)
        return true
    }

    private func reach(_ task: TaskRecord, weight: UInt32) -> Reach {
        // What a lost worker held ahead would count as maybe started, so a task that must not start twice is
        // not held ahead. One that is suspected of having killed its worker is not held ahead either: then it
        // is known for certain whether it runs when the next one dies.
        if weight >= Estimates.weightOfLong || !task.flags.contains(.idempotent) || task.losses.isSuspect {
            return .freeSlot
        }
        let own = ReadyQueues.level(task.priority)
        if sessions[task.session].held > 0, heldOfLevel[own] > 0 { return .ahead }
        for held in heldOfLevel[(own + 1)...] where held > 0 { return .ahead }
        return .full
    }

    /// The worker for the next task. One that needs a free slot and finds none is not overtaken: for the rest
    /// of the turn nothing is held ahead where it could run, or its slot would never be free.
    private mutating func worker(for task: TaskRecord, _ reach: Reach) -> UInt32 {
        let requirement = task.requirement
        let worker = choose(task, reach)
        if reach == .freeSlot {
            let isNew = heldUp.count < Limits.heldUpRequirementsMax && !heldUp.contains(requirement)
            if worker == .none, isNew, placement.isServed(requirement) { heldUp.append(requirement) }
            return worker
        }
        guard worker != .none, workers[worker].held.count >= workers[worker].slots else { return worker }
        for other in heldUp where placement.requirements(of: worker).contains(other) {
            return choose(task, .freeSlot)
        }
        return worker
    }

    private mutating func hold(
        _ task: UInt32, by worker: UInt32, weight: UInt32, charged: Interval, now: Instant,
        into actions: inout [Action]
    ) {
        tasks[task].attempt += 1
        let session = tasks[task].session
        let waitsThere = workers[worker].held.count >= workers[worker].slots
        if waitsThere, sessions[session].held == 0 { tasks[task].flags.insert(.alone) }
        sessions[session].held += 1
        heldOfLevel[ReadyQueues.level(tasks[task].priority)] += 1
        sessions[session].remember(worker: worker)
        tasks.append(task, to: &workers[worker].held)
        workers[worker].load += weight
        workers[worker].expected += UInt64(charged.wireMicroseconds)
        takeRoom(of: task, on: worker)
        placement.noteHeld(by: worker, tasks[task].requirement)
        refresh(worker)
        counters.assigned += 1
        let holding = Holding(
            worker: worker, weight: weight, charged: charged.wireMicroseconds, since: now)
        let slot = tasks.slot(task)
        let attempt = tasks[task].attempt
        if tasks[task].flags.contains(.idempotent) {
            tasks.enter(.assigned(holding), task)
            actions.append(.assign(slot, attempt: attempt, to: workers.slot(worker)))
        } else {
            tasks.enter(.recording(holding), task)
            actions.append(.record(log.append(.dispatched(slot), attempt: attempt), .dispatched(slot)))
        }
    }

    /// The store has the dispatch: now it may leave, if the task still waits for it.
    mutating func dispatchRecorded(
        _ slot: TaskSlot, _ attempt: UInt32, now: Instant, into actions: inout [Action]
    ) {
        guard isLive(slot), tasks[slot.index].attempt == attempt,
            case .recording(var holding) = tasks[slot.index].phase
        else { return }
        holding.since = now
        tasks.enter(.assigned(holding), slot.index)
        actions.append(.assign(slot, attempt: attempt, to: workers.slot(holding.worker)))
    }
}
