// The worker with the least to do: a free slot first, on the worker with the fewest taken; when all slots
// are taken, the worker with the least work held ahead. Equals take turns.

import TaskModel

extension Placement {
    /// The worker for the next plain task of this requirement; none if every one is too full.
    func leastLoaded(_ requirement: UInt32, _ reach: Reach) -> UInt32 {
        guard requirement < providers.count else { return .none }
        var best = UInt32.none
        var bestLevel = reach.levelsEnd
        for provider in providers[Int(requirement)] {
            let level = firstLevel(provider)
            if level < bestLevel {
                bestLevel = level
                best = openWorkers.first(provider * Self.levels + level)
            }
        }
        return best
    }
}
