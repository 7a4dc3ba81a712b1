import Posix
import TaskModel
internal import ZeroMQ

/// The listening end of an `ipc` address. The loop reads and writes the connections itself: a message passes
/// no other thread, as it would with libzmq.
///
/// Each turn reads each connection that has something once, so nobody keeps the loop from the others.
final class UnixAcceptingChannel: Channel {
    private let configuration: AcceptorConfiguration
    private let listener: UnixListener
    private var poller: Poller
    private var input = StreamInput()
    private var streams: [UInt32: UnixStream] = [:]
    /// Peers are numbered in the order in which they came.
    private var lastPeer: UInt32 = 0
    /// Whose bytes are in `input`.
    private var current: (peer: UInt32, stream: UnixStream)?

    /// What the poller has found, and how much of it is done.
    private var ready: [Poller.Ready] = []
    private var done = 0
    private var wasPolled = false

    /// Connections whose handshake was not over when last looked, and when it must be.
    private var greeting = EventQueue<(peer: UInt32, deadline: Instant)>()
    private var nextGreeting: (peer: UInt32, deadline: Instant)?
    /// Connections for which something waits, and when to look whether they take it.
    private var blocked: [UInt32] = []
    private var stallCheck = Instant.distantFuture
    /// Nobody is accepted before.
    private var acceptResumes = Instant.distantFuture
    /// The system had no descriptor for the last connection.
    private var needsReserve = false
    /// What to fill up again before others are accepted.
    private var reserve: DescriptorReserve?

    private static let listenerToken = UInt64.max

    /// The path is claimed, and its directory is private.
    init(listeningAt path: String, _ configuration: AcceptorConfiguration) throws(PosixError) {
        self.configuration = configuration
        listener = try UnixListener(path: path, backlog: Int32(Limits.connectionBacklog))
        poller = try Poller()
        try poller.watch(listener.rawValue, token: Self.listenerToken)
    }

    deinit { linger(Array(streams.values)) }

    var descriptor: Int32 { poller.rawValue }

    // The descriptor stays readable until everything was read.
    var hasInput: Bool { current != nil || done < ready.count }

    var wakeUp: Instant { min(nextGreeting?.deadline ?? .distantFuture, stallCheck, acceptResumes) }

    private var connectionsMax: Int { configuration.sessionsMax * Limits.connectionsPerSessionMax }

    // MARK: Receiving

    func receive() -> RawFrame? {
        while true {
            if let (peer, stream) = current {
                if let frame = take(from: stream, peer) { return frame }
                current = nil
            }
            guard readNext() else { return nil }
        }
    }

    /// The next message in what was read; nil: it is used up.
    private func take(from stream: UnixStream, _ peer: UInt32) -> RawFrame? {
        do {
            while true {
                switch try input.next(of: stream) {
                case .hungry: return nil
                case .message: return stream.reader.takeMessage(from: peer)
                case .ready:
                    stream.becomeReady()
                    watch(stream, peer)
                case .ping(let body):
                    stream.answer(body)
                    watch(stream, peer)
                }
            }
        } catch {
            // Only the one who sent it is worse off.
            input.discard()
            close(peer)
            return nil
        }
    }

    /// Reads the next connection that has something. False: none has, as far as this turn has looked.
    private func readNext() -> Bool {
        while true {
            if done == ready.count {
                guard !wasPolled else { return false }
                wasPolled = true
                poll()
                if ready.isEmpty { return false }
            }
            let found = ready[done]
            done += 1
            if found.token == Self.listenerToken {
                accept()
                continue
            }
            let peer = UInt32(truncatingIfNeeded: found.token)
            guard let stream = streams[peer] else { continue }
            if found.readiness.contains(.writable) {
                stream.flush()
                watch(stream, peer)
            }
            // A connection that was only writable would be read in vain.
            if found.readiness.subtracting(.writable).isEmpty { continue }
            switch input.read(from: stream) {
            case .some:
                current = (peer, stream)
                return true
            case .nothing: continue
            case .ended: close(peer)
            }
        }
    }

    private func poll() {
        // Let go of, not emptied: the poller fills the same array again.
        ready = []
        done = 0
        // Fails for a closed poller only, and this one is open.
        ready = (try? poller.wait(until: .origin, now: .origin)) ?? []
    }

    // MARK: Connections

    private func accept() {
        do {
            for _ in 0..<Limits.framesPerTurnMax {
                guard let descriptor = try listener.accept() else { return }
                admit(descriptor)
            }
        } catch {
            // The system has no descriptor left, and would report the same connection again and again.
            try? poller.unwatch(listener.rawValue)
            acceptResumes = MonotonicClock.now + Limits.acceptPause
            needsReserve = true
        }
    }

    /// While the system has no descriptors, the reserve is for others. True: it just came to that.
    func rest(_ reserve: DescriptorReserve) -> Bool {
        guard needsReserve, self.reserve == nil else { return false }
        reserve.release()
        self.reserve = reserve
        return true
    }

    /// The directory keeps others out; whoever was handed the socket by mistake is kept out here.
    private func admit(_ descriptor: consuming FileDescriptor) {
        guard streams.count < connectionsMax, let user = try? descriptor.peerUser(),
            user == CurrentUser.id || user == 0
        else { return }
        lastPeer &+= 1
        guard (try? poller.watch(descriptor.rawValue, token: UInt64(lastPeer))) != nil else { return }
        streams[lastPeer] = UnixStream(descriptor, as: .router, messageBytesMax: Limits.messageBytesMax)
        let entry = (peer: lastPeer, deadline: MonotonicClock.now + configuration.handshakeTimeout)
        if nextGreeting == nil { nextGreeting = entry } else { greeting.append(entry) }
    }

    private func close(_ peer: UInt32) {
        guard let stream = streams.removeValue(forKey: peer) else { return }
        try? poller.unwatch(stream.descriptor.rawValue)
    }

    /// Asks the poller for what the connection waits for.
    private func watch(_ stream: UnixStream, _ peer: UInt32) {
        guard stream.isBlocked != stream.isWatchedForWriting else { return }
        stream.isWatchedForWriting = stream.isBlocked
        let interest: Poller.Readiness = stream.isBlocked ? [.readable, .writable] : .readable
        try? poller.change(stream.descriptor.rawValue, to: interest, token: UInt64(peer))
        guard stream.isBlocked else { return }
        stream.lastProgress = MonotonicClock.now
        stallCheck = min(stallCheck, stream.lastProgress + configuration.stallTimeout)
        guard !stream.isSuspect else { return }
        stream.isSuspect = true
        blocked.append(peer)
    }

    // MARK: Sending

    func send(_ frame: borrowing Message, _ attachments: [MessagePart], to peer: UInt32?) -> Socket.Sent {
        guard let peer, let stream = streams[peer] else { return .unreachable }
        // Twice what a session may have unacknowledged: reached only by a peer that never reads, and then
        // its session has ended before. Nothing is lost by it, since sessions keep what they send.
        let sent = stream.send(frame, attachments, messagesMax: Limits.unacknowledgedFramesMax * 2)
        watch(stream, peer)
        return sent
    }

    func spare(_ peer: UInt32, _ isSpared: Bool) { streams[peer]?.isSpared = isSpared }

    // MARK: Turns

    func endTurn(now: Instant) {
        wasPolled = false
        while let (peer, deadline) = nextGreeting {
            if let stream = streams[peer], !stream.isReady {
                guard now >= deadline else { break }
                close(peer)
            }
            nextGreeting = greeting.take()
        }
        if now >= stallCheck { closeStalled(now) }
        if now >= acceptResumes {
            // Without room for the control API nobody else is let in.
            let hasRoom = reserve?.refill() ?? true
            let isWatched =
                hasRoom && (try? poller.watch(listener.rawValue, token: Self.listenerToken)) != nil
            acceptResumes = isWatched ? .distantFuture : now + Limits.acceptPause
            if isWatched {
                needsReserve = false
                reserve = nil
            }
        }
    }

    private func closeStalled(_ now: Instant) {
        stallCheck = .distantFuture
        blocked.removeAll { peer in
            guard let stream = streams[peer] else { return true }
            stream.isSuspect = stream.isBlocked
            guard stream.isBlocked else { return true }
            let end = (stream.isSpared ? now : stream.lastProgress) + configuration.stallTimeout
            if now >= end {
                close(peer)
                return true
            }
            stallCheck = min(stallCheck, end)
            return false
        }
    }
}
