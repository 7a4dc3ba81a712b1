import TaskModel
internal import Wire
internal import ZeroMQ

/// One message as it came, not yet looked into.
struct RawFrame: ~Copyable {
    var frame: Message
    var attachments: [MessagePart]
    /// Who sent it, for the listening side; nil if that cannot be told.
    let peer: UInt32?
    /// Its bytes may lie in libzmq's receive buffer, together with those of others.
    private let isInBuffer: Bool

    /// A message whose parts have memory of their own.
    init(_ frame: consuming Message, attachments: [MessagePart], peer: UInt32?) {
        self.frame = frame
        self.attachments = attachments
        self.peer = peer
        isInBuffer = false
    }

    /// Takes what belongs to the message whose first part is waiting. nil: nothing is waiting. A message of
    /// too many parts is taken whole and loses its last ones, so that its records do not add up.
    init?(from socket: borrowing Socket, peer: UInt32?) {
        var frame = Message()
        guard socket.receive(into: &frame) else { return nil }
        var attachments: [MessagePart] = []
        var hasMore = frame.hasMore
        while hasMore {
            var part = Message()
            guard socket.receive(into: &part) else { break }
            hasMore = part.hasMore
            if attachments.count < Limits.attachmentsPerFrameMax { attachments.append(MessagePart(part)) }
        }
        self.frame = frame
        self.attachments = attachments
        self.peer = peer
        isInBuffer = true
    }

    var isHandshake: Bool {
        frame.withBytes { Wire.isHandshake($0) }
    }

    func handshake() throws(WireError) -> Handshake {
        try frame.withBytes { bytes throws(WireError) in try Handshake(decoding: bytes) }
    }

    func header() throws(WireError) -> FrameHeader {
        guard frame.count <= Limits.frameBytesAcceptedMax else {
            throw WireError("frame of \(frame.count) bytes, at most \(Limits.frameBytesAcceptedMax)")
        }
        return try frame.withBytes { bytes throws(WireError) in try FrameHeader(decoding: bytes) }
    }

    /// To be kept by whoever keeps its payloads.
    consuming func received(_ header: FrameHeader) -> ReceivedFrame {
        // Else a small frame would keep the whole buffer alive.
        if isInBuffer && frame.count <= Limits.frameBytesCopiedMax {
            return ReceivedFrame(header: header, frame: frame.copied(), attachments: attachments)
        }
        return ReceivedFrame(header: header, frame: frame, attachments: attachments)
    }
}

extension Handshake {
    /// A refusal as its receiver's owner sees it.
    var refusal: Refusal {
        Refusal(
            code: fields["code"]?.string ?? "malformed", field: fields["field"]?.string ?? "",
            message: fields["message"]?.string ?? "the scheduler refused without saying why")
    }

    static func refusal(
        _ code: RefusalCode, field: String = "", message: String, session: SessionID, epoch: Epoch
    ) -> Handshake {
        Handshake(
            kind: .refusal, role: .scheduler, session: session, epoch: epoch, received: 0,
            fields: [
                Field("code", .string(code.rawValue)), Field("field", .string(field)),
                Field("message", .string(message)),
            ])
    }
}
