internal import SessionCore
package import TaskModel
package import Wire
internal import ZeroMQ

/// The outgoing half of one session. Records are written straight into the frame that goes out at the
/// end of the loop's turn (`flush` of the connector or acceptor):
///
///     link.beginRecord(.submit)
///     link.writer.submissionHead(…)
///     link.appendPayload(.pickle, bytes)
///     link.endRecord()
///
/// A frame that has grown to `Limits.frameBytesMax` is closed and the next one begun.
package final class OutgoingLink {
    /// The open record's body is appended here, between `beginRecord` and `endRecord`.
    package var writer: ByteWriter

    var session: Session
    var kept = KeptFrames()
    /// Closed in this turn; they get their numbers when they are flushed.
    var closed: [KeptFrame] = []
    /// Where a link reports that it has something to flush.
    private let touched: TouchedLinks
    private let place: Int
    var isTouched = false

    private var records: UInt32 = 0
    private var attachments: [MessagePart] = []
    private var attachedBytes = 0
    private var recordStart: Int?
    private var attachmentsBefore = 0

    private static let emptyHeader = [UInt8](repeating: 0, count: FrameHeader.bytes)

    /// When any frame of the peer came, a heartbeat too.
    package var lastHeard: Instant { session.lastHeard }

    init(_ session: consuming Session, touched: TouchedLinks, place: Int) {
        self.session = session
        self.touched = touched
        self.place = place
        writer = ByteWriter(capacity: 4_096)
        writer.raw(Self.emptyHeader)
    }

    package func beginRecord(_ type: RecordType, flags: UInt8 = 0) {
        precondition(recordStart == nil, "the record before is still open")
        recordStart = writer.beginRecord(type, flags: flags)
        attachmentsBefore = attachments.count
    }

    /// Closes the record; its length and the number of its attachments are filled in.
    package func endRecord() {
        guard let start = recordStart else { preconditionFailure("no record is open") }
        let attached = attachments.count - attachmentsBefore
        precondition(attached <= Limits.attachmentsPerRecordMax, "too many attachments in one record")
        writer.endRecord(start, attachments: attached)
        recordStart = nil
        records += 1
        if !isTouched {
            isTouched = true
            touched.places.append(place)
        }
        let isFull =
            writer.count >= Limits.frameBytesMax || records >= Limits.recordsPerFrameMax
            || attachments.count >= Limits.attachmentsPerRecordMax
            || attachedBytes >= Limits.attachedBytesPerFrame
        if isFull { closeFrame() }
    }

    /// Adds an attachment to the open record. The array is shared, not copied.
    package func attach(_ bytes: [UInt8]) {
        attach(MessagePart(Message(sharing: bytes)))
    }

    /// Adds a part of a received frame as an attachment of the open record: shared, not copied.
    package func attach(part: Int, of frame: ReceivedFrame) {
        attach(frame.share(part: part))
    }

    private func attach(_ part: MessagePart) {
        precondition(recordStart != nil, "an attachment belongs to an open record")
        attachments.append(part)
        attachedBytes += part.message.count
    }

    /// Writes a payload: inline below `Limits.inlineBytesMax`, else as an attachment.
    package func appendPayload(_ codec: Codec, _ bytes: [UInt8]) {
        if bytes.count < Limits.inlineBytesMax {
            writer.inlinePayload(codec, bytes)
        } else {
            writer.payloadHeader(codec, .attached, count: 0)
            attach(bytes)
        }
    }

    /// Passes a payload on as it came, with its attachments; `firstAttachment` is the index (from 0) among
    /// the frame's attachments of the first one that belongs to this payload.
    package func appendPayload(_ view: PayloadView, of frame: ReceivedFrame, firstAttachment: Int) {
        frame.withBytes(of: 0) { bytes in
            writer.raw(bytes.extracting(view.whole))
        }
        for index in 0..<view.attachments { attach(part: firstAttachment + index + 1, of: frame) }
    }

    /// So much is unacknowledged that no more should be taken on for this peer (backpressure).
    package var isBlocked: Bool {
        session.isBlocked || session.unacknowledged + closed.count >= session.policy.unacknowledgedFramesMax
    }

    /// Nothing is waiting to be sent or acknowledged.
    package var isDrained: Bool { records == 0 && closed.isEmpty && session.unacknowledged == 0 }

    /// Ends the open frame, if there is one.
    func closeFrame() {
        precondition(recordStart == nil, "a record is still open at the end of the turn")
        guard records > 0 else { return }
        let message = Message(copying: writer.bytes)
        closed.append(
            KeptFrame(message, records: records, attachments: attachments, attachedBytes: attachedBytes))
        writer.removeAll()
        writer.raw(Self.emptyHeader)
        records = 0
        attachments.removeAll()
        attachedBytes = 0
    }

    /// What was written and not acknowledged is not kept any longer.
    func forgetFrames() {
        // A new session numbers its frames from 1 again.
        kept = KeptFrames()
        closed.removeAll()
        closeFrame()
        closed.removeAll()
    }
}

/// The links that have something to flush, by their place in their owner's table.
final class TouchedLinks {
    var places: [Int] = []
}
