import SchedulerCore
import SessionTransport
import TaskModel
import Wire

/// A record inside a received frame. Holding it holds the frame; nothing is copied.
struct StoredRecord {
    let frame: ReceivedFrame
    /// Where the body begins in part 0 of the frame.
    let bodyStart: UInt32
    let bodyCount: UInt32
    /// Index of the record's first attachment among those of the frame.
    let firstAttachment: UInt32
    let attachments: UInt16
    let flags: UInt8

    init(_ record: Record, of frame: ReceivedFrame) {
        self.frame = frame
        bodyStart = UInt32(record.bodyStart)
        bodyCount = UInt32(record.bodyCount)
        firstAttachment = UInt32(record.firstAttachment)
        attachments = UInt16(record.attachments)
        flags = record.flags
    }

    var body: Range<Int> { Int(bodyStart)..<Int(bodyStart) + Int(bodyCount) }
}

/// An outcome that the scheduler makes itself, because no worker's outcome tells the end of the task.
struct MadeOutcome {
    var status: OutcomeStatus
    var reason: OutcomeReason
    var attempt: UInt32
    var worker: SessionID
    var detail: String
    /// Of a task whose dependency failed: the failure with which it began.
    var firstCause: FirstCause?
}

/// What the server keeps beside one task of the core. A million of them may wait, so each byte counts.
struct TaskEntry {
    /// Sequence 0, which no task has, marks a free row.
    let id: TaskID
    let client: SessionSlot
    /// The submit record until the arguments may go: arguments, dependencies and parent are read from it
    /// again
    /// when they are needed. Then the worker's `finished` record; for a failed dependency, that of its cause.
    private var record: StoredRecord?
    private var isOutcome = false
    /// It counts among the tasks of its function, and its share of the credit is taken.
    fileprivate(set) var isCharged = true
    /// `MadeOutcome` says how it ended.
    fileprivate(set) var isMade = false
    /// Its client asked for the value, however large it is.
    var isWanted = false
    /// Its outcome went to the client without the value.
    var isLeft = false
    let function: FunctionKey
    /// Index in the session's `OptionTable`.
    let options: UInt32
    /// Payload bytes of the submission.
    let submissionBytes: UInt32
    /// Bytes of the outcome that a worker sent for this very task.
    fileprivate(set) var outcomeBytes: UInt32 = 0
    /// From acceptance to the start of the attempt that ended.
    fileprivate(set) var waitedMicroseconds: UInt32 = 0
    /// The last attempt that was assigned, and where: for the words of an outcome made here. 0: none was.
    var attempt: UInt32 = 0
    var worker = WorkerSlot(index: .max, generation: .max)

    /// - Parameter submission: nil for a conversion, which nobody submitted.
    init(
        id: TaskID, client: SessionSlot, submission: StoredRecord?, submissionBytes: UInt32,
        function: FunctionKey,
        options: UInt32
    ) {
        self.id = id
        self.client = client
        record = submission
        self.submissionBytes = submissionBytes
        self.function = function
        self.options = options
    }

    var submission: StoredRecord? { isOutcome ? nil : record }
    var outcome: StoredRecord? { isOutcome ? record : nil }

    /// The arguments go; false: they went before.
    mutating func discharge() -> Bool {
        guard isCharged else { return false }
        isCharged = false
        if !isOutcome { record = nil }
        return true
    }

    mutating func take(outcome: StoredRecord?) {
        record = outcome
        isOutcome = true
    }

    fileprivate static var vacant: TaskEntry {
        TaskEntry(
            id: TaskID(session: SessionID(0), sequence: 0),
            client: SessionSlot(index: .max, generation: .max),
            submission: nil, submissionBytes: 0, function: FunctionKey(.max), options: 0)
    }
}

/// Rows parallel to the core's task table: `TaskSlot.index` is the index here.
struct TaskSlab: ~Copyable {
    private var rows: [TaskEntry] = []
    /// Few tasks end without a worker's word, so what is said of them is kept apart from the rows.
    private var made: [UInt32: MadeOutcome] = [:]
    /// Bytes of the outcomes that are kept, attachments included.
    private(set) var outcomeBytes = 0

    mutating func insert(_ entry: TaskEntry, at slot: TaskSlot) {
        let index = Int(slot.index)
        while rows.count <= index { rows.append(.vacant) }
        precondition(!holds(slot), "a task slot was used again before `forget`")
        rows[index] = entry
    }

    func holds(_ slot: TaskSlot) -> Bool {
        Int(slot.index) < rows.count && rows[Int(slot.index)].id.sequence != 0
    }

    /// The row must hold a task.
    subscript(slot: TaskSlot) -> TaskEntry {
        _read { yield rows[Int(slot.index)] }
        _modify { yield &rows[Int(slot.index)] }
    }

    /// Keeps a worker's outcome until the task is removed.
    mutating func keep(_ outcome: StoredRecord, for slot: TaskSlot, waitedMicroseconds: UInt32) {
        var bytes = Int(outcome.bodyCount)
        for attachment in 0..<Int(outcome.attachments) {
            bytes += outcome.frame.byteCount(of: 1 + Int(outcome.firstAttachment) + attachment)
        }
        let counted = UInt32(clamping: bytes)
        outcomeBytes += Int(counted)
        self[slot].take(outcome: outcome)
        self[slot].outcomeBytes = counted
        self[slot].waitedMicroseconds = waitedMicroseconds
    }

    func made(_ slot: TaskSlot) -> MadeOutcome? { made[slot.index] }

    /// - Parameter payload: the outcome of the cause, whose exception travels with this one.
    mutating func make(_ outcome: MadeOutcome, payload: StoredRecord?, for slot: TaskSlot) {
        made[slot.index] = outcome
        self[slot].take(outcome: payload)
        self[slot].isMade = true
    }

    mutating func remove(_ slot: TaskSlot) {
        guard holds(slot) else { return }
        let index = Int(slot.index)
        outcomeBytes -= Int(rows[index].outcomeBytes)
        if rows[index].isMade { made[slot.index] = nil }
        rows[index] = .vacant
    }
}
