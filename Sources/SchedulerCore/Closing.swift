// A client's session ends: its tasks go without a word to their workers but one, `forgetSession`.
//
// A session may have a quarter of a million tasks, and others wait for the loop. So closing has two parts. At
// once, the session is unknown: nothing of it is placed, reported, listed or delivered any more, and its id
// may be used again. Its rows follow in the next turns, `dropsPerTurnMax` steps in each: first the edges
// (dependencies stay within a session, so once all are gone the order of dropping is free), then the tasks.
// Until then a worker's load still counts what it was told to forget.

package import TaskModel

extension Scheduler {
    /// Drops all its tasks, each with a `forget` in this turn or a later one, and has workers forget it.
    package mutating func closeSession(_ slot: SessionSlot, now: Instant, into actions: inout [Action]) {
        guard sessions.isCurrent(slot) else { return }
        let session = slot.index
        for word in sessions[session].workers.indices {
            var bits = sessions[session].workers[word]
            while bits != 0 {
                let worker = UInt32(word * 64 + bits.trailingZeroBitCount)
                actions.append(.forgetSession(workers.slot(worker), sessions[session].id))
                bits &= bits - 1
            }
        }
        queues.dropLanes(session: session, firstOfSession: &sessions[session].firstLane)
        sessions.startClosing(session)
        closing.append(session)
        if closing.count == 1 { dropClosed(into: &actions) }
    }

    /// Goes on with the sessions that are being closed.
    mutating func dropClosed(into actions: inout [Action]) {
        var steps = dropsPerTurnMax
        while steps > 0, let session = closing.first {
            while steps > 0, sessions[session].closingCursor != .none {
                let task = sessions[session].closingCursor
                steps -= 1
                if edges.removeFirst(of: task, in: &tasks) == .none {
                    sessions[session].closingCursor = tasks[task].nextOfSession
                }
            }
            while steps > 0, sessions[session].firstTask != .none {
                steps -= 1
                dropClosed(sessions[session].firstTask, into: &actions)
            }
            guard sessions[session].firstTask == .none else { return }
            sessions.finishClosing(session)
            closing.removeFirst()
        }
    }

    private mutating func dropClosed(_ task: UInt32, into actions: inout [Action]) {
        switch tasks[task].phase {
        case .recording, .assigned: unhold(task)
        case .delayed: timers.void += 1
        case .waiting, .ready, .ended, .settled: break
        case .vacant: preconditionFailure("a session's task has a row")
        }
        drop(task, into: &actions)
    }

    /// Whether the slot names a task whose session is not closed.
    func isLive(_ task: TaskSlot) -> Bool { tasks.isCurrent(task) && isOpen(task.index) }

    /// Whether the session of the task in this row is not closed.
    func isOpen(_ task: UInt32) -> Bool { sessions[tasks[task].session].isOpen }
}
