import SessionCore
import TaskModel

/// The generator of the test, so that a seed is the whole story.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    mutating func happens(_ probability: Double) -> Bool {
        Double(next() >> 11) / Double(1 << 53) < probability
    }
}

/// How badly the link behaves. Frames may be lost, repeated and overtaken; handshakes, which travel alone at
/// the start of a connection, may be lost or come late, also after a later connection's.
struct Faults {
    var loss = 0.0
    var repetition = 0.0
    var delayMax = Interval.milliseconds(5)
    var cut = 0.0
}

/// What travels. The event is that of its receiver.
struct Letter {
    let event: SessionEvent
    /// The connection that it was sent over.
    let connection: Int
    let toServer: Bool
    let arrives: Instant
    /// Keeps the order of what arrives at one instant.
    let order: Int
    /// What a data frame says, besides its number.
    let content: UInt64
}

struct FaultyLink {
    var faults: Faults
    var generator: SplitMix64
    private(set) var letters: [Letter] = []
    private var count = 0

    init(faults: Faults, seed: UInt64) {
        self.faults = faults
        generator = SplitMix64(state: seed)
    }

    mutating func send(
        _ event: SessionEvent, isHandshake: Bool = false, content: UInt64 = 0, over connection: Int,
        toServer: Bool, now: Instant
    ) {
        if generator.happens(faults.loss) { return }
        let copies = !isHandshake && generator.happens(faults.repetition) ? 2 : 1
        for _ in 0..<copies {
            count += 1
            let delay = Int64.random(in: 1_000...faults.delayMax.nanoseconds, using: &generator)
            letters.append(
                Letter(
                    event: event, connection: connection, toServer: toServer,
                    arrives: now + Interval(nanoseconds: delay), order: count, content: content))
        }
    }

    var nextArrival: Instant { letters.map(\.arrives).min() ?? .distantFuture }

    mutating func take(now: Instant) -> [Letter] {
        let due = letters.filter { $0.arrives <= now }.sorted {
            ($0.arrives, $0.order) < ($1.arrives, $1.order)
        }
        letters.removeAll { $0.arrives <= now }
        return due
    }
}
