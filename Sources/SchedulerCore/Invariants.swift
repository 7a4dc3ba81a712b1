// What is true between any two calls, computed anew from the tables. Tests and the simulator ask after every
// step; it walks everything, so production does not.

import TaskModel

/// A rule that does not hold, and the row where it was seen.
package struct InvariantViolation: Sendable, CustomStringConvertible {
    package let rule: StaticString
    package let row: UInt32

    package var description: String { "\(rule) (row \(row))" }
}

extension Scheduler {
    /// Nil when every rule holds.
    package func checkInvariants() -> InvariantViolation? {
        if !unannounced.isEmpty {
            return InvariantViolation(rule: "every end is announced", row: unannounced[0])
        }
        return violationOfTasks() ?? violationOfTimers() ?? violationOfVoidTimers()
            ?? violationOfEdges() ?? violationOfQueues() ?? violationOfWorkers()
            ?? violationOfSessions() ?? violationOfReservations() ?? violationOfHeldValues()
    }

    private func violationOfTasks() -> InvariantViolation? {
        var counts = [Int](repeating: 0, count: TaskPhase.allCases.count)
        for index in tasks.rows.indices {
            let (task, row) = (UInt32(index), tasks.rows[index])
            counts[Int(row.phase.name.rawValue)] += 1
            if row.phase.name == .vacant { continue }
            if !sessions[row.session].isOpen {
                if closing.contains(row.session) { continue }
                return InvariantViolation(rule: "a task's session is open", row: task)
            }
            if row.phase.holding == nil, !row.flags.isDisjoint(with: .ofAttempt) {
                return InvariantViolation(rule: "flags of an attempt end with it", row: task)
            }
            let isConversion = row.flags.contains(.conversion)
            if isConversion != (row.source != .none) {
                return InvariantViolation(rule: "a conversion has a source", row: task)
            }
            if isConversion, tasks[row.source].phase.ending?.conversion != task {
                return InvariantViolation(rule: "a source knows its conversion", row: task)
            }
            let directory = sessions[row.session].directory
            if !isConversion, sequences.row(row.sequence, in: directory) != task {
                return InvariantViolation(rule: "a sequence leads to its task", row: task)
            }
            if isForgettable(row) {
                return InvariantViolation(rule: "what nobody needs is forgotten", row: task)
            }
        }
        return counts == tasks.counts ? nil : InvariantViolation(rule: "phases are counted", row: 0)
    }

    private func violationOfTimers() -> InvariantViolation? {
        var (expected, policies) = (0, 0)
        for index in tasks.rows.indices where tasks.rows[index].phase.name != .vacant {
            let row = tasks.rows[index]
            if row.flags.contains(.hasDeadline) {
                expected += 1
                if row.phase.ending != nil {
                    return InvariantViolation(rule: "an ended task has no deadline", row: UInt32(index))
                }
            }
            if row.phase.name == .delayed { expected += 1 }
            if row.policy != .none { policies += 1 }
        }
        for position in 0..<timers.heap.count where isValid(timers.heap[position]) { expected -= 1 }
        if expected != 0 {
            return InvariantViolation(rule: "each deadline and delay has its timer", row: 0)
        }
        return (policies == 0) == (self.policies.count == 0)
            ? nil : InvariantViolation(rule: "policies go with their tasks", row: 0)
    }

    private func violationOfVoidTimers() -> InvariantViolation? {
        var void = 0
        for position in 0..<timers.heap.count where !isValid(timers.heap[position]) { void += 1 }
        return void == timers.void ? nil : InvariantViolation(rule: "void timers are counted", row: 0)
    }

    private func isForgettable(_ row: TaskRecord) -> Bool {
        guard case .settled(let ending) = row.phase, row.consumers == .none, row.flags.contains(.released),
            !row.flags.contains(.conversion)
        else { return false }
        return ending.conversion == .none || tasks[ending.conversion].phase.name == .settled
    }

    private func violationOfEdges() -> InvariantViolation? {
        var seen = 0
        for index in tasks.rows.indices where tasks.rows[index].phase.name != .vacant {
            let (task, row) = (UInt32(index), tasks.rows[index])
            if row.phase.ending != nil, row.producers != .none {
                return InvariantViolation(rule: "an ended task needs no value", row: task)
            }
            var missing: UInt32 = 0
            var edge = row.producers
            while edge != .none {
                let producer = tasks[edges[edge].producer]
                if edges[edge].consumer != task || producer.phase.name == .vacant {
                    return InvariantViolation(rule: "an edge joins two tasks", row: task)
                }
                if producer.session != row.session {
                    return InvariantViolation(rule: "an edge stays in its session", row: task)
                }
                if !isSupplied(row, by: producer) { missing += 1 }
                seen += 1
                edge = edges[edge].nextOfConsumer
            }
            if !isOpen(task) { continue }
            let expected: UInt32 = if case .waiting(let count) = row.phase { count } else { 0 }
            if row.phase.ending == nil, missing != expected {
                return InvariantViolation(rule: "a task waits for what is missing", row: task)
            }
            if row.phase.name == .waiting, missing == 0 {
                return InvariantViolation(rule: "a task that misses nothing is ready", row: task)
            }
        }
        return seen == edges.used ? nil : InvariantViolation(rule: "edges belong to consumers", row: 0)
    }

    private func isSupplied(_ consumer: TaskRecord, by producer: TaskRecord) -> Bool {
        guard let ending = producer.phase.ending, ending.status == .value else { return false }
        guard consumer.flags.contains(.needsNeutral), ending.codec == .pickle else { return true }
        return ending.conversion != .none && tasks[ending.conversion].phase.ending?.status == .value
    }

    private func violationOfQueues() -> InvariantViolation? {
        var (ready, inHeaps) = (0, 0)
        for index in queues.lanes.indices where queues.lanes[index].session != .none {
            let lane = queues.lanes[index]
            if !tasks.isSound(lane) {
                return InvariantViolation(rule: "a lane's tree is in order", row: UInt32(index))
            }
            let inOrder = tasks.inOrder(lane)
            let count = UInt32(inOrder.count)
            if inOrder.first ?? .none != tasks.front(lane) {
                return InvariantViolation(rule: "what goes first is in front", row: UInt32(index))
            }
            for task in inOrder {
                let row = tasks[task]
                guard case .ready = row.phase, row.lane == index, row.session == lane.session else {
                    return InvariantViolation(rule: "a lane holds its session's ready tasks", row: task)
                }
            }
            if lane.isInHeap { inHeaps += 1 }
            if count > 0, !lane.isInHeap {
                return InvariantViolation(rule: "a lane with tasks is in its heap", row: UInt32(index))
            }
            if count != lane.count {
                return InvariantViolation(rule: "a lane is counted", row: UInt32(index))
            }
            let requirement = ReadyQueues.requirement(of: lane.queue)
            if count > 0, !placement.isServed(requirement), !unserved.contains(requirement) {
                return InvariantViolation(rule: "what nobody can run is listed", row: requirement)
            }
            ready += Int(count)
        }
        if inHeaps != queues.heapEntries {
            return InvariantViolation(rule: "a heap holds lanes of its queue, once", row: 0)
        }
        var counted = 0
        for row in tasks.rows where row.phase.name == .ready && sessions[row.session].isOpen { counted += 1 }
        return ready == counted && ready == queues.tasksReady
            ? nil : InvariantViolation(rule: "every ready task is in a lane", row: 0)
    }

    private func violationOfWorkers() -> InvariantViolation? {
        var (held, free) = (0, 0)
        for index in workers.rows.indices where workers.rows[index].isOpen {
            let (worker, record) = (UInt32(index), workers.rows[index])
            var (count, load, started, retracting): (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
            var expected: UInt64 = 0
            var task = record.held.head
            while task != .none {
                let row = tasks[task]
                guard let holding = row.phase.holding, holding.worker == worker else {
                    return InvariantViolation(rule: "a worker's list holds its attempts", row: task)
                }
                count += 1
                load += holding.weight
                expected += UInt64(holding.charged)
                if row.flags.contains(.started) { started += 1 }
                if row.flags.contains(.retracting) { retracting += 1 }
                task = row.next
            }
            if count != record.held.count || load != record.load
                || expected != record.expected || started != record.started
                || retracting != record.retracting
            {
                return InvariantViolation(rule: "a worker's load is counted", row: worker)
            }
            if let violation = violationOfResources(worker) { return violation }
            if !record.isDraining { free += freeSlots(worker) }
            held += Int(count)
        }
        let (recording, assigned) = (TaskPhase.recording.rawValue, TaskPhase.assigned.rawValue)
        if held != heldOfLevel.reduce(0, { $0 + Int($1) }) {
            return InvariantViolation(rule: "held tasks are counted by priority", row: 0)
        }
        if held != tasks.counts[Int(recording)] + tasks.counts[Int(assigned)] {
            return InvariantViolation(rule: "every held task is in a worker's list", row: 0)
        }
        if let violation = violationOfDeviceTakers() { return violation }
        return free == placement.freeSlots ? nil : InvariantViolation(rule: "free slots are counted", row: 0)
    }

    private func violationOfSessions() -> InvariantViolation? {
        for index in sessions.rows.indices where sessions.rows[index].isOpen {
            var (unfinished, held): (UInt32, UInt32) = (0, 0)
            var task = sessions.rows[index].firstTask
            while task != .none {
                let row = tasks[task]
                if row.session != index {
                    return InvariantViolation(rule: "a session lists its tasks", row: task)
                }
                if row.phase.ending == nil, !row.flags.contains(.conversion) { unfinished += 1 }
                if row.phase.holding != nil { held += 1 }
                task = row.nextOfSession
            }
            if held != sessions.rows[index].held {
                return InvariantViolation(rule: "attempts of a session are counted", row: UInt32(index))
            }
            if unfinished != sessions.rows[index].unfinished {
                return InvariantViolation(rule: "unfinished tasks are counted", row: UInt32(index))
            }
            if sessions.rows[index].accepted > sessions.rows[index].watermark {
                return InvariantViolation(rule: "only what was submitted is accepted", row: UInt32(index))
            }
        }
        return nil
    }
}
