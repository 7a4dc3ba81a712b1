// From (session, sequence) to the row of the task, in O(1), for sequences that are dense but not for ever.
//
// A session's sequences are cut into pages of 256. Its directory names the page of each range, from the
// oldest range in use to the newest; pages whose tasks are all gone return to a pool that all sessions
// share. One old task that nobody releases pins its own page and four bytes of directory per 256 younger
// sequences, not ten million entries.

/// The directory of one session.
struct SequenceDirectory {
    /// Number of the range that `pages[start]` serves.
    fileprivate(set) var firstRange: UInt64 = 0
    fileprivate(set) var start = 0
    fileprivate(set) var pages: [UInt32] = []

    /// Ranges served, from `firstRange` on.
    var count: Int { pages.count - start }
}

struct SequenceIndex: ~Copyable {
    static let pageSize = 256

    /// Page p occupies `pageSize` entries from p * pageSize on; an entry is a row or none.
    private var entries: [UInt32] = []
    private var live: [UInt16] = []
    private var freePages: [UInt32] = []

    var pagesInUse: Int { live.count - freePages.count }

    func row(_ sequence: UInt64, in directory: borrowing SequenceDirectory) -> UInt32 {
        let range = sequence / UInt64(Self.pageSize)
        guard range >= directory.firstRange else { return .none }
        let position = range - directory.firstRange
        guard position < UInt64(directory.count) else { return .none }
        let page = directory.pages[directory.start + Int(position)]
        return page == .none ? .none : entries[entry(page, sequence)]
    }

    /// The first sequence from this one on that may have a task: ranges without a page are passed over.
    func firstInUse(from sequence: UInt64, in directory: borrowing SequenceDirectory) -> UInt64? {
        let size = UInt64(Self.pageSize)
        var range = max(sequence / size, directory.firstRange)
        while range - directory.firstRange < UInt64(directory.count) {
            if directory.pages[directory.start + Int(range - directory.firstRange)] != .none {
                return max(sequence, range * size)
            }
            range += 1
        }
        return nil
    }

    /// Sequences come in growing order.
    mutating func insert(_ row: UInt32, at sequence: UInt64, in directory: inout SequenceDirectory) {
        let range = sequence / UInt64(Self.pageSize)
        if directory.count == 0 { directory.firstRange = range }
        precondition(range >= directory.firstRange, "sequences grow")
        while directory.firstRange + UInt64(directory.count) <= range { directory.pages.append(.none) }
        let position = directory.start + Int(range - directory.firstRange)
        if directory.pages[position] == .none { directory.pages[position] = takePage() }
        let page = directory.pages[position]
        precondition(entries[entry(page, sequence)] == .none, "a sequence is used once")
        entries[entry(page, sequence)] = row
        live[Int(page)] += 1
    }

    mutating func remove(_ sequence: UInt64, in directory: inout SequenceDirectory) {
        let range = sequence / UInt64(Self.pageSize)
        let position = directory.start + Int(range - directory.firstRange)
        let page = directory.pages[position]
        entries[entry(page, sequence)] = .none
        live[Int(page)] -= 1
        guard live[Int(page)] == 0 else { return }
        freePages.append(page)
        directory.pages[position] = .none
        while directory.start < directory.pages.count, directory.pages[directory.start] == .none {
            directory.start += 1
            directory.firstRange += 1
        }
        if directory.start == directory.pages.count || directory.start >= 1_024 {
            directory.pages.removeSubrange(0..<min(directory.start, directory.pages.count))
            directory.start = 0
        }
    }

    private func entry(_ page: UInt32, _ sequence: UInt64) -> Int {
        Int(page) * Self.pageSize + Int(sequence % UInt64(Self.pageSize))
    }

    private mutating func takePage() -> UInt32 {
        if let page = freePages.popLast() { return page }
        let page = UInt32(live.count)
        live.append(0)
        for _ in 0..<Self.pageSize { entries.append(.none) }
        return page
    }
}
