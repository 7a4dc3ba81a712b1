import SchedulerCore

/// A set of workers by the index of their slots, one bit each.
struct WorkerSet {
    private var words: [UInt64] = []

    func contains(_ worker: WorkerSlot) -> Bool {
        let word = Int(worker.index) >> 6
        return word < words.count && words[word] & (1 << UInt64(worker.index & 63)) != 0
    }

    mutating func insert(_ worker: WorkerSlot) {
        let word = Int(worker.index) >> 6
        while words.count <= word { words.append(0) }
        words[word] |= 1 << UInt64(worker.index & 63)
    }

    mutating func remove(_ worker: WorkerSlot) {
        let word = Int(worker.index) >> 6
        guard word < words.count else { return }
        words[word] &= ~(1 << UInt64(worker.index & 63))
    }

    mutating func removeAll() { words.removeAll(keepingCapacity: true) }
    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
}
