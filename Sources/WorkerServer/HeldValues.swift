// Values that the worker keeps, so that they need not come again: those that it made, and those that it was
// sent. It drops one only when the scheduler says so, which counts on having it here.

import SessionTransport
import TaskModel
import Wire
import ZeroMQ

/// The bytes of a value, shared with whatever else holds them.
struct HeldValue {
    enum Part {
        /// Read from an executor.
        case made([UInt8])
        /// Part of a frame of the scheduler.
        case sent(MessagePart)

        var byteCount: Int {
            switch self {
            case .made(let bytes): bytes.count
            case .sent(let part): part.message.count
            }
        }
    }

    let codec: Codec
    let buffers: Int
    /// Nil: the first attachment is the main part.
    let inline: [UInt8]?
    let attachments: [Part]
    let isMade: Bool
    let byteCount: Int

    init(codec: Codec, buffers: Int, inline: [UInt8]?, attachments: [Part], isMade: Bool) {
        self.codec = codec
        self.buffers = buffers
        self.inline = inline
        self.attachments = attachments
        self.isMade = isMade
        byteCount = attachments.reduce(inline?.count ?? 0) { $0 + $1.byteCount }
    }
}

struct HeldValues: ~Copyable {
    private var sessions: [SessionID: [UInt64: HeldValue]] = [:]
    /// Half of the room is for what is made here, half for what is sent here; the scheduler fills that one.
    private(set) var madeBytes = 0
    private(set) var sentBytes = 0

    subscript(task: TaskID) -> HeldValue? { sessions[task.session]?[task.sequence] }

    /// Values that were sent here and for which there was no memory.
    private(set) var misses: [TaskID: Int] = [:]

    mutating func miss(_ task: TaskID, bytes: Int) {
        forget(task)
        misses[task] = bytes
    }

    func hasRoom(forMade bytes: Int) -> Bool { madeBytes + bytes <= Limits.heldValuesBytesMax / 2 }

    mutating func keep(_ value: HeldValue, of task: TaskID) {
        forget(task)
        sessions[task.session, default: [:]][task.sequence] = value
        count(value, 1)
    }

    mutating func forget(_ task: TaskID) {
        if !misses.isEmpty { misses[task] = nil }
        guard let value = sessions[task.session]?.removeValue(forKey: task.sequence) else { return }
        count(value, -1)
        if sessions[task.session]?.isEmpty == true { sessions[task.session] = nil }
    }

    mutating func forget(_ session: SessionID) {
        if !misses.isEmpty { misses = misses.filter { $0.key.session != session } }
        guard let values = sessions.removeValue(forKey: session) else { return }
        for value in values.values { count(value, -1) }
    }

    mutating func removeAll() {
        sessions = [:]
        misses = [:]
        (madeBytes, sentBytes) = (0, 0)
    }

    private mutating func count(_ value: HeldValue, _ sign: Int) {
        if value.isMade { madeBytes += sign * value.byteCount } else { sentBytes += sign * value.byteCount }
    }
}

/// Where the value of an outcome is.
struct ValuePlace {
    let payload: PayloadView
    /// Among the attachments of its record.
    let firstAttachment: Int
}

extension WorkerLoop {
    /// Keeps a value that an executor made, if it is large enough and there is room for it.
    func hold(
        _ value: ValuePlace, of record: ExecutorRecord, _ head: OutcomeHead, _ process: ExecutorProcess
    ) -> Bool {
        let payload = value.payload
        let attachments = record.attachments[value.firstAttachment...].prefix(payload.attachments)
        let bytes = attachments.reduce(payload.inlineCount) { $0 + $1.count }
        guard bytes >= Limits.heldValueBytesMin, heldValues.hasRoom(forMade: bytes) else { return false }
        let inline = payload.form == .inline
        heldValues.keep(
            HeldValue(
                codec: payload.codec, buffers: payload.buffers,
                inline: inline ? process.input.withBody(record) { $0.copied(payload.inline) } : nil,
                attachments: attachments.map { .made($0) }, isMade: true),
            of: head.attempt.task)
        return true
    }

    /// Keeps a value that the scheduler sends.
    func hold(_ record: Record, of frame: ReceivedFrame) throws(WireError) {
        let (sent, inline) = try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(body: record, of: bytes)
            let sent = try SentValue(decoding: &reader)
            // A copy, since the frame may hold much besides.
            return (sent, sent.payload.form == .inline ? bytes.copied(sent.payload.inline) : nil)
        }
        guard sent.payload.attachments == record.attachments, sent.payload.form != .reference else {
            throw WireError("a value with \(record.attachments) attachments of which it names others")
        }
        let attachments = (0..<record.attachments).map { index in
            HeldValue.Part.sent(frame.share(part: 1 + record.firstAttachment + index))
        }
        if frame.missingBytes(of: record) > 0 {
            heldValues.miss(sent.task, bytes: frame.missingBytes(of: record))
            return
        }
        heldValues.keep(
            HeldValue(
                codec: sent.payload.codec, buffers: sent.payload.buffers, inline: inline,
                attachments: attachments, isMade: false),
            of: sent.task)
    }

    /// The size of a value that an attempt refers to and for which there was no memory when it came.
    func missingBytes(
        ofValuesOf assignment: Assignment, _ record: Record, of frame: ReceivedFrame
    ) throws(WireError) -> Int? {
        if assignment.dependencies == 0 || heldValues.misses.isEmpty { return nil }
        return try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(body: record, of: bytes)
            _ = try Assignment(decoding: &reader, flags: record.flags)
            for _ in 0...assignment.dependencies {
                let payload = try reader.payload()
                guard payload.form == .reference else { continue }
                var inline = ByteReader(bytes, at: payload.inlineStart)
                let reference = try ObjectReference(decoding: &inline)
                if let bytes = heldValues.misses[reference.task] { return bytes }
            }
            return nil
        }
    }

    /// What the references of an attempt stand for, in order. They are looked up when the attempt comes: it
    /// keeps what it needs, whatever is forgotten afterwards.
    /// - Returns: nil if one stands for nothing that is here.
    func referredValues(
        _ assignment: Assignment, _ record: Record, of frame: ReceivedFrame
    ) throws(WireError) -> [HeldValue]? {
        if assignment.dependencies == 0 { return [] }
        return try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(body: record, of: bytes)
            _ = try Assignment(decoding: &reader, flags: record.flags)
            var values: [HeldValue] = []
            for _ in 0...assignment.dependencies {
                let payload = try reader.payload()
                guard payload.form == .reference else { continue }
                var inline = ByteReader(bytes, at: payload.inlineStart)
                let reference = try ObjectReference(decoding: &inline)
                guard reference.owner == connector?.session, let value = heldValues[reference.task],
                    reference.size == UInt64(value.byteCount), value.codec == payload.codec
                else { return nil }
                values.append(value)
            }
            return values
        }
    }
}

extension ExecutorOutput {
    private enum Attachment {
        case ofFrame(Int)
        case ofValue(HeldValue.Part)
    }

    /// Writes an assignment with the bytes of values in the place of its references. Executors know none.
    mutating func write(_ record: Record, of frame: ReceivedFrame, with values: [HeldValue]) {
        var attachments: [Attachment] = []
        let start = tail.beginRecord(record.type, flags: record.flags)
        frame.withBytes(of: 0) { bytes in
            do throws(WireError) {
                var reader = ByteReader(body: record, of: bytes)
                let assignment = try Assignment(decoding: &reader, flags: record.flags)
                tail.raw(bytes.extracting(record.bodyStart..<assignment.payloadsStart))
                var (value, ofFrame) = (0, record.firstAttachment)
                for _ in 0...assignment.dependencies {
                    let payload = try reader.payload()
                    if payload.form == .reference {
                        write(values[value], &attachments, bytesSoFar: tail.count - start)
                        value += 1
                    } else {
                        tail.raw(bytes.extracting(payload.whole))
                        for part in 0..<payload.attachments {
                            attachments.append(.ofFrame(1 + ofFrame + part))
                        }
                        ofFrame += payload.attachments
                    }
                }
            } catch {
                preconditionFailure("the record was decoded when it came: \(error)")
            }
        }
        tail.endRecord(start, attachments: attachments.count)
        for attachment in attachments {
            switch attachment {
            case .ofFrame(let part): attach(part: part, of: frame)
            case .ofValue(let part): attach(part)
            }
        }
    }

    /// Inline as long as the record stays small enough, as the scheduler does it.
    private mutating func write(_ value: HeldValue, _ attachments: inout [Attachment], bytesSoFar: Int) {
        defer { for part in value.attachments { attachments.append(.ofValue(part)) } }
        guard let inline = value.inline else {
            tail.payloadHeader(value.codec, .attached, buffers: value.buffers, count: 0)
            return
        }
        let isFull = bytesSoFar + inline.count > Limits.frameBytesAcceptedMax / 2
        if isFull, attachments.count < Limits.attachmentsPerRecordMax {
            tail.payloadHeader(value.codec, .attached, buffers: value.buffers, count: 0)
            attachments.append(.ofValue(.made(inline)))
        } else {
            tail.payloadHeader(value.codec, .inline, buffers: value.buffers, count: inline.count)
            tail.raw(inline)
        }
    }
}
