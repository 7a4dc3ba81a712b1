internal import SessionCore
import TaskModel
internal import Wire
internal import ZeroMQ

/// A connection as the scheduler sees it: which listening address, and the peer's number there.
struct Route: Hashable, Sendable, BitwiseCopyable {
    let rawValue: UInt64

    init(listener: Int, peer: UInt32) { rawValue = UInt64(listener) << 32 | UInt64(peer) }

    var listener: Int { Int(rawValue >> 32) }
    var peer: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}

/// Hands frames to a channel. Its scratch space is used again for each.
struct FrameSender: ~Copyable {
    private(set) var sent: UInt64 = 0
    private var bytes = ByteWriter(capacity: 64)
    private var part = Message()

    /// A data frame, with the acknowledgement of this moment.
    mutating func send(
        _ frame: KeptFrame, number: UInt64, of session: borrowing Session, to route: Route?,
        over channel: any Channel
    ) -> Socket.Sent {
        bytes.removeAll()
        bytes.frameHeader(
            FrameHeader(
                kind: .data, records: frame.records, session: session.id, epoch: session.epoch,
                number: number,
                acknowledged: session.received))
        frame.prepare(header: bytes.bytes)
        let result = channel.send(frame.message, frame.attachments, to: route?.peer)
        if result == .sent { sent += 1 }
        return result
    }

    /// A frame without records.
    mutating func send(
        _ kind: FrameHeader.Kind, number: UInt64 = 0, of session: borrowing Session, to route: Route?,
        over channel: any Channel
    ) -> Socket.Sent {
        bytes.removeAll()
        bytes.frameHeader(
            FrameHeader(
                kind: kind, session: session.id, epoch: session.epoch, number: number,
                acknowledged: session.received))
        return send(bytes.bytes, to: route, over: channel)
    }

    mutating func send(_ handshake: Handshake, to route: Route?, over channel: any Channel) -> Socket.Sent {
        send(handshake.encoded(), to: route, over: channel)
    }

    private mutating func send(_ frame: [UInt8], to route: Route?, over channel: any Channel) -> Socket.Sent {
        part.refill(frame)
        let result = channel.send(part, [], to: route?.peer)
        if result == .sent { sent += 1 }
        return result
    }
}
