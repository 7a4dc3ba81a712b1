// What requirements ask of a worker beyond an executor that can run the function.
//
// A requirement is either a *base* (an executor of some kind, one cpu, anywhere) or a *refinement* of a base:
// other resources, or labels that the worker must have or must not have. The server interns them, so tasks
// that ask for the same share one number, and the question whether a worker could ever serve it is answered
// once per worker and not once per task.

import TaskModel

/// What a refinement asks for.
package struct Demand: Hashable, Sendable {
    package var base: RequirementID
    /// All that the task takes while a worker holds it.
    package var resources: Resources
    /// Numbers of labels, interned by the server.
    package var labels: [UInt32]
    package var avoids: [UInt32]
    /// Rather where few tasks of the same function and session are.
    package var isSpread: Bool

    package init(
        base: RequirementID, resources: Resources = .plain, labels: [UInt32] = [], avoids: [UInt32] = [],
        isSpread: Bool = false
    ) {
        self.isSpread = isSpread
        self.base = base
        self.resources = resources
        self.labels = labels
        self.avoids = avoids
    }
}

struct Demands: ~Copyable {
    private var refinements: [Demand?] = []
    /// Per base, the refinements of it.
    private var refinementsOf: [[UInt32]] = []
    private var isPlainRow: [Bool] = []
    private var isSpreadRow: [Bool] = []

    subscript(requirement: UInt32) -> Demand? {
        requirement < refinements.count ? refinements[Int(requirement)] : nil
    }

    /// Whether its tasks take one cpu and nothing else.
    func isPlain(_ requirement: UInt32) -> Bool {
        requirement >= isPlainRow.count || isPlainRow[Int(requirement)]
    }

    func isSpread(_ requirement: UInt32) -> Bool {
        requirement < isSpreadRow.count && isSpreadRow[Int(requirement)]
    }

    func base(_ requirement: UInt32) -> UInt32 { self[requirement]?.base.rawValue ?? requirement }
    func resources(_ requirement: UInt32) -> Resources { self[requirement]?.resources ?? .plain }

    func refinements(of base: UInt32) -> [UInt32] {
        base < refinementsOf.count ? refinementsOf[Int(base)] : []
    }

    mutating func define(_ requirement: UInt32, _ demand: Demand) {
        let base = Int(demand.base.rawValue)
        while refinements.count <= Int(requirement) {
            refinements.append(nil)
            isPlainRow.append(true)
            isSpreadRow.append(false)
        }
        precondition(refinements[Int(requirement)] == nil, "a requirement is defined once")
        refinements[Int(requirement)] = demand
        isPlainRow[Int(requirement)] = demand.resources == .plain
        isSpreadRow[Int(requirement)] = demand.isSpread
        while refinementsOf.count <= base { refinementsOf.append([]) }
        refinementsOf[base].append(requirement)
    }
}

/// What a worker has.
struct Offer {
    /// Bases whose executors it has, in order.
    var provides: [UInt32]
    var resources: Resources
    var labels: [UInt32]

    /// Whether a worker that holds nothing could run a task of this requirement.
    func serves(_ requirement: UInt32, _ demands: borrowing Demands) -> Bool {
        guard let demand = demands[requirement] else {
            return provides.contains(requirement) && Resources.plain.fits(in: resources)
        }
        guard provides.contains(demand.base.rawValue), demand.resources.fits(in: resources) else {
            return false
        }
        for label in demand.labels where !labels.contains(label) { return false }
        for label in demand.avoids where labels.contains(label) { return false }
        return true
    }

    /// Everything that it could run, in order.
    func served(_ demands: borrowing Demands) -> [UInt32] {
        var served: [UInt32] = []
        for base in provides {
            if serves(base, demands) { served.append(base) }
            for refinement in demands.refinements(of: base) where serves(refinement, demands) {
                served.append(refinement)
            }
        }
        return served.sorted()
    }
}

extension Scheduler {
    /// Makes a requirement a refinement of a base, before any task has it. O(workers).
    package mutating func refine(_ requirement: RequirementID, _ demand: Demand) {
        precondition(
            Resources.areDevices(asked: demand.resources[Resources.gpu]), "gpus are whole, or a part of one")
        demands.define(requirement.rawValue, demand)
        if demand.resources != .plain { placement.index(demand.resources.scarcest) }
        placement.serve(requirement.rawValue, demands)
        for worker in workers.rows.indices where workers.rows[worker].isOpen { refresh(UInt32(worker)) }
    }
}
