import TaskModel

/// The one source of chance: xoshiro256** of Blackman and Vigna ("Scrambled linear pseudorandom number
/// generators", 2018), seeded through SplitMix64 as its authors advise. Integers only, so that every build
/// on every machine draws the same numbers.
struct RandomNumbers {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64) {
        var mixer = seed
        func draw() -> UInt64 {
            mixer &+= 0x9e37_79b9_7f4a_7c15
            var bits = (mixer ^ (mixer >> 30)) &* 0xbf58_476d_1ce4_e5b9
            bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
            return bits ^ (bits >> 31)
        }
        state = (draw(), draw(), draw(), draw())
    }

    mutating func next() -> UInt64 {
        let scrambled = Self.rotated(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = Self.rotated(state.3, 45)
        return scrambled
    }

    /// 0 to `bound` - 1; the bias of a bound below a million is below one in ten trillions.
    mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// True so often in a thousand.
    mutating func happens(_ perMille: Int) -> Bool { perMille > 0 && below(1_000) < perMille }

    mutating func interval(_ least: Interval, _ most: Interval) -> Interval {
        let span = Int(most.nanoseconds - least.nanoseconds)
        return Interval(nanoseconds: least.nanoseconds + Int64(below(span + 1)))
    }

    mutating func element<Element>(of list: [Element]) -> Element { list[below(list.count)] }

    private static func rotated(_ bits: UInt64, _ count: UInt64) -> UInt64 {
        bits << count | bits >> (64 - count)
    }
}
