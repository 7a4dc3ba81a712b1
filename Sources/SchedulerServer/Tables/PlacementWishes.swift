import SchedulerCore
import TaskModel

/// Where a task may run, as its client said it.
struct PlacementWishes: Hashable, Sendable {
    /// Of option fields and of a worker's hello fields.
    static let prefix = "resource."

    /// Memory in bytes, everything else in thousandths; one cpu unless `cpu` is named.
    var resources: [String: UInt64] = [:]
    /// Labels `key=value` that the worker must have, or must not have.
    var affinity: [String] = []
    var avoids: [String] = []
    var spread = false

    var isPlain: Bool { resources.isEmpty && affinity.isEmpty && avoids.isEmpty && !spread }
}

/// A refinement that one client has used: the same base with the same option set.
struct RefinementKey: Hashable {
    let base: RequirementID
    let options: UInt32
}

extension SchedulerLoop {
    /// The requirement of a task that has wishes.
    mutating func refine(
        _ base: RequirementID, _ wishes: PlacementWishes, options: UInt32, of client: ClientPeer
    ) throws(SubmitRefusal) -> RequirementID {
        if wishes.isPlain { return base }
        let key = RefinementKey(base: base, options: options)
        if let known = client.refinements[key] { return known }
        var demand = Demand(base: base, isSpread: wishes.spread)
        for (name, amount) in wishes.resources.sorted(by: { $0.key < $1.key }) {
            guard let kind = requirements.kind(ofResource: name) else {
                throw SubmitRefusal(
                    reason: .limitExceeded,
                    message: "it asks for the resource \(name), and there are \(Limits.resourceKindsMax) "
                        + "others already: \(requirements.resourceNames.joined(separator: ", "))")
            }
            demand.resources[kind] = amount
        }
        demand.labels = try numbers(of: wishes.affinity)
        demand.avoids = try numbers(of: wishes.avoids)
        let isPlain = demand == Demand(base: base)
        let requirement: RequirementID
        if isPlain {
            requirement = base
        } else if let known = requirements.known(demand) {
            requirement = known
        } else if let added = requirements.add(demand) {
            core.refine(added, demand)
            requirement = added
        } else {
            throw SubmitRefusal(
                reason: .limitExceeded,
                message: "tasks ask for more than \(Limits.refinementsMax) different combinations of "
                    + "resources and labels (refinementsMax); round the amounts")
        }
        client.refinements[key] = requirement
        return requirement
    }

    /// A worker that will join. What names more kinds or labels than there may be is left out: no task can
    /// ask for it either.
    mutating func expect(_ offer: ExpectedOffer) {
        var worker = ExpectedWorker(resources: .plain)
        for (name, amount) in offer.resources.sorted(by: { $0.key < $1.key }) {
            if let kind = requirements.kind(ofResource: name) { worker.resources[kind] = amount }
        }
        worker.labels = offer.labels.compactMap { requirements.number(ofLabel: $0) }
        core.expectedWorkers.append(worker)
    }

    private mutating func numbers(of labels: [String]) throws(SubmitRefusal) -> [UInt32] {
        var numbers: [UInt32] = []
        for label in labels {
            guard let number = requirements.number(ofLabel: label) else {
                throw SubmitRefusal(
                    reason: .limitExceeded,
                    message: "more than \(Limits.labelsMax) different labels are known (labelsMax)")
            }
            numbers.append(number)
        }
        return numbers
    }
}
