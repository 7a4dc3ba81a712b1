import TaskModel
internal import Wire
internal import ZeroMQ

/// A channel over a DEALER or ROUTER socket.
///
/// libzmq signals a socket's descriptor at the change from "nothing new" to "something new" only, and each
/// call on the socket may take that signal away: a `send` that finds a message's arrival among libzmq's
/// internal commands leaves the message waiting and the descriptor silent. So after a send the loop must not
/// sleep before it has asked once. After a `receive` (or a question) that found nothing, and no send since,
/// it need not: libzmq has seen all queues empty then, so that the next message signals.
///
/// A question costs several system calls, even if the answer is no.
final class SocketChannel: Channel {
    let socket: Socket
    private let isRouter: Bool
    /// The last call on the socket has found nothing.
    private var isDrained = false
    /// A receive of this turn has found nothing.
    private var wasAsked = false
    /// Scratch: the part that is being sent, or the routing id of what is being received.
    private var part = Message()

    init(_ kind: Socket.Kind, in context: Context) throws(ZeroMQError) {
        socket = try Socket(kind, in: context)
        isRouter = kind == .router
    }

    var descriptor: Int32 { socket.descriptor }

    var hasInput: Bool {
        if isDrained { return false }
        isDrained = !socket.hasInput
        return !isDrained
    }

    func receive() -> RawFrame? {
        if wasAsked { return nil }
        var peer: UInt32?
        if isRouter && socket.receive(into: &part) {
            peer = part.withBytes { Self.peer(routingID: $0) }
            if let raw = RawFrame(from: socket, peer: peer) { return raw }
        } else if !isRouter, let raw = RawFrame(from: socket, peer: nil) {
            return raw
        }
        isDrained = true
        wasAsked = true
        return nil
    }

    func send(_ frame: borrowing Message, _ attachments: [MessagePart], to peer: UInt32?) -> Socket.Sent {
        isDrained = false
        if let peer {
            var routing = ByteWriter(capacity: 5)
            routing.uint8(0)
            routing.uint32(peer)
            part.refill(routing.bytes)
            let addressed = socket.send(&part, more: true)
            guard addressed == .sent else { return addressed }
        }
        part.share(frame)
        let sent = socket.send(&part, more: !attachments.isEmpty)
        guard sent == .sent else { return sent }
        for (index, attachment) in attachments.enumerated() {
            part.share(attachment.message)
            _ = socket.send(&part, more: index + 1 < attachments.count)
        }
        return .sent
    }

    func endTurn(now: Instant) { wasAsked = false }

    /// libzmq's own routing ids are a zero byte and 32 bits. A peer cannot choose one that begins with a
    /// zero, so what has another form is not from a peer of ours.
    private static func peer(routingID: RawSpan) -> UInt32? {
        guard routingID.byteCount == 5 else { return nil }
        var reader = ByteReader(routingID)
        guard let zero = try? reader.uint8("zero"), zero == 0 else { return nil }
        return try? reader.uint32("peer")
    }
}
