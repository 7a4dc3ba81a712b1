// Workers' sessions as rows of a dense array, each with the list of attempts that it holds, oldest first:
// the order in which the worker starts them.

import TaskModel

struct WorkerRecord: BitwiseCopyable {
    var generation: UInt32 = 0
    var isOpen = false
    var isDraining = false
    var id = SessionID(0)
    var slots: UInt32 = 0
    var held = TaskList()
    /// Weight of what is held; see `Estimates`.
    var load: UInt32 = 0
    /// Microseconds that what is held is expected to run.
    var expected: UInt64 = 0
    /// Attempts held that are known to run.
    var started: UInt32 = 0
    /// Attempts held that were asked back.
    var retracting: UInt32 = 0
    var finished: UInt64 = 0

    /// Attempts that wait behind running ones, as far as can be known from here.
    var excess: UInt32 {
        let busy = max(slots, started) + retracting
        return held.count > busy ? held.count - busy : 0
    }
}

struct WorkerTable: ~Copyable {
    private(set) var rows: [WorkerRecord] = []
    private var free: [UInt32] = []
    private var rowOf: [SessionID: UInt32] = [:]

    subscript(index: UInt32) -> WorkerRecord {
        @inline(__always) get { rows[Int(index)] }
        @inline(__always) _modify { yield &rows[Int(index)] }
    }

    var openCount: Int { rows.count - free.count }

    func slot(_ index: UInt32) -> WorkerSlot {
        WorkerSlot(index: index, generation: rows[Int(index)].generation)
    }

    func isCurrent(_ slot: WorkerSlot) -> Bool {
        slot.index < rows.count && rows[Int(slot.index)].generation == slot.generation
            && rows[Int(slot.index)].isOpen
    }

    func find(_ id: SessionID) -> UInt32? { rowOf[id] }

    mutating func open(_ id: SessionID, slots: UInt32) -> UInt32 {
        precondition(rowOf[id] == nil, "a worker is opened once")
        precondition(slots > 0 && slots <= Limits.slotsPerWorkerMax, "slots within Limits.slotsPerWorkerMax")
        let index: UInt32
        if let last = free.popLast() {
            index = last
        } else {
            index = UInt32(rows.count)
            rows.append(WorkerRecord())
        }
        rows[Int(index)].isOpen = true
        rows[Int(index)].id = id
        rows[Int(index)].slots = slots
        rowOf[id] = index
        return index
    }

    mutating func close(_ index: UInt32) {
        precondition(rows[Int(index)].held.count == 0, "a closed worker holds nothing")
        let generation = rows[Int(index)].generation
        rowOf[rows[Int(index)].id] = nil
        rows[Int(index)] = WorkerRecord()
        rows[Int(index)].generation = generation &+ 1
        free.append(index)
    }
}
