// A task graph with run times and sizes, drawn from a seed.

import TaskModel

struct Graph {
    struct Node {
        let kind: UInt32
        let duration: Interval
        let bytes: UInt32
        let inputs: [Int]
    }

    let name: String
    private(set) var nodes: [Node] = []
    private(set) var edges = 0
    private var kinds: [String: UInt32] = [:]

    init(_ name: String) { self.name = name }

    /// Adds a task; its inputs were added before.
    /// - Parameters:
    ///   - kind: tasks of one kind run one function.
    ///   - bytes: size of its value, cut to the largest that a task may have.
    @discardableResult
    mutating func add(_ kind: String, seconds: Double, bytes: Double, _ inputs: [Int] = []) -> Int {
        let number = kinds[kind] ?? UInt32(kinds.count)
        kinds[kind] = number
        let largest = Double(Limits.payloadBytesMax)
        nodes.append(
            Node(
                kind: number, duration: .microseconds(max(1, Int64(seconds * 1e6))),
                bytes: UInt32(min(max(bytes, 16), largest)), inputs: inputs))
        edges += inputs.count
        return nodes.count - 1
    }

    /// Time of slots that all tasks take together.
    var work: Interval { nodes.reduce(Interval.zero) { $0 + $1.duration } }

    /// Tasks that nothing depends on: their values are the result.
    var sinks: [Bool] {
        var isSink = [Bool](repeating: true, count: nodes.count)
        for node in nodes { for input in node.inputs { isSink[input] = false } }
        return isSink
    }
}

/// Random numbers from a seed (SplitMix64), the same everywhere.
struct Draw {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    /// Between 0 and 1, both excluded.
    private mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) / Double(UInt64(1) << 53) }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    /// A sum of twelve uniform numbers is normal enough, and exact on every machine.
    mutating func normal(_ mean: Double, _ deviation: Double) -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += uniform() }
        return max(1e-7, mean + deviation * sum)
    }

    /// By a series for the logarithm (of a number in (0, 1)), which is exact on every machine too.
    mutating func exponential(_ mean: Double) -> Double {
        let uniform = uniform()
        var (scaled, result) = (uniform, 0.0)
        while scaled < 0.5 {
            scaled *= 2
            result += 0.693_147_180_559_945_3
        }
        let ratio = (1 - scaled) / (1 + scaled)
        var (power, term) = (ratio, 1.0)
        while term < 40 {
            result += 2 * power / term
            power *= ratio * ratio
            term += 2
        }
        return max(1e-7, mean * result)
    }
}
