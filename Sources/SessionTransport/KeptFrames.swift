internal import ZeroMQ

/// A frame that was closed and is not acknowledged yet. Its header is written when it is sent.
final class KeptFrame {
    let records: UInt32
    let attachments: [MessagePart]
    let bytes: Int
    private(set) var message: Message
    private var wasSent = false

    init(_ message: consuming Message, records: UInt32, attachments: [MessagePart], attachedBytes: Int) {
        bytes = message.count + attachedBytes
        self.message = message
        self.records = records
        self.attachments = attachments
    }

    /// Writes the header. A frame that was sent before may still be read by libzmq's thread, so it is
    /// copied first; its attachments are not.
    func prepare(header: [UInt8]) {
        if wasSent { message = message.copied() }
        message.overwrite(with: header)
        wasSent = true
    }
}

/// The kept frames of a link, by number: a ring that grows to the most ever kept at once.
struct KeptFrames {
    private var ring: [KeptFrame?] = Array(repeating: nil, count: 16)
    private var firstNumber: UInt64 = 1
    private var count = 0

    mutating func append(_ frame: KeptFrame) {
        if count == ring.count { grow() }
        ring[place(firstNumber + UInt64(count))] = frame
        count += 1
    }

    subscript(_ number: UInt64) -> KeptFrame {
        guard number >= firstNumber, let frame = ring[place(number)] else {
            preconditionFailure("frame \(number) is not kept")
        }
        return frame
    }

    mutating func drop(through number: UInt64) {
        while count > 0 && firstNumber <= number {
            ring[place(firstNumber)] = nil
            firstNumber += 1
            count -= 1
        }
    }

    private func place(_ number: UInt64) -> Int { Int(truncatingIfNeeded: number) & (ring.count - 1) }

    private mutating func grow() {
        let old = ring
        ring = Array(repeating: nil, count: old.count * 2)
        for number in firstNumber..<(firstNumber + UInt64(count)) {
            ring[place(number)] = old[Int(truncatingIfNeeded: number) & (old.count - 1)]
        }
    }
}
