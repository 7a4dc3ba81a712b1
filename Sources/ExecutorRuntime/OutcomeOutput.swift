internal import Posix
package import TaskModel
internal import Wire

/// One part of an outcome whose bytes belong to somebody else for the length of a call.
@unsafe package struct BorrowedPart {
    package let kind: OutcomePart
    package let codec: Codec
    package let main: UnsafeRawBufferPointer
    /// Out-of-band buffers of a pickle.
    package let buffers: [UnsafeRawBufferPointer]

    package init(
        _ kind: OutcomePart, _ codec: Codec, _ main: UnsafeRawBufferPointer, buffers: [UnsafeRawBufferPointer]
    ) {
        unsafe self.kind = kind
        unsafe self.codec = codec
        unsafe self.main = unsafe main
        unsafe self.buffers = unsafe buffers
    }

    var isAttached: Bool { unsafe main.count >= Limits.inlineBytesMax }
    var attachments: Int { unsafe (isAttached ? 1 : 0) + buffers.count }
}

/// Records on their way to the worker. Small ones wait for each other; large payloads go out at once,
/// from where they are.
struct OutcomeOutput: ~Copyable {
    private var writer = ByteWriter(capacity: 2 * ExecutorLimits.pendingBytesMax)
    /// How much of the writer's bytes the socket has taken.
    private var sent = 0
    private var outcomes = 0
    private var journal = Journal()
    /// When something was last sent, or the first pending outcome was written.
    private var waitingSince = Instant.origin

    var isEmpty: Bool { writer.count == 0 }

    func isDue(_ now: Instant) -> Bool {
        outcomes >= ExecutorLimits.pendingOutcomesMax || writer.count >= ExecutorLimits.pendingBytesMax
            || (!isEmpty && now - waitingSince >= ExecutorLimits.pendingAgeMax)
    }

    /// A record without attachments.
    mutating func record(_ type: RecordType, _ write: (inout ByteWriter) -> Void) {
        let body = writer.beginRecord(type)
        write(&writer)
        writer.endRecord(body)
    }

    mutating func attempts(_ type: RecordType, _ attempts: [AttemptID]) {
        let start = writer.count
        writer.attemptsRecord(type, attempts)
        journal.append(writer.bytes, from: start)
    }

    /// An outcome whose parts all travel inside the record.
    mutating func inlineOutcome(
        _ head: OutcomeHead, detail: String, parts: [TaskOutcome.Part], _ now: Instant
    ) {
        begin(now)
        let start = writer.count
        record(.workerFinished) { writer in
            writer.outcomeHead(head)
            writer.text(detail)
            for part in parts {
                writer.outcomePartHead(part.kind)
                writer.inlinePayload(part.codec, part.bytes)
            }
        }
        journal.append(writer.bytes, from: start)
    }

    /// The same for one value that belongs to somebody else.
    mutating func inlineValue(_ head: OutcomeHead, _ codec: Codec, _ bytes: RawSpan, _ now: Instant) {
        begin(now)
        let start = writer.count
        let body = writer.beginRecord(.workerFinished)
        writer.outcomeHead(head)
        writer.outcomePartHead(.value)
        writer.payloadHeader(codec, .inline, count: bytes.byteCount)
        writer.raw(bytes)
        writer.endRecord(body)
        journal.append(writer.bytes, from: start)
    }

    /// Writes the record's own bytes and answers with what has to follow them on the socket.
    mutating func outcome(
        _ head: OutcomeHead, detail: String, parts: [BorrowedPart], _ now: Instant
    ) -> [UnsafeRawBufferPointer] {
        begin(now)
        var attachments: [UnsafeRawBufferPointer] = unsafe []
        for index in unsafe parts.indices {
            let part = unsafe parts[index]
            if unsafe part.isAttached { unsafe attachments.append(part.main) }
            unsafe attachments.append(contentsOf: part.buffers)
        }
        let body = unsafe writer.beginRecord(.workerFinished, attachments: attachments.count)
        writer.outcomeHead(head)
        writer.text(detail)
        for index in unsafe parts.indices {
            let part = unsafe parts[index]
            unsafe writer.outcomePartHead(part.kind)
            let count = unsafe part.main.count
            let buffers = unsafe part.buffers.count
            if unsafe part.isAttached {
                unsafe writer.payloadHeader(part.codec, .attached, buffers: buffers, count: 0)
            } else {
                unsafe writer.payloadHeader(part.codec, .inline, buffers: buffers, count: count)
                unsafe writer.raw(part.main.bytes)
            }
        }
        writer.endRecord(body)
        return unsafe attachments
    }

    private mutating func begin(_ now: Instant) {
        if outcomes == 0, waitingSince < now - ExecutorLimits.pendingAgeMax { waitingSince = now }
        outcomes += 1
    }

    /// Sends what waits. Without `waiting` as much as fits now; answers true when everything is out.
    mutating func flush(
        _ socket: ExecutorSocket, waiting: Bool, _ now: Instant
    ) throws(PosixError) -> Flushed {
        while sent < writer.count {
            switch try socket.write(writer.bytes, from: sent, waiting: waiting) {
            case .bytes(let count): sent += count
            case .wouldBlock: if !waiting { return .partly }
            case .endOfFile: return .endOfFile
            }
        }
        writer.removeAll()
        journal.clear()
        sent = 0
        outcomes = 0
        waitingSince = now
        return .all
    }

    /// Sends what waits and the attachments of its last record, each behind its length, without a copy.
    mutating func flush(
        _ socket: ExecutorSocket, attachments: [UnsafeRawBufferPointer], _ now: Instant
    ) throws(PosixError) -> Flushed {
        for index in unsafe attachments.indices {
            let attachment = unsafe attachments[index]
            writer.uint64(UInt64(attachment.count))
            if case .endOfFile = try flush(socket, waiting: true, now) { return .endOfFile }
            var rest = unsafe attachment
            while unsafe !rest.isEmpty {
                switch try unsafe socket.write(rest, waiting: true) {
                case .bytes(let count): unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                case .wouldBlock: continue
                case .endOfFile: return .endOfFile
                }
            }
        }
        return .all
    }

    enum Flushed {
        case all
        /// The socket is full.
        case partly
        case endOfFile
    }
}

extension Instant {
    static func - (left: Instant, right: Interval) -> Instant {
        Instant(nanoseconds: left.nanoseconds - right.nanoseconds)
    }
}
