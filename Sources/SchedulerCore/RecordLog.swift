// What was handed to the store and has not been confirmed: a ring in the order of the record numbers.
//
// What must wait for durability (an acceptance, the delivery of an outcome, the dispatch of a task that is
// not idempotent) waits here and nowhere else. An entry whose task is gone meanwhile is simply skipped.

/// One record on its way to the store.
struct PendingRecord: BitwiseCopyable {
    var entry: Action.Entry
    /// The attempt that waits, for a dispatch.
    var attempt: UInt32
}

struct RecordLog: ~Copyable {
    private var ring: [PendingRecord?] = []
    private var head = 0
    private(set) var count = 0
    /// Number of the oldest record that is not confirmed; numbers count from 1.
    private(set) var firstNumber: UInt64 = 1

    /// The number of the new record.
    mutating func append(_ entry: Action.Entry, attempt: UInt32 = 0) -> UInt64 {
        if count == ring.count { grow() }
        ring[(head + count) & (ring.count - 1)] = PendingRecord(entry: entry, attempt: attempt)
        count += 1
        return firstNumber + UInt64(count) - 1
    }

    /// The oldest record, if it is confirmed by this number.
    mutating func popFirst(upTo number: UInt64) -> PendingRecord? {
        guard count > 0, firstNumber <= number else { return nil }
        let pending = ring[head]
        head = (head + 1) & (ring.count - 1)
        count -= 1
        firstNumber += 1
        return pending
    }

    private mutating func grow() {
        var larger: [PendingRecord?] = []
        larger.reserveCapacity(max(64, ring.count * 2))
        for offset in 0..<count { larger.append(ring[(head + offset) & (ring.count - 1)]) }
        while larger.count < max(64, ring.count * 2) { larger.append(nil) }
        ring = larger
        head = 0
    }
}
