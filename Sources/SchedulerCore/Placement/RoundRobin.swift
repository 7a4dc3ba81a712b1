// The workers in turn, whatever they have to do: the least that a strategy can know, to measure others by.

import TaskModel

extension Placement {
    /// The worker whose turn it is, of those that may hold another plain task; none if every one is too full.
    mutating func next(_ requirement: UInt32, _ reach: Reach) -> UInt32 {
        guard requirement < providers.count else { return .none }
        var probes = Limits.placementProbesMax
        for provider in providers[Int(requirement)] {
            var worker = classWorkers.first(provider)
            while worker != .none, probes > 0 {
                probes -= 1
                if mayHold(worker, reach) {
                    classWorkers.move(worker, to: provider)
                    return worker
                }
                worker = classWorkers.next(worker)
            }
        }
        return leastLoaded(requirement, reach)
    }

    /// Whether a worker may be given another plain task.
    func mayHold(_ worker: UInt32, _ reach: Reach) -> Bool {
        let bucket = openWorkers.bucket(of: worker)
        return bucket != .none && bucket % Self.levels < reach.levelsEnd
    }
}
