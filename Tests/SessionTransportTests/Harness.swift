import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

/// A scheduler's acceptor and any number of peers, turned by the test itself in one thread.
final class Harness {
    let acceptor: Acceptor
    var peers: [Peer] = []
    /// What the acceptor has told, except for frames.
    var opened: [(handle: SessionHandle, hello: Hello)] = []
    var resumed: [SessionHandle] = []
    var lost: [SessionHandle] = []
    var troubles: [DoorTrouble] = []
    var closed: [SessionHandle] = []
    var received: [(handle: SessionHandle, frame: ReceivedFrame)] = []
    /// The scheduler's answer to a new session.
    var answer: (Harness, SessionHandle) -> Void = { harness, handle in
        harness.acceptor.welcome(handle, fields: [Field("tasks", .unsigned(7))], now: MonotonicClock.now)
    }
    /// Called at each turn, between taking and flushing.
    var everyTurn: (Harness) -> Void = { _ in }

    init(_ configuration: AcceptorConfiguration, context: Context = Context()) throws {
        acceptor = try Acceptor(configuration, context: context)
    }

    @discardableResult func join(_ peer: Peer) -> Peer {
        peers.append(peer)
        return peer
    }

    func turn() {
        while let event = acceptor.next(now: MonotonicClock.now) {
            switch event {
            case .opened(let handle, let hello):
                opened.append((handle, hello))
                answer(self, handle)
            case .received(let handle, let frame): received.append((handle, frame))
            case .resumed(let handle): resumed.append(handle)
            case .unblocked: break
            case .troubled(let trouble): troubles.append(trouble)
            case .lost(let handle): lost.append(handle)
            case .closed(let handle): closed.append(handle)
            }
        }
        for peer in peers { peer.take() }
        everyTurn(self)
        acceptor.flush(now: MonotonicClock.now)
        for peer in peers { peer.connector.flush(now: MonotonicClock.now) }
    }

    /// Turns until the condition holds, or fails the test after the deadline.
    func until(
        seconds: Int64 = 20, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () -> Bool
    ) throws {
        let deadline = MonotonicClock.now + .seconds(seconds)
        var poller = try Poller()
        try poller.watch(acceptor.pollDescriptor, token: 0)
        for peer in peers { try poller.watch(peer.connector.pollDescriptor, token: 1) }
        while !condition() {
            turn()
            let now = MonotonicClock.now
            try #require(now < deadline, what, sourceLocation: sourceLocation)
            let next = peers.map(\.connector.wakeUp).reduce(acceptor.wakeUp, min)
            _ = try poller.wait(until: min(next, now + .milliseconds(20)), now: now)
        }
    }

    /// Turns for a while: for what must not happen.
    func turn(milliseconds: Int64) throws {
        let end = MonotonicClock.now + .milliseconds(milliseconds)
        try until("time passes") { MonotonicClock.now >= end }
    }
}

/// A connector and what it has told.
final class Peer {
    let connector: Connector
    var welcomes: [(welcome: Welcome, resumed: Bool)] = []
    var refusals: [Refusal] = []
    var received: [ReceivedFrame] = []
    var interruptions = 0
    var isClosed = false

    init(
        _ configuration: ConnectorConfiguration, context: Context,
        session: SessionID = SessionID(randomUInt64())
    ) throws {
        connector = try Connector(configuration, session: session, context: context, now: MonotonicClock.now)
    }

    convenience init(
        _ address: Address, keys: PeerKeys? = nil, role: Role = .client, context: Context,
        session: SessionID = SessionID(randomUInt64())
    ) throws {
        let configuration = ConnectorConfiguration(
            address: address, keys: keys, role: role, fields: [Field("name", .string("peer"))])
        try self.init(configuration, context: context, session: session)
    }

    var isWelcome: Bool { !welcomes.isEmpty }

    func take() {
        while let event = connector.next(now: MonotonicClock.now) {
            switch event {
            case .welcomed(let welcome, let resumed): welcomes.append((welcome, resumed))
            case .received(let frame): received.append(frame)
            case .interrupted: interruptions += 1
            case .unblocked: break
            case .refused(let refusal): refusals.append(refusal)
            case .closed: isClosed = true
            }
        }
    }
}

extension OutgoingLink {
    /// A record that carries one number.
    func say(_ number: UInt64) {
        beginRecord(.accepted)
        writer.uint64(number)
        endRecord()
    }
}

extension ReceivedFrame {
    /// The numbers of its records.
    func numbers() throws -> [UInt64] {
        try withBytes(of: 0) { bytes in
            var numbers: [UInt64] = []
            var reader = ByteReader(bytes, at: FrameHeader.bytes)
            for _ in 0..<header.records {
                let record = try reader.record(attachmentsBefore: 0)
                var body = ByteReader(bytes, at: record.bodyStart)
                numbers.append(try body.uint64("number"))
            }
            return numbers
        }
    }
}

/// A folder of mode 0700 that is gone after the test.
final class ScratchFolder {
    let path: String

    init() throws {
        path = "/tmp/isthmus-test-\(String(randomUInt64(), radix: 16))"
        try makePrivateDirectory(path)
    }

    deinit { removeTree(path) }
}
