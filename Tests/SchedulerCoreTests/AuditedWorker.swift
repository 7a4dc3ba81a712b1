import SchedulerCore

/// What a worker said that it has.
struct AuditedWorker {
    let slots: Int
    let provides: Set<UInt32>
    let resources: Resources
    let labels: Set<UInt32>

    func serves(_ requirement: UInt32, _ demand: Demand?) -> Bool {
        guard let demand else {
            return provides.contains(requirement) && Resources.plain.fits(in: resources)
        }
        return provides.contains(demand.base.rawValue) && demand.resources.fits(in: resources)
            && labels.isSuperset(of: demand.labels) && labels.isDisjoint(with: demand.avoids)
    }

    /// Whether any of these attempts may run at once, at most one per slot.
    func hasRoom(forSome attempts: [Resources]) -> Bool {
        for kind in 0..<4 {
            let most = attempts.map { $0[kind] }.sorted(by: >).prefix(slots).reduce(0, +)
            if most > resources[kind] { return false }
        }
        return true
    }
}

extension Auditor {
    /// Whatever the worker runs of what it holds, it has the resources.
    mutating func checkRoom(_ worker: WorkerSlot, for newest: TaskSlot) {
        guard let offer = openWorkers[worker] else { return }
        var held = (heldBy[worker] ?? []).filter { tasks[$0]?.holder == worker && $0 != newest }
        held.append(newest)
        heldBy[worker] = held
        let attempts = held.map { slot in needs[slot].flatMap { demands[$0]?.resources } ?? .plain }
        if !offer.hasRoom(forSome: attempts) { complain("\(worker) was given more than it has room for") }
    }
}
