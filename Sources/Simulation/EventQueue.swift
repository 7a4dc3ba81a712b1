import TaskModel

/// What is going to happen, ordered by instant and, within one, by the order in which it was planned. A
/// binary heap of small entries; what they stand for lies still in a pool.
struct EventQueue {
    private struct Entry: BitwiseCopyable {
        let instant: Int64
        let order: UInt64
        let place: Int

        func isBefore(_ other: Entry) -> Bool {
            instant == other.instant ? order < other.order : instant < other.instant
        }
    }

    private var heap: [Entry] = []
    private var pool: [Happening?] = []
    private var free: [Int] = []
    private var planned: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }
    var nextInstant: Instant {
        heap.isEmpty ? .distantFuture : Instant(nanoseconds: heap[0].instant)
    }

    mutating func plan(_ happening: Happening, at instant: Instant) {
        let place: Int
        if let reused = free.popLast() {
            place = reused
            pool[place] = happening
        } else {
            place = pool.count
            pool.append(happening)
        }
        planned += 1
        heap.append(Entry(instant: instant.nanoseconds, order: planned, place: place))
        rise(from: heap.count - 1)
    }

    mutating func takeNext() -> (Instant, Happening)? {
        guard let first = heap.first, let happening = pool[first.place] else { return nil }
        pool[first.place] = nil
        free.append(first.place)
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (Instant(nanoseconds: first.instant), happening)
    }

    private mutating func rise(from start: Int) {
        var child = start
        let entry = heap[child]
        while child > 0 {
            let parent = (child - 1) / 2
            guard entry.isBefore(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    private mutating func sink() {
        var parent = 0
        let entry = heap[0]
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(entry) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = entry
    }
}
