// Frames become records, records become calls of the loop. Every length was checked by the time it is used;
// the first record that does not fit ends its session and nothing else.

import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    mutating func receive(_ frame: ReceivedFrame, from handle: SessionHandle) {
        guard let peer = peers[handle] else { return }
        do throws(WireError) {
            try frame.withBytes(of: 0) { (bytes: RawSpan) throws(WireError) in
                switch peer {
                case .client(let client): try receive(frame, bytes, from: client)
                case .worker(let worker): try receive(frame, bytes, from: worker)
                }
            }
        } catch {
            expel(handle, error)
        }
    }

    private mutating func receive(
        _ frame: ReceivedFrame, _ bytes: RawSpan, from client: ClientPeer
    ) throws(WireError) {
        client.lastHeard = now
        var reader = ByteReader(bytes, at: FrameHeader.bytes)
        var attachments = 0
        for _ in 0..<frame.header.records {
            let record = try reader.record(attachmentsBefore: attachments)
            attachments += record.attachments
            guard attachments <= frame.attachmentCount else { throw Self.attachmentsMissing(frame) }
            try take(record, bytes, of: frame, from: client)
        }
        guard attachments == frame.attachmentCount else { throw Self.attachmentsMissing(frame) }
    }

    private mutating func receive(
        _ frame: ReceivedFrame, _ bytes: RawSpan, from worker: WorkerPeer
    ) throws(WireError) {
        worker.lastHeard = now
        var reader = ByteReader(bytes, at: FrameHeader.bytes)
        var attachments = 0
        for _ in 0..<frame.header.records {
            let record = try reader.record(attachmentsBefore: attachments)
            attachments += record.attachments
            guard attachments <= frame.attachmentCount else { throw Self.attachmentsMissing(frame) }
            try take(record, bytes, of: frame, from: worker)
        }
        guard attachments == frame.attachmentCount else { throw Self.attachmentsMissing(frame) }
    }

    private static func attachmentsMissing(_ frame: ReceivedFrame) -> WireError {
        WireError("the records of a frame do not own its \(frame.attachmentCount) attachments")
    }

    /// A reader over one record's body that cannot see the next one.
    @_lifetime(copy bytes)
    static func body(_ record: Record, _ bytes: RawSpan) -> ByteReader {
        ByteReader(bytes.extracting(0..<record.body.upperBound), at: record.bodyStart)
    }

    static func expectEnd(
        _ body: borrowing ByteReader, _ record: Record, attachments: Int = 0
    ) throws(WireError) {
        guard body.remaining == 0 else {
            throw WireError("\(body.remaining) bytes left over in a record of type \(record.type)")
        }
        guard attachments == record.attachments else {
            throw WireError(
                "a record of type \(record.type) has \(record.attachments) attachments, its payloads "
                    + "\(attachments)"
            )
        }
    }

    /// Size of one payload of several; `firstAttachment` is the index of its first one in the frame.
    static func byteCount(_ payload: PayloadView, firstAttachment: Int, in frame: ReceivedFrame) -> Int {
        var count = payload.inlineCount
        for index in 0..<payload.attachments { count += frame.byteCount(of: 1 + firstAttachment + index) }
        return count
    }

    /// Size of a record's only payload, wherever its bytes are.
    static func byteCount(_ payload: PayloadView, of record: Record, in frame: ReceivedFrame) -> Int {
        var count = payload.inlineCount
        for attachment in 0..<record.attachments {
            count += frame.byteCount(of: 1 + record.firstAttachment + attachment)
        }
        return count
    }
}
