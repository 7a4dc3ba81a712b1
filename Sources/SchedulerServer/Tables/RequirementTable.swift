import SchedulerCore
import TaskModel

/// What a task needs of the worker that runs it. The core compares numbers; the words stay here.
enum Requirement: Hashable, Sendable {
    /// Something pickled must be read: the minor version of Python must be the client's.
    case pickle(python: String)
    /// Neutral bytes only: any Python.
    case anyPython
    case swift(function: String)
    /// One of the above with resources or labels of its own.
    case refined(Demand)
}

/// Numbers requirements from 0, in the order in which they are first met; the same for names of resources
/// and for labels. They are few and never forgotten.
struct RequirementTable {
    private(set) var all: [Requirement] = []
    private var numbers: [Requirement: UInt32] = [:]
    private(set) var refinements = 0
    private(set) var resourceNames = ["cpu", "memory", "gpu"]
    private(set) var labels: [String] = []
    private var labelNumbers: [String: UInt32] = [:]

    /// nil when the table is full (`Limits.requirementsMax`).
    mutating func id(of requirement: Requirement) -> RequirementID? {
        if let number = numbers[requirement] { return RequirementID(number) }
        guard all.count < Limits.requirementsMax else { return nil }
        let number = UInt32(all.count)
        numbers[requirement] = number
        all.append(requirement)
        return RequirementID(number)
    }

    /// The number of a refinement that is known already.
    func known(_ demand: Demand) -> RequirementID? { numbers[.refined(demand)].map { RequirementID($0) } }

    /// nil when there are too many (`Limits.refinementsMax`).
    mutating func add(_ demand: Demand) -> RequirementID? {
        guard refinements < Limits.refinementsMax, let id = id(of: .refined(demand)) else { return nil }
        refinements += 1
        return id
    }

    subscript(id: RequirementID) -> Requirement { all[Int(id.rawValue)] }

    /// The requirement of which this one is a refinement, or the same.
    func base(_ requirement: Requirement) -> Requirement {
        if case .refined(let demand) = requirement { return self[demand.base] }
        return requirement
    }

    /// nil when there are too many kinds (`Limits.resourceKindsMax`).
    mutating func kind(ofResource name: String) -> Int? {
        if let kind = resourceNames.firstIndex(of: name) { return kind }
        guard resourceNames.count < Limits.resourceKindsMax else { return nil }
        resourceNames.append(name)
        return resourceNames.count - 1
    }

    /// nil when there are too many (`Limits.labelsMax`).
    mutating func number(ofLabel label: String) -> UInt32? {
        if let number = labelNumbers[label] { return number }
        guard labels.count < Limits.labelsMax else { return nil }
        let number = UInt32(labels.count)
        labels.append(label)
        labelNumbers[label] = number
        return number
    }
}

extension RequirementTable {
    /// Completes "a worker with …".
    func words(_ requirement: Requirement) -> String {
        switch requirement {
        case .pickle(let python): return "Python \(python)"
        case .anyPython: return "Python"
        case .swift(let function): return "the Swift function \(function)"
        case .refined(let demand):
            var parts = [words(self[demand.base])] + amounts(demand.resources)
            parts += demand.labels.map { "the label \(labels[Int($0)])" }
            parts += demand.avoids.map { "not the label \(labels[Int($0)])" }
            return parts.joined(separator: ", ")
        }
    }

    /// "2 cpu", "1 gpu": what differs from one cpu.
    func amounts(_ resources: Resources) -> [String] {
        resourceNames.indices.compactMap { kind in
            resources[kind] == Resources.plain[kind] ? nil : amount(resources[kind], kind)
        }
    }

    func amount(_ amount: UInt64, _ kind: Int) -> String {
        if kind == Resources.memory { return "\(memoryWords(amount)) of memory" }
        return "\(decimal(thousandths: amount)) \(resourceNames[kind])"
    }
}

/// "2 GiB", "1.5 GB", as somebody wrote it: exact, so plain bytes where no unit fits.
func memoryWords(_ bytes: UInt64) -> String {
    let binary: [(String, UInt64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]
    let decimal: [(String, UInt64)] = [
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
    ]
    if bytes == 0 { return "0 bytes" }
    for (unit, size) in binary where bytes.isMultiple(of: size) { return "\(bytes / size) \(unit)" }
    for (unit, size) in decimal where bytes >= size && bytes.isMultiple(of: size / 10) {
        let tenth = bytes / (size / 10) % 10
        return tenth == 0 ? "\(bytes / size) \(unit)" : "\(bytes / size).\(tenth) \(unit)"
    }
    return "\(bytes) bytes"
}
