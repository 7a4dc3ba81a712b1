// Once per turn: place what is ready, then take work back for workers that have nothing to do.
//
// Placing goes from the most urgent priority to the least. Within one, the next task is that of the session
// which had the least time of workers (`FairShares`), in whichever of the queues (one per requirement) it is
// in front; queues that are equal in this take turns. A queue whose requirement finds no worker is out for
// this turn, since placing only makes workers fuller. What must wait for a free slot (a long task, or one
// that must not start twice) holds up its queue until there is one, and what would be held ahead of it. What
// has waited very long goes in between (`Aging`).
//
// Taking back: after placing, a free slot means that nothing ready fits it. If another worker holds attempts
// behind its running ones, half of these are asked back, the newest first, and return to the front of their
// queues. It is bounded, and no ping-pong: each time needs a free slot that could run the task, enough
// waiting work to be worth it, and a task is asked back at most `Limits.stealsPerTaskMax` times.

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
        let task = queues.lanes[Int(lane)].tasks.head
        let row = tasks[task]
        let isConversion = row.flags.contains(.conversion)
        let weight = isConversion ? Estimates.weightOfUnknown : estimates.weight(row.function)
        // What a lost worker held ahead would count as maybe started, so a task that must not start twice is
        // not held ahead.
        let freeSlotOnly = weight >= Estimates.weightOfLong || !row.flags.contains(.idempotent)
        let worker = worker(for: row.requirement, freeSlotOnly: freeSlotOnly)
        guard worker != .none else { return false }
        let charge = isConversion ? Estimates.ofUnknown : estimates.expected(row.function)
        queues.popFront(lane: lane, charge: charge, now: now, &tasks)
        hold(task, by: worker, weight: weight, charged: charge, now: now, into: &actions)
        return true
    }

    /// The worker for the next task. One that needs a free slot and finds none is not overtaken: for the rest
    /// of the turn nothing is held ahead where it could run, or its slot would never be free.
    private mutating func worker(for requirement: UInt32, freeSlotOnly: Bool) -> UInt32 {
        let worker = placement.choose(requirement, freeSlotOnly: freeSlotOnly)
        if freeSlotOnly {
            let isNew = heldUp.count < Limits.heldUpRequirementsMax && !heldUp.contains(requirement)
            if worker == .none, isNew, placement.isServed(requirement) { heldUp.append(requirement) }
            return worker
        }
        guard worker != .none, workers[worker].held.count >= workers[worker].slots else { return worker }
        for other in heldUp where placement.requirements(of: worker).contains(other) {
            return placement.choose(requirement, freeSlotOnly: true)
        }
        return worker
    }

    private mutating func hold(
        _ task: UInt32, by worker: UInt32, weight: UInt32, charged: Interval, now: Instant,
        into actions: inout [Action]
    ) {
        tasks[task].attempt += 1
        tasks.append(task, to: &workers[worker].held)
        workers[worker].load += weight
        refresh(worker)
        let session = tasks[task].session
        sessions[session].remember(worker: worker)
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

    // MARK: Taking back

    mutating func takeBack(into actions: inout [Action]) {
        guard placement.freeSlots > 0, placement.excessCount > 0 else { return }
        var budget = Limits.stealsPerTurnMax
        for thief in 0..<placement.classCount where placement.freeSlots(ofClass: thief) > 0 {
            for owner in 0..<placement.classCount where budget > 0 {
                let victim = placement.victim(ofClass: owner)
                guard victim != .none, isWorthwhile(victim) else { continue }
                budget -= takeBack(from: victim, for: thief, atMost: budget, into: &actions)
            }
        }
    }

    /// Short work in front of a worker is done before a message has come and gone; unless what runs is long.
    private func isWorthwhile(_ victim: UInt32) -> Bool {
        let row = workers[victim]
        if row.started >= row.slots { return true }
        let waiting = UInt64(row.load) * UInt64(row.excess) / UInt64(row.held.count)
        return waiting * UInt64(Estimates.unit) >= UInt64(Limits.stealWorkMin.nanoseconds)
    }

    /// Half of what waits there, but no more than the thief's free slots can hold.
    private mutating func takeBack(
        from victim: UInt32, for thief: UInt32, atMost budget: Int, into actions: inout [Action]
    ) -> Int {
        let row = workers[victim]
        let wanted = min((row.excess + 1) / 2, UInt32(budget))
        let weightMax = placement.freeSlots(ofClass: thief) * Estimates.weightOfUnknown
        var (taken, weight): (UInt32, UInt32) = (0, 0)
        // The oldest ones run. What cannot be taken is passed over, within reason.
        var left = min(row.held.count - row.slots, 2 * wanted + 64)
        var task = row.held.tail
        while left > 0, taken < wanted, weight < weightMax {
            let row = tasks[task]
            left -= 1
            if isTakeable(row), placement.canRun(row.requirement, ofClass: thief) {
                weight += row.phase.holding?.weight ?? 0
                taken += 1
                tasks[task].steals += 1
                retract(task, from: victim, into: &actions)
            }
            task = row.previous
        }
        return Int(taken)
    }

    private func isTakeable(_ row: TaskRecord) -> Bool {
        guard case .assigned = row.phase, row.steals < Limits.stealsPerTaskMax, sessions[row.session].isOpen
        else { return false }
        return row.flags.isDisjoint(with: [.started, .retracting]) && row.flags.isDisjoint(with: .unwanted)
    }
}
