import Posix
import TaskModel
internal import ZeroMQ

/// What an operator should know of the door.
package enum DoorTrouble: Hashable, Sendable {
    /// A peer with a key that is not on the list.
    case unknownKey(from: String)
    /// A peer that does not know this scheduler's key, or does not speak the protocol.
    case handshakeFailed(at: String)
    /// No descriptor is left: nobody new is let in for a while.
    case noDescriptors(at: String)
}

/// A listening socket of the scheduler.
final class Listener {
    let channel: any Channel
    let address: Address
    /// Every peer here was admitted by the allow-list.
    let isKeyed: Bool
    /// The kernel ends a connection with the process at its other end.
    let isLocal: Bool
    private let path: ListeningPath?
    private let keyed: KeyedListener?

    /// The allow-list must be in place before, for a peer may connect at once.
    init(
        at address: Address, _ configuration: AcceptorConfiguration, context: Context
    ) throws(TransportError) {
        var claimed: ListeningPath?
        var keyed: KeyedListener?
        do {
            switch address {
            case .inproc(let name):
                channel = try LocalChannel(listeningAt: name, in: context)
                isKeyed = false
                isLocal = false
                self.address = address
            case .ipc(let file):
                guard let slash = file.lastIndex(of: "/"), slash > file.startIndex else {
                    throw TransportError("\(address) is not in a directory of its own")
                }
                try makePrivateDirectory(String(file[..<slash]))
                claimed = try ListeningPath(claiming: file)
                channel = try UnixAcceptingChannel(listeningAt: file, configuration)
                isKeyed = false
                isLocal = true
                self.address = address
            case .tcp:
                let made = try SocketChannel(.router, in: context)
                try Self.configure(made.socket, for: address, configuration)
                try made.socket.bind(address.description)
                channel = made
                keyed = try KeyedListener(made, context: context)
                isKeyed = true
                isLocal = false
                self.address = try Address(made.socket.lastEndpoint)
            }
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError("cannot listen at \(address): \(error)")
        }
        path = claimed
        self.keyed = keyed
    }

    /// At the end of a turn. Tells what has happened at the door since the last one.
    func endTurn(now: Instant, _ reserve: DescriptorReserve, _ tell: (DoorTrouble) -> Void) {
        keyed?.endTurn(now: now, reserve, tell)
        channel.endTurn(now: now)
        if let unix = channel as? UnixAcceptingChannel, unix.rest(reserve) {
            tell(.noDescriptors(at: address.description))
        }
    }

    var wakeUp: Instant { min(channel.wakeUp, keyed?.wakeUp ?? .distantFuture) }

    var descriptors: [Int32] { [channel.descriptor] + (keyed.map { [$0.descriptor] } ?? []) }

    private static func configure(
        _ socket: borrowing Socket, for address: Address, _ configuration: AcceptorConfiguration
    ) throws {
        guard let keys = configuration.keys else {
            throw TransportError("\(address) needs keys: make a folder of them with `isthmus keys`")
        }
        try socket.set(.linger, Int32(Limits.goodbyeLinger.nanoseconds / 1_000_000))
        try socket.set(.routerMandatory, 1)
        // Twice what a session may have unacknowledged: reached only by a peer that never reads, and then
        // its session has ended before. Nothing is lost by it, since sessions keep what they send.
        try socket.set(.sendHighWaterMark, Int32(Limits.unacknowledgedFramesMax * 2))
        // Beyond this the connection itself slows its peer down.
        try socket.set(.receiveHighWaterMark, Int32(Limits.unacknowledgedFramesMax))
        try socket.set(.handshakeInterval, Int32(configuration.handshakeTimeout.nanoseconds / 1_000_000))
        try socket.set(.heartbeatInterval, Int32(Limits.connectionHeartbeat.nanoseconds / 1_000_000))
        try socket.set(.heartbeatTimeout, Int32(Limits.connectionHeartbeat.nanoseconds / 1_000_000 * 3))
        try socket.set(.backlog, Int32(Limits.connectionBacklog))
        try socket.setMessageBytesMax(Limits.payloadBytesMax)
        if case .tcp(let host, _) = address { try socket.set(.ipv6, host.contains(":") ? 1 : 0) }
        try socket.set(.zapDomain, "isthmus")
        try socket.set(.curveServer, 1)
        try socket.set(.curveSecretKey, keys.pair.secretKey)
    }
}
