internal import Posix
internal import TaskModel
internal import Wire

/// Turns what arrives on the socket into whole records. Small ones are cut out of one buffer, many per
/// system call; a large attachment is read straight into memory of its own.
struct RecordInput: ~Copyable, Sendable {
    /// A record whose attachments are still arriving.
    private struct Unfinished: Sendable {
        let header: RecordHeader
        let body: [UInt8]
        var attachments: [Attachment] = []
        /// The attachment that is being filled, and how much of it is there.
        var filling: Attachment?
        var filled = 0
    }

    private var buffer = [UInt8](repeating: 0, count: ExecutorLimits.inputBytes)
    private var start = 0
    private var end = 0
    /// Bytes from `start` on that the next step needs; what is there is too little.
    private var wanted = 0
    private var unfinished: Unfinished?

    /// One read. Takes whole records afterwards with `next`, until it answers nil.
    mutating func read(_ socket: ExecutorSocket, waiting: Bool) throws(PosixError) -> Transferred {
        if let filling = unfinished?.filling, start == end {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: filling.buffer[unfinished!.filled...])
            let read = try unsafe socket.read(into: rest, waiting: waiting)
            if case .bytes(let count) = read { unfinished!.filled += count }
            return read
        }
        makeRoom()
        let read = try socket.read(into: &buffer, at: end, waiting: waiting)
        if case .bytes(let count) = read { end += count }
        return read
    }

    private mutating func makeRoom() {
        if start == end {
            start = 0
            end = 0
        }
        guard start + wanted > buffer.count || buffer.count - end < ExecutorLimits.inputBytes / 8 else {
            return
        }
        buffer.moveToFront(start..<end)
        end -= start
        start = 0
        if wanted > buffer.count {
            buffer.append(contentsOf: repeatElement(0, count: wanted - buffer.count))
        }
    }

    mutating func next() throws(WireError) -> ReceivedRecord? {
        if unfinished == nil {
            guard let (header, body) = try takeRecord() else { return nil }
            guard header.attachments > 0 else {
                return ReceivedRecord(type: header.type, flags: header.flags, body: body, attachments: [])
            }
            unfinished = Unfinished(header: header, body: body)
        }
        while unfinished!.attachments.count < unfinished!.header.attachments {
            guard try takeAttachment() else { return nil }
        }
        let whole = unfinished!
        unfinished = nil
        return ReceivedRecord(
            type: whole.header.type, flags: whole.header.flags, body: whole.body,
            attachments: whole.attachments)
    }

    private mutating func takeRecord() throws(WireError) -> (RecordHeader, [UInt8])? {
        guard has(Record.headerBytes) else { return nil }
        var reader = unsafe ByteReader(buffer.span.bytes, at: start)
        let header = try reader.recordHeader()
        guard has(Record.headerBytes + header.bodyCount) else { return nil }
        let body = start + Record.headerBytes
        start = body + header.bodyCount
        return (header, Array(buffer[body..<start]))
    }

    /// Answers false when more has to be read first.
    private mutating func takeAttachment() throws(WireError) -> Bool {
        if unfinished!.filling == nil {
            guard has(8) else { return false }
            var reader = unsafe ByteReader(buffer.span.bytes, at: start)
            let count = try reader.uint64("attachment length")
            guard count <= Limits.payloadBytesMax else {
                throw WireError("attachment of \(count) bytes, at most \(Limits.payloadBytesMax)")
            }
            start += 8
            unfinished!.filling = Attachment(count: Int(count))
            unfinished!.filled = 0
        }
        let attachment = unfinished!.filling!
        let available = min(end - start, attachment.count - unfinished!.filled)
        if available > 0 {
            attachment.fill(at: unfinished!.filled, from: buffer, start..<(start + available))
            start += available
            unfinished!.filled += available
        }
        guard unfinished!.filled == attachment.count else {
            wanted = 0
            return false
        }
        unfinished!.attachments.append(attachment)
        unfinished!.filling = nil
        return true
    }

    private mutating func has(_ count: Int) -> Bool {
        wanted = end - start >= count ? 0 : count
        return wanted == 0
    }
}

extension [UInt8] {
    /// Moves a range to the front.
    fileprivate mutating func moveToFront(_ range: Range<Int>) {
        unsafe withUnsafeMutableBytes { bytes in
            guard !range.isEmpty, range.lowerBound > 0 else { return }
            unsafe bytes.baseAddress!.copyMemory(
                from: bytes.baseAddress! + range.lowerBound, byteCount: range.count)
        }
    }
}
