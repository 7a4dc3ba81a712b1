/// FNV-1a over words of 64 bits, with a shift so that high bits reach low ones: two runs that differ in one
/// event differ here.
struct TraceHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x0000_0100_0000_01b3
        value ^= value >> 29
    }
}
