import Posix
import TaskModel
internal import ZeroMQ

/// One connection of a connector. A new one is made after each loss, so that nothing stale is left in its
/// queue.
final class Connection {
    let channel: any Channel
    private let kind: Kind
    /// What libzmq reports about its socket; nil for the others.
    private var monitor: SocketMonitor?
    /// The monitor has nothing to report. Nothing is sent to it, so its descriptor tells of the next report.
    private var isMonitorDrained = false
    private var wasMonitorAsked = false

    private enum Kind {
        /// Within this process, where nothing is lost.
        case local
        case unix(UnixDialingChannel)
        case socket(SocketChannel)
    }

    init(to address: Address, keys: PeerKeys?, context: Context) throws(TransportError) {
        do {
            switch address {
            case .inproc(let name):
                channel = try LocalChannel(connectingTo: name, in: context)
                kind = .local
                monitor = nil
            case .ipc(let path):
                guard path.utf8.count <= UnixListener.pathBytesMax else {
                    throw TransportError(
                        "\(address) is too long: a path has at most \(UnixListener.pathBytesMax) bytes")
                }
                let made = try UnixDialingChannel(to: path)
                channel = made
                kind = .unix(made)
                monitor = nil
            case .tcp:
                let made = try SocketChannel(.dealer, in: context)
                try Self.configure(made.socket, for: address, keys)
                let name = "\(randomUInt64())"
                monitor = try SocketMonitor(of: made.socket, name: name, context: context)
                channel = made
                kind = .socket(made)
                try made.socket.connect(address.description)
            }
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError("cannot connect to \(address): \(error)")
        }
    }

    deinit {
        if case .socket(let socket) = kind { monitor?.stop(socket.socket) }
    }

    private static func configure(
        _ socket: borrowing Socket, for address: Address, _ keys: PeerKeys?
    ) throws {
        try socket.set(.linger, 0)
        // What is not acknowledged is bounded by the session; nothing may be dropped below it.
        try socket.set(.sendHighWaterMark, 0)
        try socket.set(.receiveHighWaterMark, Int32(Limits.unacknowledgedFramesMax))
        try socket.set(.handshakeInterval, Int32(Limits.handshakeTimeout.nanoseconds / 1_000_000))
        try socket.set(.reconnectInterval, Int32(Limits.reconnectDelayMin.nanoseconds / 1_000_000))
        try socket.set(.reconnectIntervalMax, Int32(Limits.reconnectDelayMax.nanoseconds / 1_000_000))
        try socket.setMessageBytesMax(Limits.payloadBytesMax)
        guard case .tcp(let host, _) = address else { return }
        guard let keys else {
            throw TransportError("\(address) needs a key file: tcp is never spoken without keys")
        }
        try socket.set(.ipv6, host.contains(":") ? 1 : 0)
        try socket.set(.curveServerKey, keys.scheduler)
        try socket.set(.curvePublicKey, keys.pair.publicKey)
        try socket.set(.curveSecretKey, keys.pair.secretKey)
    }

    /// To be polled, and to be let go of before the connection ends.
    var descriptors: [Int32] {
        var descriptors = [channel.descriptor]
        if let descriptor = monitor?.descriptor { descriptors.append(descriptor) }
        return descriptors
    }

    /// Something is waiting of which the descriptors may say nothing.
    var hasInput: Bool {
        if channel.hasInput { return true }
        return !isMonitorDrained && monitor?.hasInput == true
    }

    /// It has ended for good; libzmq's own try again.
    var isOver: Bool {
        switch kind {
        case .local, .socket: false
        case .unix(let channel): channel.isOver
        }
    }

    /// What has become of the connection; nil: nothing new when this turn last looked.
    func nextReport() -> ConnectionReport? {
        switch kind {
        case .local: nil
        case .unix(let channel): channel.takeReport()
        case .socket: askMonitor()
        }
    }

    private func askMonitor() -> ConnectionReport? {
        if wasMonitorAsked { return nil }
        if let event = monitor?.next() {
            switch event {
            case .connected: return .connected
            case .disconnected: return .lost
            case .retried: return .unanswered(nil)
            case .keyRefused: return .keyRefused
            case .handshakeFailed: return .handshakeFailed
            case .acceptFailed: return nil
            }
        }
        isMonitorDrained = true
        wasMonitorAsked = true
        return nil
    }

    func endTurn(now: Instant) {
        wasMonitorAsked = false
        channel.endTurn(now: now)
    }

    /// Gives a last frame time to leave before the connection is closed.
    func linger() {
        switch kind {
        case .local: return
        case .unix(let channel): channel.linger()
        case .socket(let channel):
            // Fails for a closed socket only, and this one is open.
            try? channel.socket.set(.linger, Int32(Limits.goodbyeLinger.nanoseconds / 1_000_000))
        }
    }
}
