// How the values that a task depends on reach its worker.
//
// A worker that holds a value is sent a reference to it. One that does not is sent the value: ahead of the
// task and to be kept, if it will be needed again and there is room; else with the task, as small values are.

import TaskModel

/// The way of one value to one worker.
package enum ValueRoute: Sendable, BitwiseCopyable {
    /// Its bytes travel with the task.
    case withTask
    /// Send its bytes in front of the task: the worker keeps them. The task refers to them.
    case ahead
    /// The worker has it: the task refers to it.
    case reference
}

extension Scheduler {
    /// The way of a value that an `assign` needs. Asked when the assign is carried out, once for each of
    /// `dependencies(of:)` in order, since `ahead` counts as done from then on. O(1).
    package mutating func route(_ value: TaskSlot, to worker: WorkerSlot) -> ValueRoute {
        guard tasks.isCurrent(value), workers.isCurrent(worker),
            let row = tasks[value.index].phase.ending?.value, row != .none
        else { return .withTask }
        if heldValues.isHeld(row, by: worker.index) { return .reference }
        let isSent = isNeededAgain(value.index) && heldValues.hold(row, bySending: worker.index)
        return isSent ? .ahead : .withTask
    }

    /// Whether more than the task that it is sent for may ask for it: an edge more, or a client that can
    /// still submit one.
    private func isNeededAgain(_ value: UInt32) -> Bool {
        let source = tasks[value].source
        let owner = source == .none ? value : source
        if !tasks[owner].flags.contains(.released) { return true }
        let edge = tasks[owner].consumers
        return edge != .none && edges[edge].nextOfProducer != .none
    }

    /// Whether one of the values that the task needs is large: of the first ones, so that it costs little.
    func hasLargeValues(_ task: TaskRecord) -> Bool {
        if task.source != .none { return isLarge(task.source) }
        var (edge, left) = (task.producers, Limits.localityDependenciesMax)
        while edge != .none, left > 0 {
            if isLarge(edges[edge].producer) { return true }
            left -= 1
            edge = edges[edge].nextOfConsumer
        }
        return false
    }

    private func isLarge(_ producer: UInt32) -> Bool {
        guard let ending = tasks[producer].phase.ending else { return false }
        return ending.value != .none
    }

    /// The row of a committed value that is large enough; none of any other.
    mutating func holdValue(of task: UInt32, _ end: TaskEnd) -> UInt32 {
        guard end.status == .value, end.isHeld || end.valueBytes >= Limits.heldValueBytesMin else {
            return .none
        }
        let row = heldValues.add(task: task, bytes: end.valueBytes)
        if end.isHeld { heldValues.hold(row, byMaker: end.worker) }
        return row
    }

    /// A worker kept a value that did not become an outcome.
    mutating func dropUncommitted(_ report: AttemptReport, into actions: inout [Action]) {
        guard report.isHeld, isLive(report.task), workers.isCurrent(report.worker) else { return }
        // A report that came before: what it spoke of is in the account.
        if let row = tasks[report.task.index].phase.ending?.value, row != .none,
            heldValues.isHeld(row, by: report.worker.index)
        {
            return
        }
        actions.append(.dropValue(report.task, on: report.worker))
    }

    /// The task is about to be forgotten, so workers need not hold its value any more.
    mutating func dropValue(of task: UInt32, into actions: inout [Action]) {
        guard let row = tasks[task].phase.ending?.value, row != .none else { return }
        var worker = heldValues.removeFirst(of: row)
        while worker != .none {
            actions.append(.dropValue(tasks.slot(task), on: workers.slot(worker)))
            worker = heldValues.removeFirst(of: row)
        }
        heldValues.remove(row)
    }

    /// The same for a session that workers were told to forget, values and all.
    mutating func dropValueOfClosed(_ task: UInt32) {
        guard let row = tasks[task].phase.ending?.value, row != .none else { return }
        while heldValues.removeFirst(of: row) != .none {}
        heldValues.remove(row)
    }

    /// Bytes that may be sent to a worker and kept there; for tests.
    package var sentValueBytesMax: Int {
        get { Int(heldValues.sentBytesMax) }
        set { heldValues.sentBytesMax = UInt64(newValue) }
    }

    /// Values that workers hold, and how many copies of them there are.
    package var heldValueCounts: (values: Int, copies: Int) {
        var (values, copies) = (0, 0)
        for value in heldValues.rows where value.task != .none {
            values += 1
            copies += Int(value.holders)
        }
        return (values, copies)
    }
}
