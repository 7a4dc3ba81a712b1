// Nothing starves, at a bounded price for what is urgent.
//
// Priorities are strict and sessions are served by their share, so a task could wait for ever behind a stream
// of more urgent ones, and a session behind others that were served elsewhere. Two things therefore *age*:
//   - the first task of a queue, which counts as one priority more for each `Limits.agingInterval` that it
//     waits, until it is level with the most urgent ones that are ready. Others of its session may have come
//     in front of it meanwhile, so what counts is also how long that session had no turn in the queue;
//   - the first task of a session that was not served in its queue for that long.
// One of `Limits.agedPlacementEvery` placements goes to what has aged, in turn. So behind any stream the
// first task of a queue waits at most for its intervals, and then for that many placements per aged queue.
//
// Only the first tasks are looked at: levels times queues per turn, however many tasks there are.

import TaskModel

extension Scheduler {
    /// Collects the lanes whose first task has aged.
    mutating func findAged(now: Instant) {
        guard let top = topLevel() else { return }
        for level in 0...top {
            let first = queues.turns[level]
            if first == .none { continue }
            var queue = first
            repeat {
                let front = queues.frontLane(queue)
                let forgotten = queues.queues[Int(queue)].turn
                if hasAged(front, top: top, now: now) { aged.append(front) }
                if forgotten != front, hasAged(forgotten, top: top, now: now) { aged.append(forgotten) }
                queue = queues.queues[Int(queue)].next
            } while queue != first
        }
    }

    private func topLevel() -> Int? {
        var level = ReadyQueues.levels - 1
        while level >= 0 {
            if queues.turns[level] != .none { return level }
            level -= 1
        }
        return nil
    }

    private func hasAged(_ lane: UInt32, top: Int, now: Instant) -> Bool {
        let row = queues.lanes[Int(lane)]
        guard row.count > 0 else { return false }
        let unserved = max(row.filled, row.served)
        var since = min(unserved, readySince(tasks.front(row)))
        if row.list.count > 0 { since = min(since, readySince(row.list.head)) }
        let distance = top - ReadyQueues.level(of: row.queue)
        if distance > 0, now - since >= Limits.agingInterval * Int64(distance) { return true }
        return queues.queues[Int(row.queue)].lanes > 1 && now - unserved >= Limits.agingInterval
    }

    private func readySince(_ task: UInt32) -> Instant {
        guard case .ready(let since) = tasks[task].phase else {
            preconditionFailure("a lane has ready tasks")
        }
        return since
    }

    /// Places an aged task if it is its turn.
    mutating func placeAged(now: Instant, into actions: inout [Action]) {
        guard agedTurn >= Limits.agedPlacementEvery, !aged.isEmpty, let top = topLevel() else { return }
        while let lane = aged.first {
            aged.removeFirst()
            guard hasAged(lane, top: top, now: now), placeOne(lane, now: now, into: &actions) else {
                continue
            }
            counters.aged += 1
            agedTurn = 0
            if hasAged(lane, top: top, now: now) { aged.append(lane) }
            return
        }
    }
}
