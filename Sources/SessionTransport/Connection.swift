import Posix
import TaskModel
internal import ZeroMQ

/// One connection of a connector. A new one is made after each loss, so that nothing stale is left in its
/// queue.
final class Connection {
    let channel: any Channel
    /// What libzmq reports about its socket; nil within this process, where nothing is lost.
    private var monitor: SocketMonitor?
    private let socket: SocketChannel?
    /// The monitor has nothing to report. Nothing is sent to it, so its descriptor tells of the next report.
    private var isMonitorDrained = false
    private var wasMonitorAsked = false

    init(to address: Address, keys: PeerKeys?, context: Context) throws(TransportError) {
        if case .inproc(let name) = address {
            channel = try LocalChannel(connectingTo: name, in: context)
            socket = nil
            monitor = nil
            return
        }
        do {
            let made = try SocketChannel(.dealer, in: context)
            try Self.configure(made.socket, for: address, keys)
            let name = "\(randomUInt64())"
            monitor = try SocketMonitor(of: made.socket, name: name, context: context)
            socket = made
            channel = made
            try made.socket.connect(address.description)
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError("cannot connect to \(address): \(error)")
        }
    }

    deinit {
        if let socket { monitor?.stop(socket.socket) }
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

    /// What has become of the connection; nil: nothing new when this turn last looked.
    func nextReport() -> SocketMonitor.Event? {
        if wasMonitorAsked { return nil }
        if let report = monitor?.next() { return report }
        isMonitorDrained = true
        wasMonitorAsked = true
        return nil
    }

    func endTurn() {
        wasMonitorAsked = false
        channel.endTurn()
    }

    /// Gives a last frame time to leave after the socket was closed.
    func linger() {
        // Fails for a closed socket only, and this one is open.
        try? socket?.socket.set(.linger, Int32(Limits.goodbyeLinger.nanoseconds / 1_000_000))
    }
}
