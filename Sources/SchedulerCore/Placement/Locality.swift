// Where a task finds what it depends on, so that it need not move.
//
// Two rules know of it. `nearest` is the worker that holds most bytes of the task's dependencies. `soonest`
// is the one where the task would start first: each byte that must move delays it, and so does work that
// waits there already. (Dask decides by the same sum, of bytes over bandwidth and occupancy.)
//
// Both look at a bounded number of dependencies with large values, and at a bounded number of holders of
// each: those that have held it for the shortest time. Where a value is held everywhere it says little, and
// any worker is as good as another.

import TaskModel

/// A worker, and the bytes that it holds of the values that a task needs.
struct NearbyWorker: BitwiseCopyable {
    var worker: UInt32
    var bytes: UInt64
}

extension Scheduler {
    /// The worker that holds most of what the task needs, of those that may be given it; none if there is
    /// none. Of equals, the one that holds fewer attempts.
    mutating func nearest(_ task: TaskRecord, _ reach: Reach) -> UInt32 {
        guard findNearby(task) else { return .none }
        var best = NearbyWorker(worker: .none, bytes: 0)
        for candidate in nearby where candidate.bytes >= best.bytes && mayHold(candidate, task, reach) {
            let isBetter =
                best.worker == .none || candidate.bytes > best.bytes
                || workers[candidate.worker].held.count < workers[best.worker].held.count
            if isBetter { best = candidate }
        }
        return best.worker
    }

    /// The worker where a plain task would start first, the one with the least to do included; none if all
    /// are too full. As long as nobody knows how long the function runs it goes to its values: the first
    /// results come soonest from where nothing has to move.
    mutating func soonest(_ task: TaskRecord, _ reach: Reach) -> UInt32 {
        let idlest = placement.leastLoaded(task.requirement, reach)
        if task.producers == .none, task.source == .none { return idlest }
        let isKnown = estimates.isKnown(task.function)
        let near = isKnown ? .none : nearest(task, reach)
        if near != .none { return near }
        guard findNearby(task) else { return idlest }
        var best = NearbyWorker(worker: idlest, bytes: 0)
        for candidate in nearby where candidate.worker == idlest { best = candidate }
        var delay = idlest == .none ? Int64.max : delay(best)
        for candidate in nearby where isKnown && mayHold(candidate, task, reach) {
            let other = self.delay(candidate)
            if other < delay { (best, delay) = (candidate, other) }
        }
        if best.worker != .none { noteMoved(neededBytes - best.bytes) }
        return best.worker
    }

    /// Nanoseconds until the task could start there, as far as can be known.
    private func delay(_ candidate: NearbyWorker) -> Int64 {
        let missing = neededBytes - candidate.bytes
        return wait(at: candidate.worker) + (missing == 0 ? 0 : moving(missing))
    }

    /// Until bytes have moved: they leave the scheduler behind what it is sending already.
    private func moving(_ bytes: UInt64) -> Int64 {
        max(0, (sendingUntil - decidingAt).nanoseconds) + Self.nanoseconds(ofMoving: bytes)
    }

    private mutating func noteMoved(_ bytes: UInt64) {
        let begins = max(sendingUntil, decidingAt)
        sendingUntil = begins + Interval(nanoseconds: Self.nanoseconds(ofMoving: bytes))
    }

    private static func nanoseconds(ofMoving bytes: UInt64) -> Int64 {
        Int64(clamping: bytes) * 1_000 / Limits.valueBytesPerMicrosecond
    }

    /// Nanoseconds until what a worker holds has ended; 0 with a free slot.
    private func wait(at worker: UInt32) -> Int64 {
        let row = workers[worker]
        return row.held.count < row.slots ? 0 : Int64(clamping: row.expected) * 1_000 / Int64(row.slots)
    }

    /// All slots of the worker run something, the oldest of it for longer than was expected: nothing is
    /// known of its end.
    private func isOverdue(_ worker: UInt32) -> Bool {
        let row = workers[worker]
        guard row.started >= row.slots, let oldest = tasks[row.held.head].phase.holding else { return false }
        return (decidingAt - oldest.since).nanoseconds > 2_000 * Int64(oldest.charged)
    }

    /// Whether a task is rather left waiting at the worker that has its values than taken back for another,
    /// to which these would have to follow.
    mutating func staysWithValues(_ task: TaskRecord, at worker: UInt32) -> Bool {
        guard strategy.followsValues, findNearby(task), !isOverdue(worker) else { return false }
        for candidate in nearby where candidate.worker == worker {
            return !estimates.isKnown(task.function) || moving(candidate.bytes) > wait(at: worker)
        }
        return false
    }

    private func mayHold(_ candidate: NearbyWorker, _ task: TaskRecord, _ reach: Reach) -> Bool {
        let (worker, requirement) = (candidate.worker, task.requirement)
        guard placement.canRun(requirement, ofClass: placement.members[Int(worker)].memberOf) else {
            return false
        }
        if strategy == .combined, isOverdue(worker) { return false }
        return demands.isPlain(requirement)
            ? placement.mayHold(worker, reach)
            : placement.isOpen(worker, for: requirement, demands.resources(requirement))
    }

    // MARK: Holders

    /// False if nobody holds anything that the task needs.
    private mutating func findNearby(_ task: TaskRecord) -> Bool {
        // A conversion depends on its source, without an edge.
        if task.producers == .none, task.source == .none { return false }
        nearby.removeAll(keepingCapacity: true)
        neededBytes = 0
        if task.source != .none { addHolders(of: task.source) }
        var (edge, left) = (task.producers, Limits.localityDependenciesMax)
        while edge != .none, left > 0 {
            left -= 1
            addHolders(of: supplier(edges[edge].producer, of: task))
            edge = edges[edge].nextOfConsumer
        }
        return !nearby.isEmpty
    }

    /// The task whose value a consumer is sent for this dependency.
    func supplier(_ producer: UInt32, of consumer: TaskRecord) -> UInt32 {
        let conversion = tasks[producer].phase.ending?.conversion ?? .none
        return consumer.flags.contains(.needsNeutral) && conversion != .none ? conversion : producer
    }

    private mutating func addHolders(of task: UInt32) {
        guard let row = tasks[task].phase.ending?.value, row != .none else { return }
        let value = heldValues[row]
        neededBytes += UInt64(value.bytes)
        var (index, left) = (value.first, Limits.localityHoldersMax)
        while index != .none, left > 0 {
            left -= 1
            let holder = heldValues.holder(index)
            add(UInt64(value.bytes), at: holder.worker)
            index = holder.nextOfValue
        }
    }

    private mutating func add(_ bytes: UInt64, at worker: UInt32) {
        for position in nearby.indices where nearby[position].worker == worker {
            nearby[position].bytes += bytes
            return
        }
        nearby.append(NearbyWorker(worker: worker, bytes: bytes))
    }
}
