// Which rule chooses the worker of the next task. Each rule is a file of this folder; `choose` is the only
// place that knows them all. Whatever a rule prefers, a worker is given no more than it may hold.

import TaskModel

/// A rule for placing plain tasks. Tasks that ask for resources go where there is room (`RoomSearch`).
package enum PlacementStrategy: String, CaseIterable, Sendable {
    /// The worker where the task starts first, counting what waits there and what would have to move; work
    /// that waits there is taken back for idle workers.
    case combined
    /// The worker with the least to do, and the task stays there.
    case leastLoaded = "least_loaded"
    /// The worker that holds most of what the task depends on, free or not, else the one with the least to
    /// do; the task stays there.
    case locality
    /// The workers in turn, whatever they have to do; the task stays there.
    case roundRobin = "round_robin"
    /// The workers in turn; idle ones take from those that have work waiting.
    case workStealing = "work_stealing"

    /// Whether work is taken back from workers for idle ones.
    var takesBack: Bool {
        switch self {
        case .combined, .workStealing: true
        case .leastLoaded, .locality, .roundRobin: false
        }
    }

    /// Whether it asks where the values are that a task depends on.
    var followsValues: Bool {
        switch self {
        case .combined, .locality: true
        case .leastLoaded, .roundRobin, .workStealing: false
        }
    }
}

extension Scheduler {
    /// The worker for a task that is ready; none if there is no room for it.
    mutating func choose(_ task: TaskRecord, _ reach: Reach) -> UInt32 {
        let requirement = task.requirement
        if demands.isSpread(requirement) {
            let worker = leastAlike(task, reach)
            if worker != .none { return worker }
        }
        let isPlain = demands.isPlain(requirement)
        if strategy == .locality || strategy.followsValues && !isPlain {
            let worker = nearest(task, reach)
            if worker != .none {
                placement.endReservation(of: requirement, servedBy: worker)
                return worker
            }
        }
        guard isPlain else {
            return placement.room(for: requirement, demands.resources(requirement))
        }
        switch strategy {
        case .combined:
            return soonest(task, reach)
        case .leastLoaded, .locality:
            return placement.leastLoaded(requirement, reach)
        case .roundRobin, .workStealing:
            return placement.next(requirement, reach)
        }
    }
}
