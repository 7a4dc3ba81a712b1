// The worker that holds most bytes of what a task depends on, so that these need not move.
//
// It looks at a bounded number of dependencies with large values, and at a bounded number of holders of each:
// those that have held it for the shortest time. Where a value is held everywhere it says little, and any
// worker is as good as another.

import TaskModel

/// A worker, and the bytes that it holds of the values that a task needs.
struct NearbyWorker: BitwiseCopyable {
    var worker: UInt32
    var bytes: UInt64
}

extension Scheduler {
    /// The worker that holds most of what the task needs, of those that may be given it; none if there is
    /// none. Of equals, the one that holds fewer attempts.
    /// - bytesMin: fewer bytes are not worth it.
    mutating func nearest(_ task: TaskRecord, bytesMin: UInt64, _ reach: Reach) -> UInt32 {
        // A conversion depends on its source, without an edge.
        if task.producers == .none, task.source == .none { return .none }
        findNearby(task)
        let isPlain = demands.isPlain(task.requirement)
        let resources = demands.resources(task.requirement)
        var best = NearbyWorker(worker: .none, bytes: 0)
        for candidate in nearby where candidate.bytes >= max(bytesMin, best.bytes) {
            let worker = candidate.worker
            guard placement.canRun(task.requirement, ofClass: placement.members[Int(worker)].memberOf),
                isPlain
                    ? placement.mayHold(worker, reach)
                    : placement.isOpen(worker, for: task.requirement, resources)
            else { continue }
            let isBetter =
                best.worker == .none || candidate.bytes > best.bytes
                || workers[worker].held.count < workers[best.worker].held.count
            if isBetter { best = candidate }
        }
        return best.worker
    }

    private mutating func findNearby(_ task: TaskRecord) {
        nearby.removeAll(keepingCapacity: true)
        if task.source != .none {
            addHolders(of: task.source)
            return
        }
        var (edge, left) = (task.producers, Limits.localityDependenciesMax)
        while edge != .none, left > 0 {
            left -= 1
            addHolders(of: supplier(edges[edge].producer, of: task))
            edge = edges[edge].nextOfConsumer
        }
    }

    /// The task whose value a consumer is sent for this dependency.
    func supplier(_ producer: UInt32, of consumer: TaskRecord) -> UInt32 {
        let conversion = tasks[producer].phase.ending?.conversion ?? .none
        return consumer.flags.contains(.needsNeutral) && conversion != .none ? conversion : producer
    }

    private mutating func addHolders(of task: UInt32) {
        guard let row = tasks[task].phase.ending?.value, row != .none else { return }
        let value = heldValues[row]
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
