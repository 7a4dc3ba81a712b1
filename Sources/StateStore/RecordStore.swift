/// Where the facts live that must survive: accepted tasks, dispatches of tasks that are not idempotent,
/// committed outcomes. The scheduler's core numbers each fact; nothing is acknowledged to a peer before its
/// number was recorded.
package protocol RecordStore: Sendable {
    /// Begins to record fact `number`. Numbers grow by one from 1.
    mutating func record(_ number: UInt64)

    /// Every fact up to this number is safe. Asked once per turn of the loop, after all `record`s of the
    /// turn.
    var recordedUpTo: UInt64 { get }
}

/// Durability `none`: a fact is safe at once, for exactly as long as the process lives.
package struct MemoryRecordStore: RecordStore {
    package private(set) var recordedUpTo: UInt64 = 0

    package init() {}

    package mutating func record(_ number: UInt64) {
        precondition(number > recordedUpTo, "facts are recorded in order")
        recordedUpTo = number
    }
}
