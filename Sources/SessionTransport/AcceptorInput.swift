import Posix
internal import SessionCore
import TaskModel
internal import Wire
internal import ZeroMQ

// What arrives. Nothing in here may harm another peer than the one it came from.
extension Acceptor {
    /// Takes messages until a frame is to be delivered or an event has come up. nil: nothing is waiting, or
    /// the turn has taken enough.
    func receive(_ now: Instant) -> AcceptorEvent? {
        for (index, listener) in listeners.enumerated() {
            while turn.hasRoom && events.isEmpty, let raw = listener.channel.receive() {
                turn.took(bytes: raw.frame.count)
                guard let peer = raw.peer else {
                    tally.malformed += 1
                    continue
                }
                let route = Route(listener: index, peer: peer)
                if let event = take(raw, from: route, now) { return event }
            }
        }
        return nil
    }

    /// A frame to deliver, if it is one.
    private func take(_ raw: consuming RawFrame, from route: Route, _ now: Instant) -> AcceptorEvent? {
        tally.framesReceived += 1
        do {
            if raw.isHandshake {
                greeted(try raw.handshake(), user: raw.frame.property("User-Id"), route, now)
                return nil
            }
            let header = try raw.header()
            guard let entry = table[route], entry.link.session.id == header.session else {
                answerStranger(header, route)
                return nil
            }
            if absorb(header.event, entry, now) { return .received(entry.handle, raw.received(header)) }
            if header.kind == .data { tally.framesIgnored += 1 }
        } catch {
            malformed("\(error)", route, now)
        }
        return nil
    }

    /// A frame over a connection that has not said hello for its session.
    private func answerStranger(_ header: FrameHeader, _ route: Route) {
        if header.kind == .goodbye { return }
        if table[header.session] != nil {
            sendRefusal(
                .hello, field: "", message: "say hello on this connection", session: header.session, to: route
            )
        } else {
            sendRefusal(
                .session, field: "session",
                message: "session \(header.session) is unknown here or has expired: start a new one",
                session: header.session, to: route)
        }
    }

    private func malformed(_ message: String, _ route: Route, _ now: Instant) {
        tally.malformed += 1
        let entry = table[route]
        sendRefusal(
            .malformed, field: "", message: "\(message): is this a client of another release?",
            session: entry?.link.session.id ?? SessionID(0), to: route)
        if let entry { absorb(.turnedAway, entry, now) }
    }

    // MARK: Hello

    private func greeted(_ hello: Handshake, user: String?, _ route: Route, _ now: Instant) {
        guard hello.kind == .hello, hello.role != .scheduler else {
            return malformed("a scheduler does not take a \(hello.kind) of a \(hello.role)", route, now)
        }
        let isKeyed = listeners[route.listener].isKeyed
        let key = isKeyed ? keyOwner(user) : nil
        if isKeyed && key?.role.mayActAs(hello.role) != true {
            let role = key.map { "\($0.role)" } ?? "nobody"
            return sendRefusal(
                .unauthorised, field: "role",
                message: "a key for the role \(role) is not good for the role \(hello.role)",
                session: hello.session, to: route)
        }
        let event = SessionEvent.helloReceived(
            epoch: hello.epoch, received: hello.received, lowest: hello.lowestVersion,
            highest: hello.highestVersion)
        if let entry = table[hello.session] {
            guard entry.role == hello.role, entry.keyName == key?.name else {
                return sendRefusal(
                    .unauthorised, field: "session",
                    message: "session \(hello.session) belongs to another peer",
                    session: hello.session, to: route)
            }
            takeOver(route, from: entry, now)
            table.move(entry, to: route)
            absorb(event, entry, now)
            spare(entry)
        } else {
            open(hello, event, keyName: key?.name, route, now)
        }
    }

    private func open(
        _ hello: Handshake, _ event: SessionEvent, keyName: String?, _ route: Route, _ now: Instant
    ) {
        guard table.count < configuration.sessionsMax else {
            return sendRefusal(
                .limit, field: "sessions",
                message:
                    "this scheduler serves at most \(configuration.sessionsMax) sessions; try again later",
                session: hello.session, to: route)
        }
        takeOver(route, from: nil, now)
        var policy = SessionPolicy()
        policy.heartbeat = configuration.heartbeat
        if hello.role == .client {
            policy.isPatient = listeners[route.listener].isLocal
            policy.lease = clientLease(asked: hello.fields["lease_ms"]?.unsigned, isLocal: policy.isPatient)
        } else {
            policy.lease = configuration.workerLease
        }
        policy.lowestVersion = ProtocolVersion.lowest
        policy.highestVersion = ProtocolVersion.highest
        let session = Session(
            hello.session, side: .accepting, epoch: configuration.epoch, policy: policy, now: now)
        let entry = table.insert(session, hello: hello, keyName: keyName, route: route)
        absorb(event, entry, now)
        guard !entry.link.session.hasEnded else { return }
        entry.isAnnounced = true
        let words = Hello(role: hello.role, session: hello.session, fields: hello.fields, keyName: keyName)
        events.append(.opened(entry.handle, words))
    }

    /// At least a few heartbeats, whatever a client asks for.
    private func clientLease(asked milliseconds: UInt64?, isLocal: Bool) -> Interval {
        guard let milliseconds else {
            return isLocal
                ? min(configuration.detachedClientLease, configuration.clientLease)
                : configuration.clientLease
        }
        let asked = Interval.milliseconds(Int64(min(milliseconds, UInt64(Int32.max))))
        return min(max(asked, configuration.heartbeat * 3), configuration.clientLeaseMax)
    }

    /// The connection of a client that is let in stays, whether it reads or not.
    func spare(_ entry: AcceptedSession) {
        guard entry.link.session.policy.isPatient, let route = entry.route else { return }
        listeners[route.listener].channel.spare(route.peer, !entry.link.session.hasEnded)
    }

    /// A connection carries one session: another one that used it has lost it.
    private func takeOver(_ route: Route, from entry: AcceptedSession?, _ now: Instant) {
        guard let other = table[route], other !== entry else { return }
        table.move(other, to: nil)
        absorb(.connectionLost, other, now)
    }

    /// The allow-list's words for the key of a connection.
    private func keyOwner(_ user: String?) -> (role: Role, name: String)? {
        guard let user, let space = user.firstIndex(of: " "), let role = Role(name: user[..<space]) else {
            return nil
        }
        return (role, String(user[user.index(after: space)...]))
    }
}
