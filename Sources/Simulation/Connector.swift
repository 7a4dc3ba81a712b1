// The connecting side of a session, as workers and clients have it: connects, says hello, reconnects and
// resumes.

import SessionCore
import TaskModel

final class Connector {
    enum Event {
        case welcomed(resumed: Bool)
        case received([Record])
        case interrupted
        /// The session is over; a new one may be begun. `known`: the scheduler said goodbye.
        case ended(closed: Bool)
    }

    var link: Link
    /// The connection in use.
    private(set) var connection: Int?
    private let node: Int
    private let life: Int
    private var events: [Event] = []

    init(_ id: SessionID, node: Int, life: Int, policy: SessionPolicy, now: Instant) {
        self.node = node
        self.life = life
        link = Link(Session(id, side: .connecting, epoch: Epoch(0), policy: policy, now: now))
        link.absorb(.opened, now: now)
    }

    var id: SessionID { link.session.id }

    /// Takes one frame that has arrived over this connection; what follows from it is appended to `events`.
    func take(
        _ frame: Frame, over connection: Int, now: Instant, world: World, into events: inout [Event]
    ) {
        guard connection == self.connection, frame.session == id else { return }
        let delivers: Bool
        switch frame.kind {
        case .hello: return
        case .welcome(let epoch, let received, let begun, let heartbeat, let lease):
            link.session.policy.heartbeat = heartbeat
            link.session.policy.lease = min(lease, Limits.workerLease)
            let event = SessionEvent.welcomeReceived(
                epoch: epoch, received: received, version: 1, begun: begun)
            delivers = absorb(event, now, world)
        case .refusal(let hello):
            delivers = absorb(.refusalReceived(hello: hello), now, world)
        case .data, .acknowledge, .resend, .goodbye:
            guard let event = frame.event else { return }
            delivers = absorb(event, now, world)
        }
        passOn(&events)
        if delivers { events.append(.received(frame.records)) }
    }

    func connectionLost(_ lost: Int, now: Instant, world: World, into events: inout [Event]) {
        guard lost == connection else { return }
        _ = absorb(.connectionLost, now, world)
        passOn(&events)
    }

    /// Sends what was written and keeps the session alive; at the end of each turn.
    func flush(now: Instant, world: World, into events: inout [Event]) {
        link.closeFrame(now: now)
        link.decide(now: now)
        _ = run(now, world)
        passOn(&events)
        link.session.checkInvariants()
    }

    /// Says goodbye.
    func close(now: Instant, world: World) {
        link.closeFrame(now: now)
        link.absorb(.closeRequested, now: now)
        _ = run(now, world)
        events.removeAll()
    }

    /// Its process is gone. With its machine, nobody is told.
    func vanish(closing: Bool = false, world: World) {
        if let connection, closing || world.random.happens(500) { world.network.close(connection) }
        connection = nil
    }

    private func passOn(_ all: inout [Event]) {
        if events.isEmpty { return }
        all += events
        events.removeAll()
    }

    private func absorb(_ event: SessionEvent, _ now: Instant, _ world: World) -> Bool {
        link.absorb(event, now: now)
        return run(now, world)
    }

    private func run(_ now: Instant, _ world: World) -> Bool {
        var delivers = false
        var next = 0
        while next < link.actions.count {
            let action = link.actions[next]
            world.coverage.count(SessionActionName(action))
            if case .deliver = action { delivers = true } else { perform(action, world) }
            next += 1
        }
        link.actions.removeAll(keepingCapacity: true)
        return delivers
    }

    private func perform(_ action: SessionAction, _ world: World) {
        switch action {
        case .connect:
            if connection == nil { connection = world.network.open(by: node) }
        case .disconnect:
            if let connection { world.network.close(connection) }
            connection = nil
        case .sendHello(let received):
            let hello = Frame.Kind.hello(epoch: link.session.epoch, received: received, life: life)
            send(Frame(session: id, kind: hello), world)
        case .transmit(let number): send(link.dataFrame(number), world)
        case .sendAcknowledge(let last): send(link.acknowledgement(last), world)
        case .sendResend(let first): send(link.resendRequest(first), world)
        case .sendGoodbye: send(link.goodbye(), world)
        case .drop(let number): link.drop(through: number)
        case .established(let resumed): events.append(.welcomed(resumed: resumed))
        case .interrupted: events.append(.interrupted)
        case .blocked, .unblocked: break
        case .ended(let ending):
            link.forgetFrames()
            events.append(.ended(closed: ending == .closed))
        case .deliver, .ask, .sendWelcome, .sendRefusal:
            preconditionFailure("\(action) is not for the connecting side")
        }
    }

    private func send(_ frame: Frame, _ world: World) {
        guard let connection else { return }
        world.network.send(frame, over: connection, toScheduler: true)
    }
}
