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

    /// The attempt that has just left has as many devices as its task asks for, each with room for it.
    mutating func gave(_ devices: UInt64, of worker: WorkerSlot, to newest: TaskSlot) {
        let asked = needs[newest].flatMap { demands[$0]?.resources[Resources.gpu] } ?? 0
        let count = asked < 1_000 ? min(asked, 1) : asked / 1_000
        if devices.nonzeroBitCount != count { complain("\(newest) got \(devices.nonzeroBitCount) devices") }
        devicesOf[newest] = devices
        let offered = openWorkers[worker]?.resources[Resources.gpu] ?? 0
        for device in 0..<64 where devices & 1 << UInt64(device) != 0 {
            let owners = (heldBy[worker] ?? []).filter {
                tasks[$0]?.holder == worker && (devicesOf[$0] ?? 0) & 1 << UInt64(device) != 0
            }
            let parts = owners.map { min(demands[needs[$0] ?? 0]?.resources[Resources.gpu] ?? 0, 1_000) }
            if device >= offered / 1_000 || parts.reduce(0, +) > 1_000 {
                complain("device \(device) of \(worker) was given to too many")
            }
        }
    }
}
