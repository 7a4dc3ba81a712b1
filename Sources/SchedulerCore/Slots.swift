// A slot names a row of one of the core's tables: where it lies, and which use of that row is meant. The
// tables reuse rows, so an index alone could name the wrong task; the generation grows with each reuse and
// a stale slot is simply no longer valid. Servers keep their own arrays beside the core's, by `index`.

/// A task that the core knows.
package struct TaskSlot: Hashable, Sendable, BitwiseCopyable {
    /// Below the largest number of tasks known at once; use it to index arrays of your own.
    package let index: UInt32
    package let generation: UInt32

    @inlinable package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// A client's session.
package struct SessionSlot: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package let generation: UInt32

    @inlinable package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// A worker's session.
package struct WorkerSlot: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package let generation: UInt32

    @inlinable package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// What a task needs of its worker ("python 3.11 by pickle", "swift:tokenize"), interned by the server as a
/// small dense number from 0. The core compares it only.
package struct RequirementID: Hashable, Comparable, Sendable, BitwiseCopyable {
    package let rawValue: UInt32

    @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable package static func < (left: RequirementID, right: RequirementID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A function whose run times are alike, interned by the server as a small dense number from 0. The server
/// may reuse a number after `forgetFunction`.
package struct FunctionKey: Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt32

    @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}
