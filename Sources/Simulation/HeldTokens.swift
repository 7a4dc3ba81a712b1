import TaskModel

/// The values that a worker holds, as the product's `HeldValues` does, with what a reference to one becomes.
struct HeldTokens {
    private struct Held {
        let token: Token
        let bytes: Int
        let isMade: Bool
    }

    private var values: [TaskID: Held] = [:]
    private(set) var madeBytes = 0
    private(set) var sentBytes = 0

    var count: Int { values.count }

    subscript(task: TaskID) -> Token? { values[task]?.token }

    mutating func keep(_ token: Token, of task: TaskID, bytes: UInt32, isMade: Bool) {
        forget(task)
        values[task] = Held(token: token, bytes: Int(bytes), isMade: isMade)
        if isMade { madeBytes += Int(bytes) } else { sentBytes += Int(bytes) }
    }

    mutating func forget(_ task: TaskID) {
        guard let held = values.removeValue(forKey: task) else { return }
        if held.isMade { madeBytes -= held.bytes } else { sentBytes -= held.bytes }
    }

    mutating func forget(_ session: SessionID) {
        for task in values.keys.filter({ $0.session == session }) { forget(task) }
    }

    mutating func removeAll() { self = HeldTokens() }
}

extension WorkerNode {
    /// Half of the room is the worker's to fill.
    func keepsMade(_ report: Report) -> Bool {
        guard report.status == .value, let token = report.value,
            report.valueBytes >= Limits.heldValueBytesMin,
            held.madeBytes + Int(report.valueBytes) <= world.setting.heldValuesBytesMax / 2
        else { return false }
        held.keep(token, of: report.attempt.task, bytes: report.valueBytes, isMade: true)
        return true
    }

    /// The other half is filled by the scheduler, which counts for it.
    func keep(_ token: Token, of task: TaskID, bytes: UInt32) {
        held.keep(token, of: task, bytes: bytes, isMade: false)
        if held.sentBytes > world.setting.heldValuesBytesMax / 2 {
            world.complain("worker \(index) is sent more values than it has room for", task)
        }
    }

    /// The attempt with the values that its references stand for; nil if one stands for nothing.
    func resolved(_ assignment: Assignment) -> Assignment? {
        var assignment = assignment
        for position in assignment.inputs.indices {
            guard let reference = assignment.inputs[position].reference else { continue }
            guard let token = held[reference] else {
                world.complain("a reference to the value of \(reference) stands for nothing", reference)
                return nil
            }
            assignment.inputs[position].value = token
        }
        return assignment
    }
}
