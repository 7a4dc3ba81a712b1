internal import Posix
internal import TaskModel
internal import Wire

/// Turns what arrives on the socket into whole records. Small ones are cut out of one buffer, many per
/// system call; a large attachment is read straight into memory of its own.
struct RecordInput: ~Copyable, Sendable {
    private var buffer = [UInt8](repeating: 0, count: ExecutorLimits.inputBytes)
    private var start = 0
    private var end = 0
    /// Bytes from `start` on that the next step needs; what is there is too little.
    private var wanted = 0
    /// The record whose attachments are still arriving: its header, its body, and those that are there.
    /// Fields of their own, for the compiler forgets to release what is overwritten through an optional in a
    /// struct like this one (Tests/Tidy/compiler_fault.swift).
    private var unfinished: RecordHeader?
    private var body: [UInt8] = []
    private var attachments: [Attachment] = []
    /// The attachment that is being filled, and how much of it is there.
    private var filling: Attachment?
    private var filled = 0
    /// Bytes of attachments since the heap was trimmed.
    private var untrimmed = 0

    /// One read. Takes whole records afterwards with `next`, until it answers nil.
    mutating func read(_ socket: ExecutorSocket, waiting: Bool) throws(PosixError) -> Transferred {
        // Whoever may wait has time; and the values of the tasks before are freed.
        if waiting { trimHeap() }
        if let filling, filling.missing == 0, start == end {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: filling.buffer[filled...])
            let read = try unsafe socket.read(into: rest, waiting: waiting)
            if case .bytes(let count) = read { filled += count }
            return read
        }
        makeRoom()
        let read = try socket.read(into: &buffer, at: end, waiting: waiting)
        if case .bytes(let count) = read { end += count }
        return read
    }

    private mutating func trimHeap() {
        guard untrimmed > ExecutorLimits.untrimmedBytesMax else { return }
        untrimmed = 0
        Heap.trim()
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
        let header: RecordHeader
        if let unfinished {
            header = unfinished
        } else {
            guard let (taken, body) = try takeRecord() else { return nil }
            guard taken.attachments > 0 else {
                return ReceivedRecord(type: taken.type, flags: taken.flags, body: body, attachments: [])
            }
            header = taken
            unfinished = taken
            self.body = body
        }
        while attachments.count < header.attachments {
            guard try takeAttachment() else { return nil }
        }
        let whole = ReceivedRecord(
            type: header.type, flags: header.flags, body: body, attachments: attachments)
        unfinished = nil
        body = []
        attachments = []
        return whole
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
        guard let attachment = try startedAttachment() else { return false }
        let count = attachment.count + attachment.missing
        let available = min(end - start, count - filled)
        if available > 0 {
            if attachment.missing == 0 {
                attachment.fill(at: filled, from: buffer, start..<(start + available))
            }
            start += available
            filled += available
        }
        guard filled == count else {
            wanted = 0
            return false
        }
        attachments.append(attachment)
        filling = nil
        return true
    }

    /// The one that is being filled, or the next one; nil when its length has to be read first.
    private mutating func startedAttachment() throws(WireError) -> Attachment? {
        if let filling { return filling }
        guard has(8) else { return nil }
        var reader = unsafe ByteReader(buffer.span.bytes, at: start)
        let count = try reader.uint64("attachment length")
        guard count <= Limits.payloadBytesMax else {
            throw WireError("attachment of \(count) bytes, at most \(Limits.payloadBytesMax)")
        }
        start += 8
        let attachment = Attachment(count: Int(count))
        filling = attachment
        filled = 0
        untrimmed += Int(count)
        return attachment
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
