// Which workers hold which values, so that a value crosses to a worker once and a task can go to its data.
//
// Only values from `Limits.heldValueBytesMin` on have a row here; the bytes themselves are the server's. Each
// copy at a worker is a *holder*, in two doubly linked lists: that of its value and that of its worker. So a
// value that is forgotten and a worker that is lost cost what they hold, and no more.
//
// A worker never drops a value by itself: what this table says it holds, it holds. Its room has two halves,
// each with one side that fills it: the worker keeps what it makes as long as one half lasts, and is sent
// values of others as long as the other half lasts, by the account kept here.

import TaskModel

struct HeldValue: BitwiseCopyable {
    /// Row of the task that it is the value of; none if the row is free.
    var task: UInt32
    var bytes: UInt32
    /// First holder; next row of the free list if the row is free.
    var first: UInt32
    var holders: UInt32
}

struct Holder: BitwiseCopyable {
    /// Row of the value; none if the row is free.
    var value: UInt32
    var worker: UInt32
    /// Made there, else sent there.
    var isMaker: Bool
    /// Also the free list.
    var nextOfValue: UInt32
    var previousOfValue: UInt32
    var nextOfWorker: UInt32
    var previousOfWorker: UInt32
}

struct HeldValues: ~Copyable {
    struct Share: BitwiseCopyable {
        /// First holder at this worker.
        var first = UInt32.none
        var sentBytes: UInt64 = 0
    }

    private(set) var rows: [HeldValue] = []
    private(set) var holders: [Holder] = []
    /// Per row of a worker.
    private(set) var shares: [Share] = []
    private var freeValue = UInt32.none
    private var freeHolder = UInt32.none
    /// Holder by value and worker.
    private var holderOf: [UInt64: UInt32] = [:]

    /// What may be sent to one worker and kept there.
    var sentBytesMax = UInt64(Limits.heldValuesBytesMax / 2)

    subscript(value: UInt32) -> HeldValue { rows[Int(value)] }
    func holder(_ index: UInt32) -> Holder { holders[Int(index)] }

    func isHeld(_ value: UInt32, by worker: UInt32) -> Bool { holderOf[key(value, worker)] != nil }

    private func key(_ value: UInt32, _ worker: UInt32) -> UInt64 { UInt64(value) << 32 | UInt64(worker) }

    /// The value of a task, which nobody holds yet.
    mutating func add(task: UInt32, bytes: UInt32) -> UInt32 {
        let value = HeldValue(task: task, bytes: bytes, first: .none, holders: 0)
        guard freeValue != .none else {
            rows.append(value)
            return UInt32(rows.count - 1)
        }
        let index = freeValue
        freeValue = rows[Int(index)].first
        rows[Int(index)] = value
        return index
    }

    /// The worker made the value and keeps it.
    mutating func hold(_ value: UInt32, byMaker worker: UInt32) { insert(value, worker, isMaker: true) }

    /// The value is about to be sent to the worker.
    /// - Returns: false if the worker has no room for it.
    mutating func hold(_ value: UInt32, bySending worker: UInt32) -> Bool {
        let bytes = UInt64(rows[Int(value)].bytes)
        guard rows[Int(value)].holders < Limits.holdersPerValueMax,
            sentBytes(worker) + bytes <= sentBytesMax
        else { return false }
        insert(value, worker, isMaker: false)
        return true
    }

    func sentBytes(_ worker: UInt32) -> UInt64 {
        worker < shares.count ? shares[Int(worker)].sentBytes : 0
    }

    private mutating func insert(_ value: UInt32, _ worker: UInt32, isMaker: Bool) {
        while shares.count <= Int(worker) { shares.append(Share()) }
        let holder = Holder(
            value: value, worker: worker, isMaker: isMaker, nextOfValue: rows[Int(value)].first,
            previousOfValue: .none, nextOfWorker: shares[Int(worker)].first, previousOfWorker: .none)
        let index: UInt32
        if freeHolder != .none {
            index = freeHolder
            freeHolder = holders[Int(index)].nextOfValue
            holders[Int(index)] = holder
        } else {
            index = UInt32(holders.count)
            holders.append(holder)
        }
        if holder.nextOfValue != .none { holders[Int(holder.nextOfValue)].previousOfValue = index }
        if holder.nextOfWorker != .none { holders[Int(holder.nextOfWorker)].previousOfWorker = index }
        rows[Int(value)].first = index
        rows[Int(value)].holders += 1
        shares[Int(worker)].first = index
        if !isMaker { shares[Int(worker)].sentBytes += UInt64(rows[Int(value)].bytes) }
        let former = holderOf.updateValue(index, forKey: key(value, worker))
        precondition(former == nil, "a worker holds a value once")
    }

    /// Takes a holder off the value; its worker, or none if there is no holder left.
    mutating func removeFirst(of value: UInt32) -> UInt32 {
        let index = rows[Int(value)].first
        return index == .none ? .none : unlink(index).worker
    }

    /// The value is gone; it has no holder.
    mutating func remove(_ value: UInt32) {
        precondition(rows[Int(value)].holders == 0, "a value that is gone is held nowhere")
        rows[Int(value)] = HeldValue(task: .none, bytes: 0, first: freeValue, holders: 0)
        freeValue = value
    }

    /// The worker is lost, with all that it held.
    mutating func lose(_ worker: UInt32) {
        guard worker < shares.count else { return }
        while shares[Int(worker)].first != .none { _ = unlink(shares[Int(worker)].first) }
    }

    private mutating func unlink(_ index: UInt32) -> Holder {
        let holder = holders[Int(index)]
        if holder.previousOfValue == .none {
            rows[Int(holder.value)].first = holder.nextOfValue
        } else {
            holders[Int(holder.previousOfValue)].nextOfValue = holder.nextOfValue
        }
        if holder.nextOfValue != .none {
            holders[Int(holder.nextOfValue)].previousOfValue = holder.previousOfValue
        }
        if holder.previousOfWorker == .none {
            shares[Int(holder.worker)].first = holder.nextOfWorker
        } else {
            holders[Int(holder.previousOfWorker)].nextOfWorker = holder.nextOfWorker
        }
        if holder.nextOfWorker != .none {
            holders[Int(holder.nextOfWorker)].previousOfWorker = holder.previousOfWorker
        }
        rows[Int(holder.value)].holders -= 1
        if !holder.isMaker {
            shares[Int(holder.worker)].sentBytes -= UInt64(rows[Int(holder.value)].bytes)
        }
        holderOf[key(holder.value, holder.worker)] = nil
        holders[Int(index)].value = .none
        holders[Int(index)].nextOfValue = freeHolder
        freeHolder = index
        return holder
    }

    /// For the invariants: whether the index knows each holder, and nothing else.
    func isIndexed(_ used: Int) -> Bool { holderOf.count == used }
}
