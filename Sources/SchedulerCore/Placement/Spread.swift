// Tasks that their client wants spread: on the worker that holds the fewest of the same function and session.
//
// It looks at a bounded number of workers, and at a bounded number of attempts of each; with more of them it
// is a good place and not the best. A free slot comes first, and equals go to the worker that holds less.

import TaskModel

extension Scheduler {
    mutating func leastAlike(_ task: TaskRecord, _ reach: Reach) -> UInt32 {
        let requirement = task.requirement
        guard placement.isServed(requirement) else { return .none }
        let resources = demands.resources(requirement)
        let isPlain = demands.isPlain(requirement)
        var probes = Limits.placementProbesMax
        var (best, bestClass) = (UInt32.none, UInt32.none)
        var least: (ahead: UInt32, alike: Int, held: UInt32) = (.max, .max, .max)
        for provider in placement.providers[Int(requirement)] {
            var worker = placement.classWorkers.first(provider)
            while worker != .none, probes > 0 {
                probes -= 1
                let hasRoom =
                    isPlain
                    ? placement.mayHold(worker, reach)
                    : placement.isOpen(worker, for: requirement, resources)
                if hasRoom {
                    let (held, slots) = (workers[worker].held.count, workers[worker].slots)
                    let rank = (held < slots ? 0 : held - slots + 1, alike(task, on: worker), held)
                    if rank < least { (best, bestClass, least) = (worker, provider, rank) }
                }
                worker = placement.classWorkers.next(worker)
            }
        }
        if best != .none { placement.classWorkers.move(best, to: bestClass) }
        return best
    }

    /// Attempts of the same function and session that a worker holds, of those that it was given last.
    private func alike(_ task: TaskRecord, on worker: UInt32) -> Int {
        var (count, left) = (0, Limits.placementProbesMax)
        var held = workers[worker].held.tail
        while held != .none, left > 0 {
            left -= 1
            let row = tasks[held]
            if row.function == task.function, row.session == task.session { count += 1 }
            held = row.previous
        }
        return count
    }
}
