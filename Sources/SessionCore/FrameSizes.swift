// The sizes of the frames that are kept for the peer: a ring that grows to the most ever kept at once and
// allocates nothing after that.

struct FrameSizes: Hashable, Sendable {
    private var ring: [Int] = Array(repeating: 0, count: 16)
    private var first = 0
    private(set) var count = 0
    private(set) var bytes = 0

    mutating func append(_ size: Int) {
        if count == ring.count { grow() }
        ring[(first + count) & (ring.count - 1)] = size
        count += 1
        bytes += size
    }

    mutating func removeFirst(_ number: Int) {
        precondition(number <= count, "more frames dropped than kept")
        for _ in 0..<number {
            bytes -= ring[first]
            first = (first + 1) & (ring.count - 1)
        }
        count -= number
    }

    mutating func removeAll() { removeFirst(count) }

    private mutating func grow() {
        var larger = Array(repeating: 0, count: ring.count * 2)
        for index in 0..<count { larger[index] = ring[(first + index) & (ring.count - 1)] }
        ring = larger
        first = 0
    }
}
