import Synchronization
import TaskModel
internal import ZeroMQ

/// An `inproc` name: where its listener and its peers meet, whoever comes first.
final class LocalPort: Sendable {
    /// What one end may leave unread. A session ends or blocks before; what does not fit is repeated by it.
    static let lettersMax = Limits.unacknowledgedFramesMax * 2

    private struct Peers {
        var inboxes: [UInt32: Mailbox<LocalLetter>] = [:]
        var last: UInt32 = 0
        var isListening = false
    }

    /// The listener's.
    let inbox: Mailbox<LocalLetter>
    private let name: String
    /// Kept alive, for the port is found by it.
    private let context: Context
    private let peers = Mutex(Peers())

    init(_ name: String, in context: Context) throws(TransportError) {
        self.name = name
        self.context = context
        inbox = try Mailbox(capacity: Self.lettersMax)
    }

    func listen() throws(TransportError) {
        let isFree = peers.withLock { peers in
            defer { peers.isListening = true }
            return !peers.isListening
        }
        guard isFree else { throw TransportError("cannot listen at inproc://\(name): the name is in use") }
    }

    func stopListening() { peers.withLock { $0.isListening = false } }

    /// The number of a new peer.
    func join(_ inbox: Mailbox<LocalLetter>) -> UInt32 {
        peers.withLock { peers in
            peers.last += 1
            peers.inboxes[peers.last] = inbox
            return peers.last
        }
    }

    func leave(_ number: UInt32) { peers.withLock { $0.inboxes[number] = nil } }

    func inbox(of number: UInt32) -> Mailbox<LocalLetter>? { peers.withLock { $0.inboxes[number] } }
}

/// The names that are in use, in each context.
enum LocalPorts {
    private struct Key: Hashable {
        let context: ObjectIdentifier
        let name: String
    }

    private struct Entry {
        weak var port: LocalPort?
    }

    private static let ports = Mutex<[Key: Entry]>([:])

    /// The port of this name; it lives as long as one of its ends.
    static func port(_ name: String, in context: Context) throws(TransportError) -> LocalPort {
        let key = Key(context: ObjectIdentifier(context), name: name)
        return try ports.withLock { ports throws(TransportError) in
            if let port = ports[key]?.port { return port }
            let port = try LocalPort(name, in: context)
            ports = ports.filter { $0.value.port != nil }
            ports[key] = Entry(port: port)
            return port
        }
    }
}
