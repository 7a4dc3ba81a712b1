// Clients' sessions as rows of a dense array.
//
// `watermark` is the contiguous acceptance of DESIGN: each sequence up to it was submitted, so it is a
// duplicate for ever, at the price of one number. `accepted` follows it as the store confirms.

import TaskModel

struct SessionRecord {
    var generation: UInt32 = 0
    var isOpen = false
    var id = SessionID(0)
    var tasksMax: UInt32 = 0
    var unfinished: UInt32 = 0
    /// Attempts of its tasks that workers have.
    var held: UInt32 = 0
    var watermark: UInt64 = 0
    /// Sequences that the client was told, or is about to be told, are accepted.
    var accepted: UInt64 = 0
    /// Submissions that the store has not confirmed.
    var unrecorded: UInt32 = 0
    /// In the list of sessions to be sent an `accept`.
    var isDirty = false
    var firstTask = UInt32.none
    var firstLane = UInt32.none
    /// While it is closed: the first task that may still have edges.
    var closingCursor = UInt32.none
    var directory = SequenceDirectory()
    /// Bit per worker row that was ever assigned a task of this session.
    var workers: [UInt64] = []

    mutating func remember(worker: UInt32) {
        let word = Int(worker / 64)
        while workers.count <= word { workers.append(0) }
        workers[word] |= 1 << UInt64(worker % 64)
    }

    mutating func forget(worker: UInt32) {
        let word = Int(worker / 64)
        if word < workers.count { workers[word] &= ~(1 << UInt64(worker % 64)) }
    }
}

struct SessionTable: ~Copyable {
    private(set) var rows: [SessionRecord] = []
    private var free: [UInt32] = []
    private var rowOf: [SessionID: UInt32] = [:]
    /// Rows that are neither open nor free.
    private(set) var closingCount = 0

    subscript(index: UInt32) -> SessionRecord {
        @inline(__always) _read { yield rows[Int(index)] }
        @inline(__always) _modify { yield &rows[Int(index)] }
    }

    var openCount: Int { rows.count - free.count - closingCount }

    func slot(_ index: UInt32) -> SessionSlot {
        SessionSlot(index: index, generation: rows[Int(index)].generation)
    }

    func isCurrent(_ slot: SessionSlot) -> Bool {
        slot.index < rows.count && rows[Int(slot.index)].generation == slot.generation
            && rows[Int(slot.index)].isOpen
    }

    func find(_ id: SessionID) -> UInt32? { rowOf[id] }

    mutating func open(_ id: SessionID, tasksMax: UInt32) -> UInt32 {
        precondition(rowOf[id] == nil, "a session is opened once")
        let index: UInt32
        if let last = free.popLast() {
            index = last
        } else {
            index = UInt32(rows.count)
            rows.append(SessionRecord())
        }
        rows[Int(index)].isOpen = true
        rows[Int(index)].id = id
        rows[Int(index)].tasksMax = tasksMax
        rowOf[id] = index
        return index
    }

    /// Its slot and its id are void from now on; the row stays until its tasks are gone.
    mutating func startClosing(_ index: UInt32) {
        rowOf[rows[Int(index)].id] = nil
        rows[Int(index)].isOpen = false
        rows[Int(index)].closingCursor = rows[Int(index)].firstTask
        closingCount += 1
    }

    mutating func finishClosing(_ index: UInt32) {
        closingCount -= 1
        let generation = rows[Int(index)].generation
        let isDirty = rows[Int(index)].isDirty
        rows[Int(index)] = SessionRecord()
        rows[Int(index)].generation = generation &+ 1
        // Its place in the list of dirty sessions stays; the next flush clears it.
        rows[Int(index)].isDirty = isDirty
        free.append(index)
    }

    /// A worker's row is about to be reused.
    mutating func forget(worker: UInt32) {
        for index in rows.indices { rows[index].forget(worker: worker) }
    }
}
