// One session over a transport that promises nothing: ZeroMQ drops silently when a peer vanishes, and a
// connection may end in the middle of a burst. This core makes an ordered, gapless stream of frames out of
// it, in each direction, that outlives its connections:
//
//     closed by the owner ──► kept until acknowledged ──► dropped
//                                │ transmitted once, and again on resend or after a reconnect
//                                ▼
//     received in order ──► delivered; repeated ──► ignored; beyond a gap ──► ignored, and the gap asked for
//
// Both sides use the same type. The connecting side opens, reconnects and never gives up by itself: its
// owner does, or the peer refuses it. The accepting side waits, and ends the session when its lease runs out.
//
//     connecting:  idle ─► waiting ─► greeting ─► established ─► waiting (connection lost) …
//     accepting:   idle ─► asked ─► established ─► detached (connection lost) ─► established (hello) …
//     either:      … ─► ended
//
// A transport keeps the order within one connection. Therefore a frame beyond a gap, or a heartbeat that
// names a frame that has not come, proves a loss: no timer guesses one, and nothing large is sent twice only
// because the network is slow.

package import TaskModel

package struct Session: ~Copyable {
    package enum Side: Hashable, Sendable, BitwiseCopyable {
        case connecting, accepting
    }

    enum Phase: Hashable, Sendable, BitwiseCopyable {
        /// Exits: waiting (opened), asked (hello).
        case idle
        /// Connecting, without a connection. Exits: greeting (at the instant), ended.
        case waiting(until: Instant)
        /// Connecting, hello sent. Exits: established (welcome), waiting (timeout, connection lost), ended.
        case greeting(deadline: Instant)
        /// Accepting, the owner has to decide. Exits: established (granted), ended.
        case asked
        /// Frames flow. Exits: waiting or detached (connection lost), greeting (hello again), ended.
        case established
        /// Accepting, without a connection. Exits: established (hello), ended (lease).
        case detached
        case ended
    }

    package let id: SessionID
    package let side: Side
    /// The owner may change times when the peer has stated its own.
    package var policy: SessionPolicy
    /// Connecting side: the last one seen. Accepting side: its own.
    package internal(set) var epoch: Epoch
    /// Number of the last data frame received in order.
    package internal(set) var received: UInt64 = 0

    /// Told by the accepting side in each welcome: another number means that it let go of the session and
    /// began it anew without noticing. Accepting side: its clock when the session began.
    package internal(set) var begun: UInt64

    var phase = Phase.idle
    var wasEstablished = false
    var reconnects: UInt64 = 0
    /// Connecting side: when the last welcome came.
    var establishedAt = Instant.origin

    var lastNumber: UInt64 = 0
    var acknowledged: UInt64 = 0
    var kept = FrameSizes()
    package internal(set) var isBlocked = false
    var lastResend: (from: UInt64, at: Instant)?

    var unreported = 0
    var acknowledgeDue = Instant.distantFuture
    var lastRequest: (from: UInt64, at: Instant)?

    var lastSent: Instant
    package internal(set) var lastHeard: Instant

    /// `epoch`: the last one that the connecting side has seen (0: none), or the accepting side's own.
    package init(_ id: SessionID, side: Side, epoch: Epoch, policy: SessionPolicy, now: Instant) {
        self.id = id
        self.side = side
        self.epoch = epoch
        self.policy = policy
        begun = UInt64(bitPattern: now.nanoseconds)
        lastSent = now
        lastHeard = now
    }

    /// Records one fact, in constant time; what it calls for is appended to `actions`.
    package mutating func absorb(_ event: SessionEvent, now: Instant, into actions: inout [SessionAction]) {
        if phase == .ended { return }
        switch event {
        case .opened: open(now)
        case .connectionLost: loseConnection(now, &actions)
        case .helloReceived(let epoch, let received, let lowest, let highest):
            hello(epoch, received, lowest, highest, now, &actions)
        case .granted: grant(now, &actions)
        case .welcomeReceived(let epoch, let received, let version, let begun):
            welcome(epoch, received, version, begun, now, &actions)
        case .refusalReceived(let hello): refusal(hello, now, &actions)
        case .frameClosed(let bytes): frameClosed(bytes, now, &actions)
        case .dataReceived(let number, let acknowledged, let epoch):
            guard hear(acknowledged, epoch, now, &actions) else { return }
            data(number, now, &actions)
        case .acknowledgeReceived(let number, let acknowledged, let epoch):
            guard hear(acknowledged, epoch, now, &actions) else { return }
            if number > received { requestResend(now, &actions) }
        case .resendReceived(let number, let acknowledged, let epoch):
            guard hear(acknowledged, epoch, now, &actions) else { return }
            resend(from: number, now, &actions)
        case .goodbyeReceived(let epoch):
            if epoch >= self.epoch { end(.closed, &actions) }
        case .closeRequested: close(&actions)
        case .turnedAway: end(.refused, &actions)
        }
    }

    /// Does what time calls for: to be called at `wakeUp`, after all that has arrived was absorbed.
    package mutating func decide(now: Instant, into actions: inout [SessionAction]) {
        switch phase {
        case .idle, .asked, .ended:
            return
        case .waiting(let until):
            if now >= until { greet(now, &actions) }
        case .greeting(let deadline):
            if now >= deadline { retreat(now, &actions) }
        case .detached:
            if now >= leaseEnd { end(.lost, &actions) }
        case .established:
            if now >= leaseEnd {
                switch side {
                case .accepting: end(.lost, &actions)
                case .connecting: retreat(now, &actions)
                }
            } else if now >= acknowledgeDue || now >= lastSent + policy.heartbeat {
                acknowledge(now, &actions)
            }
        }
    }

    /// The earliest instant at which `decide` has something to do.
    package var wakeUp: Instant {
        switch phase {
        case .idle, .asked, .ended: .distantFuture
        case .waiting(let until): until
        case .greeting(let deadline): deadline
        case .detached: leaseEnd
        case .established: min(acknowledgeDue, lastSent + policy.heartbeat, leaseEnd)
        }
    }

    /// When the peer will have been silent for too long.
    package var leaseEnd: Instant {
        policy.isPatient && phase == .established ? .distantFuture : lastHeard + policy.lease
    }
    package var isEstablished: Bool { phase == .established }
    package var hasEnded: Bool { phase == .ended }
    /// Frames that are kept for the peer.
    package var unacknowledged: Int { kept.count }
}
