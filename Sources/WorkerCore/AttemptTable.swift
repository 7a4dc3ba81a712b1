// The attempts of a worker, in one dense array.
//
// An attempt is in exactly one list: the queue of its kind (not yet sent), or the pipeline of a slot (sent to
// the slot's executor, in the order in which it will run them). Lists are links between indices, so that
// moving an attempt costs nothing and order never comes from a dictionary. The dictionary answers one
// question: which attempt a record names.

import TaskModel

/// Where an attempt is. Only the first of a pipeline runs.
enum AttemptPhase: Sendable, BitwiseCopyable {
    /// The index is unused. Exit: queued.
    case free
    /// Not sent yet. Exits: sent, running, free.
    case queued
    /// In the pipeline of a slot, behind another. Exits: running, queued (given back by the executor), free.
    case sent(slot: UInt16)
    /// First of its slot's pipeline. Exits: stopping, queued (it had not started after all), free.
    case running(slot: UInt16, since: Instant)
    /// The exception was raised inside it; at the deadline its executor is killed. Exits: killed, free.
    case stopping(slot: UInt16, since: Instant, deadline: Instant)
    /// Its executor is being killed because of it. Exit: free.
    case killed(slot: UInt16)
}

/// What was asked for an attempt that is in a pipeline and cannot be had back at once. A later wish replaces
/// only a weaker one.
enum Wish: UInt8, Sendable, BitwiseCopyable {
    case none
    /// This worker wants it back for an idle slot.
    case rebalance
    /// The scheduler wants it back.
    case giveBack
    case cancel
    case timeOut
    /// Nobody wants to hear of it again.
    case drop
}

/// Whether the executor has begun with the first of its pipeline; see `Looks.swift`.
enum Beginning: Sendable, BitwiseCopyable {
    /// As far as is known here. Exit: asked.
    case assumed
    /// The server has been told to look. Exits: confirmed, doubted.
    case asked(again: Bool)
    /// It had not begun at the last look. Exit: asked.
    case doubted(next: Instant, overdue: Bool)
    case confirmed
}

struct Attempt: Sendable, BitwiseCopyable {
    var id: AttemptID
    var grace: Interval
    /// Nil: for ever.
    var timeout: Interval?
    /// Counts admissions: who came first.
    var order: UInt64
    var phase = AttemptPhase.free
    /// What its run time was thought to be when it was sent; counted in the slot's backlog.
    var estimate = Interval.zero
    var function: FunctionSlot
    var generation: UInt32
    var next = noIndex
    var previous = noIndex
    var kind: ExecutorKind
    var wish = Wish.none
    var beginning = Beginning.assumed
    var reportedStarted = false
    var rank: Int8 = 0
    /// See `AttemptOrder`.
    var isCounted = false
    /// Devices of this worker that it has, a bit each.
    var devices: UInt64 = 0
    /// How often others were put in front of it.
    var overtaken: UInt8 = 0

    var isUnstarted: Bool {
        switch phase {
        case .sent: true
        case .free, .queued, .running, .stopping, .killed: false
        }
    }
}

/// The end of a list of indices.
let noIndex = UInt32.max

struct AttemptList: Sendable, BitwiseCopyable {
    var head = noIndex
    var tail = noIndex
    var count = 0

    var isEmpty: Bool { count == 0 }
}

struct AttemptTable: ~Copyable {
    private(set) var entries: [Attempt] = []
    private var free: [UInt32] = []
    /// Released in this turn: the server still reads its own arrays at these indices.
    private var released: [UInt32] = []
    private var byID: [AttemptID: UInt32] = [:]
    private var admitted: UInt64 = 0
    /// Attempts that are held and counted; see `AttemptOrder`.
    private(set) var counted = 0

    var count: Int { byID.count }

    subscript(_ index: UInt32) -> Attempt {
        @inline(__always) get { entries[Int(index)] }
        @inline(__always) _modify { yield &entries[Int(index)] }
    }

    func slot(_ index: UInt32) -> AttemptSlot {
        AttemptSlot(index: index, generation: entries[Int(index)].generation)
    }

    /// The index of an attempt that is still held.
    func index(_ slot: AttemptSlot) -> UInt32? {
        guard Int(slot.index) < entries.count, entries[Int(slot.index)].generation == slot.generation else {
            return nil
        }
        return slot.index
    }

    func find(_ id: AttemptID) -> UInt32? { byID[id] }

    /// The attempt must not be held already. It is in no list yet.
    mutating func insert(_ order: AttemptOrder) -> UInt32 {
        let index = free.last ?? UInt32(entries.count)
        guard byID.updateValue(index, forKey: order.id) == nil else {
            preconditionFailure("\(order.id) is admitted twice; ask `find` first")
        }
        admitted += 1
        var attempt = Attempt(
            id: order.id, grace: order.grace, timeout: order.timeout, order: admitted,
            function: order.function, generation: 0, kind: order.kind)
        attempt.phase = .queued
        attempt.rank = order.rank
        attempt.devices = order.devices
        attempt.isCounted = order.isCounted
        if order.isCounted { counted += 1 }
        if free.popLast() != nil {
            attempt.generation = entries[Int(index)].generation
            entries[Int(index)] = attempt
        } else {
            entries.append(attempt)
        }
        return index
    }

    /// The attempt must be in no list. Its index is reused after the next `reclaim`.
    mutating func remove(_ index: UInt32) {
        byID[entries[Int(index)].id] = nil
        if entries[Int(index)].isCounted { counted -= 1 }
        entries[Int(index)].phase = .free
        entries[Int(index)].generation &+= 1
        released.append(index)
    }

    mutating func reclaim() {
        guard !released.isEmpty else { return }
        free.append(contentsOf: released)
        released.removeAll(keepingCapacity: true)
    }
}

extension AttemptTable {
    mutating func append(_ index: UInt32, to list: inout AttemptList) {
        insert(index, into: &list, after: list.tail)
    }

    /// Into a queue, behind what has its rank or a larger one, and behind what was overtaken often enough: so
    /// each attempt is passed `Limits.overtakenMax` times at most, and no queue is walked for long.
    mutating func enqueue(_ index: UInt32, into list: inout AttemptList) {
        var after = list.tail
        while after != noIndex, self[after].rank < self[index].rank,
            self[after].overtaken < Limits.overtakenMax
        {
            self[after].overtaken += 1
            after = self[after].previous
        }
        insert(index, into: &list, after: after)
    }

    /// To the front of a queue, where what comes back from an executor is in the order of admission: all of
    /// it was about to run.
    mutating func reinsert(_ index: UInt32, into list: inout AttemptList) {
        self[index].rank = .max
        var before = noIndex
        var next = list.head
        while next != noIndex, self[next].rank == .max, self[next].order < self[index].order {
            before = next
            next = self[next].next
        }
        insert(index, into: &list, after: before)
    }

    private mutating func insert(_ index: UInt32, into list: inout AttemptList, after: UInt32) {
        let before = after == noIndex ? list.head : self[after].next
        self[index].previous = after
        self[index].next = before
        if after == noIndex { list.head = index } else { self[after].next = index }
        if before == noIndex { list.tail = index } else { self[before].previous = index }
        list.count += 1
    }

    mutating func unlink(_ index: UInt32, from list: inout AttemptList) {
        let previous = self[index].previous
        let next = self[index].next
        if previous == noIndex { list.head = next } else { self[previous].next = next }
        if next == noIndex { list.tail = previous } else { self[next].previous = previous }
        self[index].previous = noIndex
        self[index].next = noIndex
        list.count -= 1
    }
}
