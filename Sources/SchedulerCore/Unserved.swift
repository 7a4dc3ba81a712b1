// Ready tasks that no connected worker can run.
//
// A requirement is *unserved* while tasks of it are ready and none of the workers that take tasks meets it.
// For a moment that is normal: a worker is starting, or reconnects. After the grace period its tasks end as
// refused, since most likely a name is misspelt, and waiting would tell nobody. Without any worker they wait
// as long as it takes: what the cluster will have is not known yet.
//
// A requirement enters the list when one of its tasks becomes ready or its last worker leaves, and is struck
// off by the next `decide` that finds it served or without tasks; so nothing is paid for what is served.

import TaskModel

struct UnservedRequirements: ~Copyable {
    struct Entry: BitwiseCopyable {
        var requirement: UInt32
        /// When the grace period began: nobody meets it although workers are there. `distantFuture` before.
        var since = Instant.distantFuture
    }

    var entries: [Entry] = []
    private var isListed: [Bool] = []

    mutating func insert(_ requirement: UInt32) {
        while isListed.count <= Int(requirement) { isListed.append(false) }
        if isListed[Int(requirement)] { return }
        isListed[Int(requirement)] = true
        entries.append(Entry(requirement: requirement))
    }

    /// The caller takes it out of `entries`.
    mutating func strike(_ requirement: UInt32) { isListed[Int(requirement)] = false }

    func contains(_ requirement: UInt32) -> Bool {
        requirement < isListed.count && isListed[Int(requirement)]
    }

    func since(_ requirement: UInt32) -> Instant {
        for entry in entries where entry.requirement == requirement { return entry.since }
        return .distantFuture
    }
}

extension Scheduler {
    /// A task of this requirement is ready.
    mutating func noteIfUnserved(_ requirement: UInt32) {
        if !placement.isServed(requirement) { unserved.insert(requirement) }
    }

    /// A worker that met these requirements takes no more tasks.
    mutating func noteUnserved(_ requirements: [UInt32]) {
        for requirement in requirements where queues.readyCount(requirement) > 0 {
            noteIfUnserved(requirement)
        }
    }

    /// Refuses what has been unserved for the grace period, a bounded number of tasks per turn.
    mutating func refuseUnserved(now: Instant, into actions: inout [Action]) {
        if unserved.entries.isEmpty { return }
        let isTiming = unservableGrace > .zero && placement.workerCount > 0
        var budget = Limits.refusalsPerTurnMax
        var kept = 0
        for position in unserved.entries.indices {
            var entry = unserved.entries[position]
            if isTiming {
                entry.since = min(entry.since, now)
                if !placement.isServed(entry.requirement), now >= entry.since + unservableGrace {
                    budget -= refuse(entry.requirement, atMost: budget, now: now, into: &actions)
                }
            } else {
                entry.since = .distantFuture
            }
            if placement.isServed(entry.requirement) || queues.readyCount(entry.requirement) == 0 {
                unserved.strike(entry.requirement)
            } else {
                unserved.entries[kept] = entry
                kept += 1
            }
        }
        unserved.entries.removeSubrange(kept..<unserved.entries.count)
    }

    private mutating func refuse(
        _ requirement: UInt32, atMost budget: Int, now: Instant, into actions: inout [Action]
    ) -> Int {
        var refused = 0
        for queue in ReadyQueues.queues(of: requirement) {
            while refused < budget, queues.count(queue) > 0 {
                let task = queues.lanes[Int(queues.frontLane(queue))].tasks.head
                queues.remove(task, &tasks)
                conclude(task, .refused, .unservable, now: now, into: &actions)
                // At once: the end of the next one may forget this one.
                announce(now: now, into: &actions)
                refused += 1
            }
        }
        return refused
    }

    /// When the next grace period ends.
    var unservedWakeUp: Instant {
        var wakeUp = Instant.distantFuture
        if unservableGrace > .zero {
            for entry in unserved.entries { wakeUp = min(wakeUp, entry.since + unservableGrace) }
        }
        return wakeUp
    }

    /// When ready tasks of this requirement will be refused, if nothing changes.
    func refusal(of requirement: UInt32) -> Instant? {
        let since = unserved.since(requirement)
        return since == .distantFuture || unservableGrace == .zero ? nil : since + unservableGrace
    }
}
