// All tasks as rows of one dense array, with a free list through the vacant ones.
//
// Rows are linked by index into three kinds of list: the free list, the tasks of a session, and one *place*
// list: the ready lane or the worker that has the task (a task is never in both, so one pair of links
// serves). Nothing is allocated per task once the array has grown to the largest number of tasks seen.

import TaskModel

extension UInt32 {
    /// The index of no row.
    static var none: UInt32 { .max }
}

/// What was asked or said of a task, beside its phase.
struct TaskFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt16

    static let idempotent = TaskFlags(rawValue: 1 << 0)
    static let needsNeutral = TaskFlags(rawValue: 1 << 1)
    /// An internal task that turns a pickled value into neutral form.
    static let conversion = TaskFlags(rawValue: 1 << 2)
    /// Nobody outside will use the outcome again.
    static let released = TaskFlags(rawValue: 1 << 3)
    /// It ends as cancelled whatever its attempt reports.
    static let cancelled = TaskFlags(rawValue: 1 << 4)
    /// It ends as cancelled unless its present attempt started.
    static let cancelledUnlessStarted = TaskFlags(rawValue: 1 << 5)
    /// The worker said that the present attempt is running.
    static let started = TaskFlags(rawValue: 1 << 6)
    /// The worker was asked to give the present attempt back.
    static let retracting = TaskFlags(rawValue: 1 << 7)
    /// It has a timer for its deadline.
    static let hasDeadline = TaskFlags(rawValue: 1 << 8)
    /// Its deadline passed while a worker had it: it ends as timed out whatever its attempt reports.
    static let expired = TaskFlags(rawValue: 1 << 9)

    /// The present attempt was placed behind others, when no other task of its session was on any worker.
    static let alone = TaskFlags(rawValue: 1 << 10)
    /// Among its dependencies are large values.
    static let needsLargeValues = TaskFlags(rawValue: 1 << 11)
    /// It was put in front of its lane.
    static let triedAgain = TaskFlags(rawValue: 1 << 12)
    /// It is in the tree of its lane, not in the list.
    static let inTree = TaskFlags(rawValue: 1 << 13)

    /// What is true of one attempt only.
    static let ofAttempt: TaskFlags = [.started, .retracting, .alone]
    /// What is true while it is in a lane.
    static let ofQueue: TaskFlags = [.triedAgain, .inTree]
    static let anyCancel: TaskFlags = [.cancelled, .cancelledUnlessStarted]
    /// No further attempt is wanted.
    static let unwanted: TaskFlags = [.cancelled, .cancelledUnlessStarted, .expired]
}

/// One row. Fields are ordered by size, so that no padding lies between them.
struct TaskRecord: BitwiseCopyable {
    var phase: Phase
    var sequence: UInt64
    var submitted: Instant
    var generation: UInt32
    var session: UInt32
    var function: UInt32
    var requirement: UInt32
    /// Number of the present or latest attempt.
    var attempt: UInt32
    /// Where it queues when it is ready.
    var lane: UInt32
    /// Links of the list of the lane or of the worker, or of the tree of the lane.
    var next: UInt32
    var previous: UInt32
    var nextOfSession: UInt32
    var previousOfSession: UInt32
    /// First edge to a task that depends on this one; none if no unended task does.
    var consumers: UInt32
    /// First edge to a task on which this one depends; none once it ended.
    var producers: UInt32
    /// Of a conversion: the task whose value it converts.
    var source: UInt32
    /// Number in `RetryPolicies`; none if it is tried again at once.
    var policy: UInt32
    var flags: TaskFlags
    var retriesLeft: UInt16
    var losses: Losses
    var crashes: UInt8
    var steals: UInt8
    var priority: Int8
}

/// Ends of a place list.
struct TaskList: BitwiseCopyable {
    var head = UInt32.none
    var tail = UInt32.none
    var count: UInt32 = 0
}

struct TaskTable: ~Copyable {
    private(set) var rows: [TaskRecord] = []
    private var free = UInt32.none
    /// Rows per phase.
    private(set) var counts = [Int](repeating: 0, count: TaskPhase.allCases.count)

    subscript(index: UInt32) -> TaskRecord {
        @inline(__always) get { rows[Int(index)] }
        @inline(__always) _modify { yield &rows[Int(index)] }
    }

    var known: Int { rows.count - counts[Int(TaskPhase.vacant.rawValue)] }

    func slot(_ index: UInt32) -> TaskSlot {
        TaskSlot(index: index, generation: rows[Int(index)].generation)
    }

    func isCurrent(_ slot: TaskSlot) -> Bool {
        guard slot.index < rows.count, rows[Int(slot.index)].generation == slot.generation else {
            return false
        }
        if case .vacant = rows[Int(slot.index)].phase { return false }
        return true
    }

    /// A row for a new task, in phase `waiting`; every field but phase and generation is the caller's.
    mutating func allocate() -> UInt32 {
        let index: UInt32
        if free != .none {
            index = free
            guard case .vacant(let next) = rows[Int(index)].phase else {
                preconditionFailure("free row in use")
            }
            free = next
        } else {
            index = UInt32(rows.count)
            rows.append(TaskRecord.fresh)
            counts[Int(TaskPhase.vacant.rawValue)] += 1
        }
        enter(.waiting(missing: 0), index)
        return index
    }

    /// The row may name another task from now on.
    mutating func vacate(_ index: UInt32) {
        enter(.vacant(next: free), index)
        // The top bit stays clear: internal sequence numbers are made of generation and index.
        rows[Int(index)].generation = (rows[Int(index)].generation + 1) & 0x7FFF_FFFF
        free = index
    }

    /// The only way from one phase to another.
    mutating func enter(_ phase: Phase, _ index: UInt32) {
        let (old, new) = (rows[Int(index)].phase.name, phase.name)
        precondition(Lifecycle.cause(from: old, to: new) != nil, "no such transition of a task")
        counts[Int(old.rawValue)] -= 1
        counts[Int(new.rawValue)] += 1
        rows[Int(index)].phase = phase
    }

    /// Changes the data of the present phase.
    mutating func update(_ phase: Phase, _ index: UInt32) {
        precondition(rows[Int(index)].phase.name == phase.name, "an update stays in its phase")
        rows[Int(index)].phase = phase
    }
}

extension TaskTable {
    mutating func append(_ index: UInt32, to list: inout TaskList) {
        self[index].previous = list.tail
        self[index].next = .none
        if list.tail == .none { list.head = index } else { self[list.tail].next = index }
        list.tail = index
        list.count += 1
    }

    mutating func prepend(_ index: UInt32, to list: inout TaskList) {
        self[index].previous = .none
        self[index].next = list.head
        if list.head == .none { list.tail = index } else { self[list.head].previous = index }
        list.head = index
        list.count += 1
    }

    mutating func unlink(_ index: UInt32, from list: inout TaskList) {
        let (next, previous) = (self[index].next, self[index].previous)
        if previous == .none { list.head = next } else { self[previous].next = next }
        if next == .none { list.tail = previous } else { self[next].previous = previous }
        list.count -= 1
    }

    mutating func link(_ index: UInt32, toSession first: inout UInt32) {
        self[index].nextOfSession = first
        self[index].previousOfSession = .none
        if first != .none { self[first].previousOfSession = index }
        first = index
    }

    mutating func unlink(_ index: UInt32, fromSession first: inout UInt32) {
        let (next, previous) = (self[index].nextOfSession, self[index].previousOfSession)
        if previous == .none { first = next } else { self[previous].nextOfSession = next }
        if next != .none { self[next].previousOfSession = previous }
    }
}

extension TaskRecord {
    static var fresh: TaskRecord {
        TaskRecord(
            phase: .vacant(next: .none), sequence: 0, submitted: .origin, generation: 0, session: .none,
            function: 0, requirement: 0, attempt: 0, lane: .none, next: .none, previous: .none,
            nextOfSession: .none, previousOfSession: .none, consumers: .none, producers: .none, source: .none,
            policy: .none, flags: [], retriesLeft: 0, losses: Losses(), crashes: 0, steals: 0, priority: 0)
    }
}

extension Scheduler {
    /// Memory of a task without dependencies, but for its few bytes in the index of its session.
    package static var bytesPerTask: Int { MemoryLayout<TaskRecord>.stride }

    /// Timers kept, void ones included.
    package var timersKept: Int { timers.heap.count }

    /// Pages of sequence numbers in use, a kilobyte each.
    package var indexPages: Int { sequences.pagesInUse }
}
