import Posix
import TaskModel
internal import Wire
internal import ZeroMQ

/// One connection over a Unix socket that speaks ZMTP. Nothing here blocks.
final class UnixStream {
    let descriptor: FileDescriptor
    var reader: ZmtpReader
    /// The peer's handshake is over: messages may go out.
    private(set) var isReady = false
    /// The other end has closed. What it has sent before can still be read, and its last word, a goodbye, is
    /// worth more than the news that it is gone: it is unreachable when everything was read.
    private var isBroken = false
    /// When the peer last took something, while more was waiting.
    var lastProgress = Instant.origin
    /// What the poller was last told.
    var isWatchedForWriting = false
    /// It is on the list of those that may take nothing any more.
    var isSuspect = false
    /// It is not closed for taking nothing.
    var isSpared = false

    private var unsent = UnsentParts()
    private var head = ByteWriter(capacity: 16)

    /// Begins the handshake.
    init(_ descriptor: consuming FileDescriptor, as kind: Zmtp.Kind, messageBytesMax: Int) {
        // Fails for what is no socket only.
        try? descriptor.setSendBuffer(bytes: Int32(Limits.socketSendBufferBytes))
        self.descriptor = descriptor
        reader = ZmtpReader(as: kind, messageBytesMax: messageBytesMax)
        append(Message(copying: Zmtp.greeting + Zmtp.ready(kind)), endsMessage: true)
        flush()
    }

    /// Something waits that can go out as soon as the peer reads.
    var isBlocked: Bool { !unsent.isEmpty && isReady }

    func becomeReady() {
        isReady = true
        flush()
    }

    /// Sends a message, or keeps what does not go out now, up to `messagesMax` of them.
    func send(_ frame: borrowing Message, _ attachments: [MessagePart], messagesMax: Int) -> Socket.Sent {
        guard !isBroken, unsent.messages < messagesMax else { return .wouldBlock }
        if unsent.isEmpty && isReady && attachments.isEmpty { return sendAtOnce(frame) }
        let wasBlocked = isBlocked
        append(head: frame.count, more: !attachments.isEmpty)
        var part = Message()
        part.share(frame)
        append(part, endsMessage: attachments.isEmpty)
        for (index, attachment) in attachments.enumerated() {
            let isLast = index + 1 == attachments.count
            append(head: attachment.message.count, more: !isLast)
            unsent.append(attachment, endsMessage: isLast)
        }
        if isReady && !wasBlocked { flush() }
        return isBroken ? .wouldBlock : .sent
    }

    /// Answers a PING, unless the peer lets its answers lie.
    func answer(_ ping: [UInt8]) {
        guard unsent.isEmpty else { return }
        append(Message(copying: Zmtp.pong(to: ping)), endsMessage: true)
        flush()
    }

    /// Writes what the other side takes.
    func flush() {
        do {
            if try unsent.write(to: descriptor) && !unsent.isEmpty { lastProgress = MonotonicClock.now }
        } catch {
            lose()
        }
    }

    private func sendAtOnce(_ frame: borrowing Message) -> Socket.Sent {
        head.removeAll()
        Zmtp.writeHead(flags: 0, count: frame.count, to: &head)
        var written = 0
        do {
            let result = try frame.withBytes { bytes throws(PosixError) in
                try descriptor.write(head.bytes, bytes)
            }
            if case .bytes(let count) = result { written = count }
        } catch {
            lose()
            return .wouldBlock
        }
        if written < head.count + frame.count {
            append(Message(copying: head.bytes), endsMessage: false)
            var part = Message()
            part.share(frame)
            append(part, endsMessage: true)
            unsent.account(written)
        }
        return .sent
    }

    private func append(head count: Int, more: Bool) {
        head.removeAll()
        Zmtp.writeHead(flags: more ? Zmtp.more : 0, count: count, to: &head)
        append(Message(copying: head.bytes), endsMessage: false)
    }

    private func append(_ message: consuming Message, endsMessage: Bool) {
        unsent.append(MessagePart(message), endsMessage: endsMessage)
    }

    private func lose() {
        isBroken = true
        unsent.removeAll()
    }
}
