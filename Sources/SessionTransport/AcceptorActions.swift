import Posix
internal import SessionCore
import TaskModel
internal import Wire
internal import ZeroMQ

// What the sessions' cores ask for.
extension Acceptor {
    /// True if a frame is to be delivered.
    @discardableResult func run(_ entry: AcceptedSession, _ now: Instant) -> Bool {
        var delivers = false
        // By index: an action may call for further ones.
        var index = 0
        while index < actions.count {
            if case .deliver = actions[index] { delivers = true } else { perform(actions[index], entry, now) }
            index += 1
        }
        actions.removeAll(keepingCapacity: true)
        return delivers
    }

    private func perform(_ action: SessionAction, _ entry: AcceptedSession, _ now: Instant) {
        let link = entry.link
        switch action {
        case .transmit(let number):
            guard let route = entry.route else { return }
            let channel = listeners[route.listener].channel
            let frame = link.kept[number]
            let sent = sender.send(frame, number: number, of: link.session, to: route, over: channel)
            noticeLoss(sent, entry, now)
        case .sendAcknowledge(let last): sendControl(.acknowledge, last, entry, now)
        case .sendResend(let first): sendControl(.resend, first, entry, now)
        case .sendGoodbye: sendControl(.goodbye, 0, entry, now)
        case .sendWelcome(let received, let resumed): sendWelcome(received, resumed, entry, now)
        case .sendRefusal(let fault): sendRefusal(fault, entry)
        case .drop(let number): link.kept.drop(through: number)
        case .established(let resumed): if resumed { events.append(.resumed(entry.handle)) }
        case .unblocked: events.append(.unblocked(entry.handle))
        case .blocked, .interrupted, .ask: return
        case .ended(let ending): ended(ending, entry)
        case .connect, .disconnect, .sendHello, .deliver:
            preconditionFailure("\(action) is not for the accepting side")
        }
    }

    private func sendControl(
        _ kind: FrameHeader.Kind, _ number: UInt64, _ entry: AcceptedSession, _ now: Instant
    ) {
        guard let route = entry.route else { return }
        let sent = sender.send(
            kind, number: number, of: entry.link.session, to: route, over: listeners[route.listener].channel)
        noticeLoss(sent, entry, now)
    }

    private func sendWelcome(_ received: UInt64, _ resumed: Bool, _ entry: AcceptedSession, _ now: Instant) {
        guard let route = entry.route else { return }
        let session = entry.link.session.id
        let policy = entry.link.session.policy
        let fields =
            entry.grantedFields + [
                Field("heartbeat_ms", .unsigned(UInt64(policy.heartbeat.nanoseconds / 1_000_000))),
                Field("lease_ms", .unsigned(UInt64(policy.lease.nanoseconds / 1_000_000))),
                Field("resumed", .flag(resumed)),
                Field("begun", .unsigned(entry.link.session.begun)),
            ]
        let welcome = Handshake(
            kind: .welcome, role: .scheduler, session: session, epoch: configuration.epoch,
            received: received,
            fields: fields)
        noticeLoss(sender.send(welcome, to: route, over: listeners[route.listener].channel), entry, now)
    }

    private func noticeLoss(_ sent: Socket.Sent, _ entry: AcceptedSession, _ now: Instant) {
        switch sent {
        case .sent: return
        // The queue of this peer is full. The frame is kept, and the peer asks for it when it reads again.
        case .wouldBlock: return
        case .unreachable:
            // It stays the session's: its last words, a goodbye, may still wait to be read from it.
            entry.link.session.absorb(.connectionLost, now: now, into: &actions)
        }
    }

    private func sendRefusal(_ fault: SessionFault, _ entry: AcceptedSession) {
        let session = entry.link.session.id
        switch fault {
        case .version:
            sendRefusal(
                .version, field: "version",
                message: "the peer speaks protocol versions \(entry.versions), this scheduler "
                    + "\(ProtocolVersion.lowest...ProtocolVersion.highest): install the same release of "
                    + "isthmus on both sides",
                session: session, to: entry.route)
        case .session:
            sendRefusal(
                .session, field: "session",
                message: "session \(session) is unknown here or has expired: start a new one",
                session: session, to: entry.route)
        case .epoch:
            sendRefusal(
                .epoch, field: "epoch",
                message: "this scheduler is not the leader any more (epoch \(configuration.epoch.rawValue))",
                session: session, to: entry.route)
        case .malformed:
            sendRefusal(
                .malformed, field: "acknowledged", message: "a frame acknowledges what was never sent",
                session: session, to: entry.route)
        }
    }

    func sendRefusal(
        _ code: RefusalCode, field: String, message: String, session: SessionID, to route: Route?
    ) {
        tally.refused += 1
        guard let route else { return }
        let refusal = Handshake.refusal(
            code, field: field, message: message, session: session, epoch: configuration.epoch)
        // Who is gone does not read it; who does not read has no claim to it.
        _ = sender.send(refusal, to: route, over: listeners[route.listener].channel)
    }

    private func ended(_ ending: SessionEnding, _ entry: AcceptedSession) {
        entry.link.forgetFrames()
        spare(entry)
        table.remove(entry)
        guard entry.isAnnounced else { return }
        switch ending {
        case .closed: events.append(.closed(entry.handle))
        case .lost, .refused, .forgotten, .malformed: events.append(.lost(entry.handle))
        }
    }
}
