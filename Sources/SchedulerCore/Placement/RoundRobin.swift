// The workers in turn, whatever they have to do: the least that a strategy can know, to measure others by.

import TaskModel

extension Placement {
    /// The worker whose turn it is, of those that may hold another plain task; none if every one is full.
    mutating func next(_ requirement: UInt32, freeSlotOnly: Bool) -> UInt32 {
        guard requirement < providers.count else { return .none }
        var probes = Limits.placementProbesMax
        for provider in providers[Int(requirement)] {
            var worker = classWorkers.first(provider)
            while worker != .none, probes > 0 {
                probes -= 1
                if mayHold(worker, freeSlotOnly: freeSlotOnly) {
                    classWorkers.move(worker, to: provider)
                    return worker
                }
                worker = classWorkers.next(worker)
            }
        }
        return leastLoaded(requirement, freeSlotOnly: freeSlotOnly)
    }

    /// Whether a worker may be given another plain task.
    func mayHold(_ worker: UInt32, freeSlotOnly: Bool) -> Bool {
        let bucket = openWorkers.bucket(of: worker)
        if bucket == .none { return false }
        return !freeSlotOnly || bucket % Self.levels < Self.freeLevels
    }
}
