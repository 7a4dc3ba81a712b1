import Posix
import TaskModel
import Wire

/// A record that an executor sent. Its body lies in the input's buffer until the next call of `next`.
struct ExecutorRecord {
    let type: RecordType
    /// Header and body.
    let whole: Range<Int>
    /// Body alone.
    let body: Range<Int>
    let attachments: [[UInt8]]
}

/// Cuts the bytes of an executor's socket into records. Large attachments are read straight into arrays of
/// their own.
struct ExecutorInput: ~Copyable {
    private static let bufferBytes = 256 << 10
    /// A value of the largest size, with everything that an outcome says beside it.
    private static let attachedBytesMax = Limits.payloadBytesMax + Limits.outcomeTextBytesMax

    private var buffer: [UInt8]
    private var filled = 0
    private var consumed = 0

    /// A record whose attachments are still arriving: its header and body are at `consumed`.
    private var open: RecordHeader?
    private var attachments: [[UInt8]] = []
    /// The attachment that is being read, and how much of it is there.
    private var current: [UInt8] = []
    private var currentCount = 0
    private var isReadingAttachment = false
    private var attachmentBytes = 0

    init() {
        buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
    }

    /// Reads once.
    mutating func read(from socket: borrowing FileDescriptor) throws(PosixError) -> Transferred {
        if isReadingAttachment {
            let result = try socket.read(into: &current, at: currentCount)
            if case .bytes(let count) = result { currentCount += count }
            return result
        }
        if filled == buffer.count { makeRoom() }
        let result = try socket.read(into: &buffer, at: filled)
        if case .bytes(let count) = result { filled += count }
        return result
    }

    /// Lends the body of the record that `next` answered last.
    func withBody<Result, Failure: Error>(
        _ record: ExecutorRecord, _ read: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe read(buffer.span.bytes.extracting(record.body))
    }

    /// Whether a read that filled less than the room means that nothing more is waiting.
    var hasRoom: Bool { isReadingAttachment ? currentCount < current.count : filled < buffer.count }

    /// Appends bytes that did not come through the socket, behind what is complete. What was cut off by the
    /// executor's end is dropped.
    mutating func restart(with bytes: [UInt8]) {
        filled = 0
        consumed = 0
        open = nil
        attachments = []
        isReadingAttachment = false
        if bytes.count > buffer.count { buffer = bytes }
        buffer.replaceSubrange(0..<bytes.count, with: bytes)
        filled = bytes.count
    }

    /// The next complete record.
    mutating func next() throws(WireError) -> ExecutorRecord? {
        if let header = open { return try continued(header) }
        guard filled - consumed >= Record.headerBytes else {
            compact()
            return nil
        }
        let header: RecordHeader
        do {
            var reader = unsafe ByteReader(buffer.span.bytes, at: consumed)
            header = try reader.recordHeader()
        }
        guard filled - consumed >= Record.headerBytes + header.bodyCount else {
            compact()
            return nil
        }
        if header.attachments == 0 { return record(header) }
        open = header
        attachmentBytes = 0
        return try continued(header)
    }

    /// Header and body at `consumed` are taken.
    private mutating func record(_ header: RecordHeader) -> ExecutorRecord {
        let start = consumed
        let body = (start + Record.headerBytes)..<(start + Record.headerBytes + header.bodyCount)
        consumed = body.upperBound
        let taken = attachments
        attachments = []
        open = nil
        return ExecutorRecord(
            type: header.type, whole: start..<body.upperBound, body: body, attachments: taken)
    }

    /// Attachments follow the body; those that lie in the buffer are cut out of it, so that the body keeps
    /// its place and nothing is between it and what comes next.
    private mutating func continued(_ header: RecordHeader) throws(WireError) -> ExecutorRecord? {
        let bodyEnd = consumed + Record.headerBytes + header.bodyCount
        while attachments.count < header.attachments {
            if isReadingAttachment {
                guard currentCount == current.count else { return nil }
                attachments.append(current)
                current = []
                isReadingAttachment = false
                continue
            }
            guard filled - bodyEnd >= 8 else { return nil }
            var reader = unsafe ByteReader(buffer.span.bytes, at: bodyEnd)
            let count = try reader.uint64("attachment length")
            guard count <= UInt64(Limits.payloadBytesMax),
                attachmentBytes + Int(count) <= Self.attachedBytesMax
            else {
                throw WireError("attachments of more than \(Self.attachedBytesMax) bytes")
            }
            attachmentBytes += Int(count)
            beginAttachment(Int(count), after: bodyEnd)
        }
        return record(header)
    }

    private mutating func beginAttachment(_ count: Int, after bodyEnd: Int) {
        let start = bodyEnd + 8
        let present = min(count, filled - start)
        // Safe: any bytes are a valid [UInt8], and reads fill all of them before a record names the array.
        current = unsafe [UInt8](unsafeUninitializedCapacity: count) { _, initialized in initialized = count }
        LargeMemory.prepare(&current)
        current.replaceSubrange(0..<present, with: buffer[start..<(start + present)])
        currentCount = present
        isReadingAttachment = true
        move((start + present)..<filled, to: bodyEnd)
        filled -= 8 + present
    }

    private mutating func compact() {
        guard consumed > 0 else { return }
        if consumed == filled {
            consumed = 0
            filled = 0
        } else if consumed > buffer.count / 2 {
            slide()
        }
    }

    private mutating func slide() {
        let left = filled - consumed
        move(consumed..<filled, to: 0)
        consumed = 0
        filled = left
    }

    /// Within the buffer; the ranges may overlap.
    private mutating func move(_ range: Range<Int>, to start: Int) {
        precondition(range.upperBound <= buffer.count && start <= range.lowerBound, "bytes move forward only")
        // Safe: source and target lie within the buffer, as was just checked.
        unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe (base + start).copyMemory(from: base + range.lowerBound, byteCount: range.count)
        }
    }

    private mutating func makeRoom() {
        if consumed > 0 { slide() }
        guard filled == buffer.count else { return }
        buffer.append(contentsOf: [UInt8](repeating: 0, count: buffer.count))
    }
}
