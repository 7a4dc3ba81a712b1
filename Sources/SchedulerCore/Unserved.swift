// Tasks that no worker can run.
//
// A requirement is *unserved* while tasks of it are ready and none of the workers that take tasks meets it.
// What an *expected* worker could run waits for that worker. For everything else there is a grace period: for
// a moment it is normal that nobody meets it, since a worker is starting or reconnects. Then its tasks end as
// refused, since most likely a name is misspelt, and waiting would tell nobody. Where all workers are known
// or expected there is no grace, and such a task is refused when it is submitted. While there is neither a
// worker nor an expected one, tasks wait as long as it takes: what the cluster will have is not known yet.
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

/// What a worker will have that has not joined yet, as its operator announced it. It counts as one with
/// every executor: which Pythons and Swift functions it brings is seen when it joins.
package struct ExpectedWorker: Hashable, Sendable {
    package var resources: Resources
    /// Numbers of labels, interned by the server.
    package var labels: [UInt32]

    package init(resources: Resources, labels: [UInt32] = []) {
        self.resources = resources
        self.labels = labels
    }
}

extension Scheduler {
    /// Whether an expected worker could run tasks of this requirement.
    func isExpected(_ requirement: UInt32) -> Bool {
        for expected in expectedWorkers {
            let base = demands.base(requirement)
            let offer = Offer(provides: [base], resources: expected.resources, labels: expected.labels)
            if offer.serves(requirement, demands) { return true }
        }
        return false
    }

    /// Whether it is known what the cluster has, or will have.
    private var isClusterKnown: Bool { placement.workerCount > 0 || !expectedWorkers.isEmpty }

    /// Whether a task of this requirement is refused as soon as it is submitted.
    func isRefusedAtOnce(_ requirement: UInt32) -> Bool {
        guard unservableGrace == .zero, !placement.isServed(requirement) else { return false }
        return isClusterKnown && !isExpected(requirement)
    }

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
        let isTiming = isClusterKnown
        var budget = Limits.refusalsPerTurnMax
        var kept = 0
        for position in unserved.entries.indices {
            var entry = unserved.entries[position]
            if let grace = unservableGrace, isTiming, !isExpected(entry.requirement) {
                entry.since = min(entry.since, now)
                if !placement.isServed(entry.requirement), now >= entry.since + grace {
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
                let task = tasks.front(queues.lanes[Int(queues.frontLane(queue))])
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
        guard let unservableGrace else { return wakeUp }
        for entry in unserved.entries { wakeUp = min(wakeUp, entry.since + unservableGrace) }
        return wakeUp
    }

    /// When ready tasks of this requirement will be refused, if nothing changes.
    func refusal(of requirement: UInt32) -> Instant? {
        let since = unserved.since(requirement)
        guard let unservableGrace, since != .distantFuture else { return nil }
        return since + unservableGrace
    }
}
