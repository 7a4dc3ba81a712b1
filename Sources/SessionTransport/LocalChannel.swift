import TaskModel
internal import ZeroMQ

/// A channel between two threads of this process: a bounded queue and a wake-up in each direction.
final class LocalChannel: Channel {
    private let port: LocalPort
    private let inbox: Mailbox<LocalLetter>
    /// nil: the listening end.
    private let number: UInt32?
    private var taken = EventQueue<LocalLetter>()
    /// Scratch: what comes out of the inbox.
    private var letters: [LocalLetter] = []

    /// The listening end; one at a time has the name.
    init(listeningAt name: String, in context: Context) throws(TransportError) {
        port = try LocalPorts.port(name, in: context)
        try port.listen()
        inbox = port.inbox
        number = nil
    }

    /// The connecting end. What it sends waits if nobody listens there yet.
    init(connectingTo name: String, in context: Context) throws(TransportError) {
        port = try LocalPorts.port(name, in: context)
        inbox = try Mailbox(capacity: LocalPort.lettersMax)
        number = port.join(inbox)
    }

    deinit {
        if let number { port.leave(number) } else { port.stopListening() }
    }

    var descriptor: Int32 { inbox.pollDescriptor }

    // The descriptor stays readable until the inbox was emptied.
    var hasInput: Bool { !taken.isEmpty }

    func receive() -> RawFrame? {
        if taken.isEmpty {
            inbox.takeAll(into: &letters)
            for letter in letters { taken.append(letter) }
            letters.removeAll(keepingCapacity: true)
        }
        while let letter = taken.take() {
            if let raw = letter.frame.open(from: letter.peer) { return raw }
        }
        return nil
    }

    func send(_ frame: borrowing Message, _ attachments: [MessagePart], to peer: UInt32?) -> Socket.Sent {
        let receiver = number == nil ? peer.flatMap { port.inbox(of: $0) } : port.inbox
        guard let receiver else { return .unreachable }
        do {
            try receiver.post(LocalLetter(peer: number ?? 0, frame: LocalFrame(frame, attachments)))
            return .sent
        } catch {
            switch error {
            case .full: return .wouldBlock
            case .closed: return .unreachable
            }
        }
    }

    func endTurn(now: Instant) {}
}

struct LocalLetter: Sendable {
    /// Who sent it, if a connecting end did.
    let peer: UInt32
    let frame: LocalFrame
}

/// A frame on its way from one thread to another.
// Sendable: its messages are made here and reach nobody else but the one who opens it; the sender lets go of
// it when it is posted. The bytes that they share with the sender's own messages are not written any more,
// and libzmq counts their owners atomically.
final class LocalFrame: @unchecked Sendable {
    private var frame: Message?
    private var attachments: [MessagePart]

    init(_ frame: borrowing Message, _ attachments: [MessagePart]) {
        var own = Message()
        own.share(frame)
        self.frame = consume own
        self.attachments = attachments.map { attachment in
            var own = Message()
            own.share(attachment.message)
            return MessagePart(own)
        }
    }

    /// Hands the messages over, once.
    func open(from peer: UInt32) -> RawFrame? {
        guard let frame = frame.take() else { return nil }
        defer { attachments = [] }
        return RawFrame(frame, attachments: attachments, peer: peer)
    }
}
