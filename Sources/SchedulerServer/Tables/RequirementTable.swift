import SchedulerCore
import TaskModel

/// What a function needs of the worker that runs it. The core compares numbers; the words stay here.
enum Requirement: Hashable, Sendable {
    /// Something pickled must be read: the minor version of Python must be the client's.
    case pickle(python: String)
    /// Neutral bytes only: any Python.
    case anyPython
    case swift(function: String)
}

/// Numbers requirements from 0, in the order in which they are first met. They are few and never forgotten.
struct RequirementTable {
    private(set) var all: [Requirement] = []
    private var numbers: [Requirement: UInt32] = [:]

    /// nil when the table is full (`Limits.requirementsMax`).
    mutating func id(of requirement: Requirement) -> RequirementID? {
        if let number = numbers[requirement] { return RequirementID(number) }
        guard all.count < Limits.requirementsMax else { return nil }
        let number = UInt32(all.count)
        numbers[requirement] = number
        all.append(requirement)
        return RequirementID(number)
    }

    subscript(id: RequirementID) -> Requirement { all[Int(id.rawValue)] }
}

extension Requirement: CustomStringConvertible {
    /// Completes "a worker with …".
    var description: String {
        switch self {
        case .pickle(let python): "Python \(python)"
        case .anyPython: "Python"
        case .swift(let function): "the Swift function \(function)"
        }
    }
}
