package import Wire
package import ZeroMQ

/// A frame and its attachments as they came from the socket. Whoever keeps a payload keeps this object:
/// the bytes are never copied. Belongs to the thread of its loop.
package final class ReceivedFrame {
    package let header: FrameHeader
    private let frame: Message
    private let attachments: [MessagePart]

    init(header: FrameHeader, frame: consuming Message, attachments: [MessagePart]) {
        self.header = header
        self.frame = frame
        self.attachments = attachments
    }

    package var attachmentCount: Int { attachments.count }

    /// Bytes of part 0 (the frame itself, header included) or of attachment `part - 1`.
    package func byteCount(of part: Int) -> Int {
        part == 0 ? frame.count : attachments[part - 1].message.count
    }

    /// How many bytes of a record's attachments are not here, because there was no memory for them.
    package func missingBytes(of record: Record) -> Int {
        attachments.dropFirst(record.firstAttachment).prefix(record.attachments).reduce(0) {
            $0 + $1.missingBytes
        }
    }

    /// Lends the bytes of part 0 (the frame itself, header included) or of attachment `part - 1`.
    package func withBytes<R, E: Error>(of part: Int, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        part == 0
            ? try frame.withBytes(body) : try attachments[part - 1].message.withBytes(body)
    }

    /// Another owner of the same bytes, which outlives the frame; for the same thread.
    package func share(part: Int) -> MessagePart {
        if part > 0 { return attachments[part - 1] }
        var copy = Message()
        copy.share(frame)
        return MessagePart(copy)
    }
}
