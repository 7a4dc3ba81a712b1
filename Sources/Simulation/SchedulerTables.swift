// What the scheduler keeps beside its core: payloads by task slot, and the store.

import SchedulerCore
import TaskModel

/// Arguments and outcomes, by the core's slots.
struct Slab {
    struct Row {
        let id: TaskID
        let client: SessionSlot
        let spec: TaskSpec
        var attempt: UInt32 = 0
        var outcome: Outcome?
        var value: Token?
    }

    private var rows: [(generation: UInt32, row: Row?)] = []
    private(set) var count = 0

    /// Whether anything lies there, under whatever generation.
    func isOccupied(_ slot: TaskSlot) -> Bool {
        slot.index < rows.count && rows[Int(slot.index)].row != nil
    }

    subscript(slot: TaskSlot) -> Row? {
        get {
            guard slot.index < rows.count, rows[Int(slot.index)].generation == slot.generation else {
                return nil
            }
            return rows[Int(slot.index)].row
        }
        set {
            while rows.count <= slot.index { rows.append((0, nil)) }
            if newValue == nil, rows[Int(slot.index)].generation != slot.generation { return }
            count += (newValue == nil ? 0 : 1) - (rows[Int(slot.index)].row == nil ? 0 : 1)
            rows[Int(slot.index)] = (slot.generation, newValue)
        }
    }
}

/// A store that takes its time. Sees which entry each number is.
struct VirtualStore {
    private var entries: [(kind: SchedulerActionName, task: TaskID)] = []
    private(set) var lastNumber: UInt64 = 0
    /// On its way to the disk.
    private var planned: UInt64 = 0
    private var confirmed: UInt64 = 0
    private var told: UInt64 = 0
    var busyUntil = Instant.origin

    var hasNews: Bool { confirmed > told }

    /// False if the number does not follow the one before.
    /// - isImmediate: what is handed over is in the store at once, unless something is on its way.
    mutating func record(
        _ number: UInt64, _ kind: SchedulerActionName, of task: TaskID, isImmediate: Bool
    ) -> Bool {
        guard number == lastNumber + 1 else { return false }
        entries.append((kind, task))
        if isImmediate, confirmed == lastNumber {
            planned = number
            confirmed = number
        }
        lastNumber = number
        return true
    }

    /// What was recorded since the last time is handed over: its last number, if there is any.
    mutating func handOver() -> UInt64? {
        guard lastNumber > planned else { return nil }
        planned = lastNumber
        return planned
    }

    mutating func confirm(_ number: UInt64) { confirmed = max(confirmed, number) }

    /// The last number that is in the store; the auditor learns what it stands for.
    mutating func takeNews(_ auditor: Auditor) -> UInt64 {
        let news = Int(confirmed - told)
        for entry in entries[..<news] { auditor.stored(entry.kind, entry.task) }
        entries.removeFirst(news)
        told = confirmed
        return told
    }
}
