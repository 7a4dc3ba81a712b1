/// BLAKE2b with 16 bytes of digest (RFC 7693): names a function's definition, so that a worker keeps each
/// definition once whoever sent it.
package func blake2b128(_ message: [UInt8]) -> [UInt8] {
    var hash = Blake2b(digestBytes: 16)
    var offset = 0
    repeat {
        let end = min(offset + Blake2b.blockBytes, message.count)
        hash.compress(message[offset..<end], isLast: end == message.count)
        offset = end
    } while offset < message.count
    return hash.digest(bytes: 16)
}

private struct Blake2b {
    static let blockBytes = 128
    private static let start: [UInt64] = [
        0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
    ]
    private static let permutations: [[Int]] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ]

    private var state: [UInt64]
    private var total: UInt64 = 0

    init(digestBytes: Int) {
        state = Self.start
        state[0] ^= 0x0101_0000 ^ UInt64(digestBytes)
    }

    mutating func compress(_ block: ArraySlice<UInt8>, isLast: Bool) {
        total += UInt64(block.count)
        var words = [UInt64](repeating: 0, count: 16)
        for (index, byte) in block.enumerated() {
            words[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8))
        }
        var mixed = state + Self.start
        mixed[12] ^= total
        if isLast { mixed[14] = ~mixed[14] }
        for round in 0..<12 {
            let order = Self.permutations[round % 10]
            for column in 0..<4 {
                Self.mix(
                    &mixed, column, 4 + column, 8 + column, 12 + column, words[order[2 * column]],
                    words[order[2 * column + 1]])
            }
            for diagonal in 0..<4 {
                Self.mix(
                    &mixed, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4,
                    words[order[8 + 2 * diagonal]], words[order[9 + 2 * diagonal]])
            }
        }
        for index in 0..<8 { state[index] ^= mixed[index] ^ mixed[index + 8] }
    }

    func digest(bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: state[$0 / 8] >> UInt64(8 * ($0 % 8))) }
    }

    private static func mix(
        _ v: inout [UInt64], _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt64, _ y: UInt64
    ) {
        v[a] = v[a] &+ v[b] &+ x
        v[d] = rotated(v[d] ^ v[a], 32)
        v[c] = v[c] &+ v[d]
        v[b] = rotated(v[b] ^ v[c], 24)
        v[a] = v[a] &+ v[b] &+ y
        v[d] = rotated(v[d] ^ v[a], 16)
        v[c] = v[c] &+ v[d]
        v[b] = rotated(v[b] ^ v[c], 63)
    }

    private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value >> bits | value << (64 - bits)
    }
}
