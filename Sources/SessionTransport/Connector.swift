import Posix
internal import SessionCore
package import TaskModel
package import Wire
package import ZeroMQ

package struct ConnectorConfiguration: Sendable {
    package var address: Address
    /// For tcp.
    package var keys: PeerKeys?
    package var role: Role
    package var fields: [Field]

    package init(address: Address, keys: PeerKeys? = nil, role: Role, fields: [Field]) {
        self.address = address
        self.keys = keys
        self.role = role
        self.fields = fields
    }
}

package enum ConnectorEvent {
    /// The session is open. `resumed`: it is the old one, and nothing was lost; else it is new.
    case welcomed(Welcome, resumed: Bool)
    case received(ReceivedFrame)
    /// The connection is gone and being made anew. Records may still be written; they go out later.
    case interrupted
    /// Enough was acknowledged again: `link.isBlocked` is false.
    case unblocked
    /// The scheduler does not let this session in. `refusal.code` "session" means that it does not know it
    /// (any more): what ran for it is void, `restart` begins a new one. Final until `restart`.
    case refused(Refusal)
    /// The scheduler said goodbye. Final until `restart`.
    case closed
}

/// One session with a scheduler, from the side that connects: a worker's or a Swift client's. It connects,
/// says hello, reconnects with a growing delay, resumes the session and repeats what was lost.
///
/// A turn of the loop: poll `pollDescriptor` until `wakeUp`; call `next` until it returns nil; write
/// records into `link`; `flush`. Belongs to one thread.
package final class Connector {
    package let link: OutgoingLink
    /// Why there is no connection yet, in words, or nil: for the message of a caller's timeout.
    package private(set) var trouble: String?

    private var isKeyTrouble = false
    private var configuration: ConnectorConfiguration
    private let context: Context
    private let poller: Poller
    private let touched = TouchedLinks()
    private var connection: Connection?
    private var sender = FrameSender()
    private var actions: [SessionAction] = []
    private var events = EventQueue<ConnectorEvent>()
    private var welcome = Welcome(epoch: Epoch(0), fields: [])
    private var refusal: Refusal?
    private var framesTaken = 0

    /// Begins to connect; nothing is sent before the first `flush`. `session` is 64 random bits.
    package init(
        _ configuration: ConnectorConfiguration, session: SessionID, context: Context, now: Instant
    ) throws(TransportError) {
        if case .tcp = configuration.address, let keys = configuration.keys,
            !keys.role.mayActAs(configuration.role)
        {
            throw TransportError(
                "the key file is for the role \(keys.role), not for \(configuration.role): use the right one")
        }
        self.configuration = configuration
        self.context = context
        do {
            poller = try Poller()
        } catch {
            throw TransportError("cannot connect to \(configuration.address): \(error)")
        }
        var core = Session(session, side: .connecting, epoch: Epoch(0), policy: SessionPolicy(), now: now)
        core.absorb(.opened, now: now, into: &actions)
        link = OutgoingLink(core, touched: touched, place: 0)
        // An address or key that can never work is an error here, not a reason to try for ever.
        try connect()
    }

    /// The scheduler has welcomed the session over a connection that is there, as far as this side knows.
    package var isEstablished: Bool { link.session.isEstablished }

    package var session: SessionID { link.session.id }

    /// Readable when there is something to do. The same number for the life of the connector.
    package var pollDescriptor: Int32 { poller.rawValue }

    /// When the loop must turn again even if nothing arrives: in the past if input is already waiting.
    package var wakeUp: Instant {
        if !events.isEmpty { return .origin }
        if connection?.hasInput == true { return .origin }
        return link.session.wakeUp
    }

    /// The next thing that happened; nil when all that was waiting has been taken, or when one turn has
    /// taken enough (then `wakeUp` is in the past).
    package func next(now: Instant) -> ConnectorEvent? {
        while true {
            if let event = events.take() { return event }
            if readReport(now) { continue }
            guard framesTaken < Limits.framesPerTurnMax, let connection,
                let raw = connection.channel.receive()
            else { return nil }
            framesTaken += 1
            if let frame = take(raw, now) { return .received(frame) }
        }
    }

    /// Sends what was written, acknowledges, keeps the session alive. At the end of each turn.
    package func flush(now: Instant) {
        framesTaken = 0
        connection?.endTurn(now: now)
        link.closeFrame()
        link.isTouched = false
        touched.places.removeAll(keepingCapacity: true)
        if !link.session.hasEnded {
            for frame in link.closed {
                link.kept.append(frame)
                absorb(.frameClosed(bytes: frame.bytes), now)
            }
            link.session.decide(now: now, into: &actions)
            _ = run(now)
        }
        link.closed.removeAll(keepingCapacity: true)
    }

    /// After `refused` or `closed`: begins a new session. What was not acknowledged is dropped.
    package func restart(session: SessionID, fields: [Field], now: Instant) {
        disconnect()
        configuration.fields = fields
        link.forgetFrames()
        link.session = Session(
            session, side: .connecting, epoch: welcome.epoch, policy: SessionPolicy(), now: now)
        absorb(.opened, now)
    }

    /// Says goodbye: the scheduler drops what the session owned. What was written before is sent first.
    package func close(now: Instant) {
        flush(now: now)
        absorb(.closeRequested, now)
    }

    // MARK: What arrives

    private func take(_ raw: consuming RawFrame, _ now: Instant) -> ReceivedFrame? {
        do {
            if raw.isHandshake {
                greeted(try raw.handshake(), now)
                return nil
            }
            let header = try raw.header()
            guard header.session == session, absorb(header.event, now) else { return nil }
            return raw.received(header)
        } catch {
            trouble = "the scheduler at \(configuration.address) sent what cannot be read: \(error)"
            return nil
        }
    }

    private func greeted(_ handshake: Handshake, _ now: Instant) {
        guard handshake.session == session else { return }
        switch handshake.kind {
        case .hello:
            return
        case .welcome:
            welcome = Welcome(epoch: handshake.epoch, fields: handshake.fields)
            if let heartbeat = handshake.fields["heartbeat_ms"]?.unsigned, heartbeat > 0 {
                link.session.policy.heartbeat = .milliseconds(Int64(clamping: heartbeat))
            }
            if let lease = handshake.fields["lease_ms"]?.unsigned, lease > 0 {
                // That is how long the scheduler bears silence. A silent scheduler is looked for much sooner.
                link.session.policy.lease = min(
                    .milliseconds(Int64(clamping: min(lease, UInt64(Int32.max)))), Limits.workerLease)
            }
            let event = SessionEvent.welcomeReceived(
                epoch: handshake.epoch, received: handshake.received, version: handshake.highestVersion,
                begun: handshake.fields["begun"]?.unsigned ?? 0)
            absorb(event, now)
        case .refusal:
            let refusal = handshake.refusal
            self.refusal = refusal
            absorb(.refusalReceived(hello: refusal.code == RefusalCode.hello.rawValue), now)
        }
    }

    /// True if there was one.
    private func readReport(_ now: Instant) -> Bool {
        guard let connection, let report = connection.nextReport() else { return false }
        let address = configuration.address
        switch report {
        case .connected:
            trouble = nil
            isKeyTrouble = false
        // After a handshake that failed, libzmq also tells that the connection has gone and is tried again.
        case .lost:
            if !isKeyTrouble { trouble = "the connection to \(address) was lost" }
        case .unanswered(let reason):
            if !isKeyTrouble { trouble = "nobody answers at \(address)\(reason.map { ": \($0)" } ?? "")" }
        case .keyRefused:
            isKeyTrouble = true
            trouble =
                "the scheduler at \(address) does not accept this key: is it in the file `authorized` of "
                + "the scheduler's folder of keys, which is read when it starts?"
        case .handshakeFailed:
            isKeyTrouble = true
            trouble =
                "the handshake with \(address) failed: the key file may be that of another scheduler, or "
                + "what listens there is none"
        case .strange(let reason):
            trouble = "what listens at \(address) is not a scheduler that this user may talk to: \(reason)"
        }
        if connection.isOver { disconnect() }
        if connection.isOver || report == .lost { absorb(.connectionLost, now) }
        return true
    }

    // MARK: What the core asks for

    /// True if the frame that this event stands for is to be delivered.
    @discardableResult private func absorb(_ event: SessionEvent, _ now: Instant) -> Bool {
        link.session.absorb(event, now: now, into: &actions)
        return run(now)
    }

    private func run(_ now: Instant) -> Bool {
        var delivers = false
        // By index: an action may call for further ones.
        var index = 0
        while index < actions.count {
            if case .deliver = actions[index] { delivers = true } else { perform(actions[index], now) }
            index += 1
        }
        actions.removeAll(keepingCapacity: true)
        return delivers
    }

    private func perform(_ action: SessionAction, _ now: Instant) {
        switch action {
        case .connect:
            do {
                try connect()
            } catch {
                trouble = error.description
                link.session.absorb(.connectionLost, now: now, into: &actions)
            }
        case .disconnect: disconnect()
        case .sendHello(let received): sendHello(received)
        case .transmit(let number):
            guard let connection else { return }
            let frame = link.kept[number]
            _ = sender.send(frame, number: number, of: link.session, to: nil, over: connection.channel)
        case .sendAcknowledge(let last): sendControl(.acknowledge, last)
        case .sendResend(let first): sendControl(.resend, first)
        case .sendGoodbye:
            sendControl(.goodbye, 0)
            connection?.linger()
        case .drop(let number): link.kept.drop(through: number)
        case .established(let resumed):
            refusal = nil
            events.append(.welcomed(welcome, resumed: resumed))
        case .interrupted: events.append(.interrupted)
        case .blocked: return
        case .unblocked: events.append(.unblocked)
        case .ended(let ending): ended(ending)
        case .deliver, .ask, .sendWelcome, .sendRefusal:
            preconditionFailure("\(action) is not for the connecting side")
        }
    }

    private func connect() throws(TransportError) {
        // The first one was made by `init`.
        guard connection == nil else { return }
        let made = try Connection(to: configuration.address, keys: configuration.keys, context: context)
        do {
            for descriptor in made.descriptors { try poller.watch(descriptor, token: 0) }
        } catch {
            throw TransportError("cannot connect to \(configuration.address): \(error)")
        }
        connection = made
    }

    private func disconnect() {
        // libzmq keeps a socket's descriptor open until its own thread has let go of it, so it must be
        // taken out of the poller by hand.
        guard let connection else { return }
        for descriptor in connection.descriptors { try? poller.unwatch(descriptor) }
        self.connection = nil
    }

    private func sendHello(_ received: UInt64) {
        guard let connection else { return }
        let hello = Handshake(
            kind: .hello, role: configuration.role, session: session, epoch: link.session.epoch,
            received: received, fields: configuration.fields)
        _ = sender.send(hello, to: nil, over: connection.channel)
    }

    private func sendControl(_ kind: FrameHeader.Kind, _ number: UInt64) {
        guard let connection else { return }
        _ = sender.send(kind, number: number, of: link.session, to: nil, over: connection.channel)
    }

    private func ended(_ ending: SessionEnding) {
        link.forgetFrames()
        switch ending {
        case .closed:
            events.append(.closed)
        case .refused:
            let unexplained = Refusal(
                code: "version", field: "version", message: "the scheduler speaks another protocol version")
            events.append(.refused(refusal ?? unexplained))
        case .forgotten, .lost:
            let message = "the scheduler does not know this session any more; start a new one"
            events.append(.refused(Refusal(code: "session", field: "session", message: message)))
        case .malformed:
            let message = "the scheduler acknowledged what was never sent"
            events.append(.refused(Refusal(code: "malformed", field: "", message: message)))
        }
    }
}

extension FrameHeader {
    /// The frame as its session's core sees it.
    var event: SessionEvent {
        switch kind {
        case .data: .dataReceived(number: number, acknowledged: acknowledged, epoch: epoch)
        case .acknowledge: .acknowledgeReceived(number: number, acknowledged: acknowledged, epoch: epoch)
        case .resend: .resendReceived(number: number, acknowledged: acknowledged, epoch: epoch)
        case .goodbye: .goodbyeReceived(epoch: epoch)
        }
    }
}
