import Posix
import TaskModel
internal import ZeroMQ

/// The connecting end of an `ipc` address: one connection, which is not made again when it has ended. What
/// is sent before the handshake is over waits for it.
final class UnixDialingChannel: Channel {
    private var poller: Poller
    /// nil: there is no connection, or not any more.
    private var stream: UnixStream?
    private var input = StreamInput()
    /// Bytes of the last read may not be used up.
    private var isReading = false
    private var wasRead = false
    private var report: ConnectionReport?

    init(to path: String) throws(PosixError) {
        poller = try Poller()
        do {
            let descriptor = try FileDescriptor.connected(toUnixSocket: path)
            let user = try descriptor.peerUser()
            // Root may reach everybody, and everybody trusts root.
            guard user == CurrentUser.id || user == 0 || CurrentUser.id == 0 else {
                report = .strange("it belongs to another user (\(user))")
                return
            }
            try poller.watch(descriptor.rawValue, token: 0)
            // What a scheduler sends for one task has no bound of its own.
            stream = UnixStream(descriptor, as: .dealer, messageBytesMax: .max)
        } catch {
            report = .unanswered("\(error)")
        }
    }

    var descriptor: Int32 { poller.rawValue }

    var hasInput: Bool { isReading || report != nil }

    /// There is no connection any more.
    var isOver: Bool { stream == nil }

    /// What has become of the connection, once.
    func takeReport() -> ConnectionReport? { report.take() }

    func receive() -> RawFrame? {
        while let stream {
            if isReading {
                if let frame = take(from: stream) { return frame }
                isReading = false
            }
            guard !wasRead else { return nil }
            wasRead = true
            if stream.isBlocked { flush(stream) }
            switch input.read(from: stream) {
            case .some: isReading = true
            case .nothing: return nil
            case .ended: end(.lost)
            }
        }
        return nil
    }

    /// The next message in what was read; nil: it is used up.
    private func take(from stream: UnixStream) -> RawFrame? {
        do {
            while true {
                switch try input.next(of: stream) {
                case .hungry: return nil
                case .message: return stream.reader.takeMessage(from: nil)
                case .ready:
                    stream.becomeReady()
                    watch(stream)
                    report = .connected
                case .ping(let body):
                    stream.answer(body)
                    watch(stream)
                }
            }
        } catch {
            input.discard()
            end(.strange(error.description))
            return nil
        }
    }

    func send(_ frame: borrowing Message, _ attachments: [MessagePart], to peer: UInt32?) -> Socket.Sent {
        guard let stream else { return .unreachable }
        // What is not acknowledged is bounded by the session; nothing may be dropped below it.
        let sent = stream.send(frame, attachments, messagesMax: .max)
        watch(stream)
        return sent
    }

    func endTurn(now: Instant) { wasRead = false }

    /// Gives a last frame time to leave.
    func linger() {
        guard let stream else { return }
        SessionTransport.linger([stream])
    }

    private func flush(_ stream: UnixStream) {
        stream.flush()
        watch(stream)
    }

    private func end(_ report: ConnectionReport) {
        self.report = report
        if let stream { try? poller.unwatch(stream.descriptor.rawValue) }
        stream = nil
    }

    /// Asks the poller for what the connection waits for.
    private func watch(_ stream: UnixStream) {
        guard stream.isBlocked != stream.isWatchedForWriting else { return }
        stream.isWatchedForWriting = stream.isBlocked
        let interest: Poller.Readiness = stream.isBlocked ? [.readable, .writable] : .readable
        try? poller.change(stream.descriptor.rawValue, to: interest, token: 0)
    }
}

/// What has become of a connection.
enum ConnectionReport: Hashable {
    case connected
    case lost
    /// Nobody listens there, for this reason if one is known.
    case unanswered(String?)
    /// The other side did not accept the key.
    case keyRefused
    /// The connection ended before both sides knew who the other one is.
    case handshakeFailed
    /// What listens there is not a scheduler, as far as its bytes or its owner tell.
    case strange(String)
}
