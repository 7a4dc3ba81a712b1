import Posix
internal import SessionCore
package import TaskModel
package import Wire
package import ZeroMQ

/// The scheduler's side of all sessions, on any number of addresses.
///
/// A turn of the loop: poll `pollDescriptor` until `wakeUp`; call `next` until it returns nil; write records
/// into the links of sessions; `flush`. Belongs to one thread. A handle that is void is ignored.
package final class Acceptor {
    let configuration: AcceptorConfiguration
    let listeners: [Listener]
    var table = SessionTable()
    var events = EventQueue<AcceptorEvent>()
    var sender = FrameSender()
    var actions: [SessionAction] = []
    var tally = AcceptorCounters()

    private var authenticator: Authenticator?
    private let poller: Poller
    private let reserve = DescriptorReserve()
    var turn = TurnBudget()
    /// The first instant at which a session may need `decide`.
    private var scanDue = Instant.distantFuture
    /// Until then no lease runs out: the loop itself was not looking.
    private var mercyUntil = Instant.origin
    private var plannedTurn = Instant.distantFuture

    /// Binds all addresses, after the allow-list is in place.
    package init(_ configuration: AcceptorConfiguration, context: Context) throws(TransportError) {
        self.configuration = configuration
        var authenticator: Authenticator?
        if let keys = configuration.keys {
            authenticator = try Authenticator(keys.authorized, context: context)
        }
        var listeners: [Listener] = []
        for address in configuration.addresses {
            listeners.append(try Listener(at: address, configuration, context: context))
        }
        do {
            let poller = try Poller()
            for descriptor in listeners.flatMap(\.descriptors) { try poller.watch(descriptor, token: 0) }
            if let descriptor = authenticator?.descriptor { try poller.watch(descriptor, token: 1) }
            self.poller = poller
        } catch {
            throw TransportError("the scheduler cannot wait for its sockets: \(error)")
        }
        self.listeners = listeners
        self.authenticator = authenticator
    }

    /// The addresses as bound: a tcp port 0 is replaced by the one that the system chose.
    package var addresses: [Address] { listeners.map(\.address) }

    /// Readable when there is something to do. The same number for the life of the acceptor.
    package var pollDescriptor: Int32 { poller.rawValue }

    /// When the loop must turn again even if nothing arrives: in the past if input is already waiting.
    package var wakeUp: Instant {
        if !events.isEmpty || authenticator?.hasInput == true { return .origin }
        var due = scanDue
        for listener in listeners {
            if listener.channel.hasInput { return .origin }
            due = min(due, listener.wakeUp)
        }
        return due
    }

    /// The next thing that happened. nil when all that was waiting has been taken, or when one turn has
    /// taken enough (then `wakeUp` is in the past).
    package func next(now: Instant) -> AcceptorEvent? {
        noticeStall(now)
        while true {
            if let event = events.take() { return event }
            if let event = receive(now) { return event }
            if events.isEmpty { return nil }
        }
    }

    /// Lets a session in. `heartbeat_ms`, `lease_ms` and `resumed` are added to the fields.
    package func welcome(_ session: SessionHandle, fields: [Field], now: Instant) {
        guard let entry = table[session] else { return }
        entry.grantedFields = fields
        absorb(.granted, entry, now)
        spare(entry)
    }

    /// Turns a session away, at its hello or later (a malformed record); its handle is void afterwards.
    package func refuse(
        _ session: SessionHandle, _ code: RefusalCode, field: String, message: String, now: Instant
    ) {
        guard let entry = table[session] else { return }
        entry.isAnnounced = false
        sendRefusal(code, field: field, message: message, session: entry.link.session.id, to: entry.route)
        absorb(.turnedAway, entry, now)
    }

    /// Where records for a session are written; nil if the handle is void.
    package func link(_ session: SessionHandle) -> OutgoingLink? { table[session]?.link }

    /// Sends what was written to all links, acknowledges, looks after leases. At the end of each turn.
    package func flush(now: Instant) {
        authenticator?.answer()
        for origin in authenticator?.takeStrangers() ?? [] {
            events.append(.troubled(.unknownKey(from: origin)))
        }
        // By index: nothing is written while frames go out, but sessions may end.
        for place in table.touched.places {
            guard let entry = table.at(place), entry.link.isTouched else { continue }
            flush(entry, now)
        }
        table.touched.places.removeAll(keepingCapacity: true)
        if now >= scanDue && turn.hasRoom { scan(now) }
        for listener in listeners {
            listener.endTurn(now: now, reserve) { trouble in
                if case .handshakeFailed = trouble { tally.unauthorised += 1 }
                events.append(.troubled(trouble))
            }
        }
        turn = TurnBudget()
        plannedTurn = scanDue
    }

    /// Says goodbye to one session; its handle is void afterwards.
    package func close(_ session: SessionHandle, now: Instant) {
        guard let entry = table[session] else { return }
        flush(entry, now)
        entry.isAnnounced = false
        absorb(.closeRequested, entry, now)
    }

    package var counters: AcceptorCounters {
        var counters = tally
        counters.framesSent = sender.sent
        counters.unauthorised += authenticator?.refused ?? 0
        return counters
    }

    // MARK: Turns

    private func flush(_ entry: AcceptedSession, _ now: Instant) {
        let link = entry.link
        link.closeFrame()
        link.isTouched = false
        for frame in link.closed where !link.session.hasEnded {
            link.kept.append(frame)
            absorb(.frameClosed(bytes: frame.bytes), entry, now)
        }
        link.closed.removeAll(keepingCapacity: true)
    }

    /// A loop that did not turn when it should have (a stopped process, a paused machine) knows nothing of
    /// its peers' silence: their frames may still be in the kernel.
    private func noticeStall(_ now: Instant) {
        guard plannedTurn != .distantFuture else { return }
        if now > plannedTurn + configuration.heartbeat { mercyUntil = now + configuration.heartbeat * 2 }
        plannedTurn = .distantFuture
    }

    private func scan(_ now: Instant) {
        scanDue = .distantFuture
        for place in table.places {
            guard let entry = table.at(place) else { continue }
            if entry.link.session.wakeUp <= now {
                if entry.link.session.leaseEnd <= now && now < mercyUntil {
                    scanDue = min(scanDue, mercyUntil)
                    continue
                }
                entry.link.session.decide(now: now, into: &actions)
                run(entry, now)
            }
            scanDue = min(scanDue, entry.link.session.wakeUp)
        }
    }

    /// Gives one fact to a session's core and does what it asks for.
    /// True if the frame that the fact stands for is to be delivered.
    @discardableResult func absorb(_ event: SessionEvent, _ entry: AcceptedSession, _ now: Instant) -> Bool {
        entry.link.session.absorb(event, now: now, into: &actions)
        let delivers = run(entry, now)
        scanDue = min(scanDue, entry.link.session.wakeUp)
        return delivers
    }
}

/// What a loop may take before it has to decide and send.
struct TurnBudget {
    private var frames = 0
    private var bytes = 0

    var hasRoom: Bool { frames < Limits.framesPerTurnMax && bytes < Limits.frameBytesPerTurnMax }

    mutating func took(bytes count: Int) {
        frames += 1
        bytes += count
    }
}
