internal import CZeroMQ

/// Reports what happens to the connections of a socket.
package struct SocketMonitor: ~Copyable {
    package enum Event: Hashable, Sendable {
        case connected
        case disconnected
        /// Nobody listens there; libzmq tries again.
        case retried
        /// The other side refused the key.
        case keyRefused
        /// The connection ended before its handshake was over: the other side is not who it should be, or
        /// has another scheduler's key, or none.
        case handshakeFailed
        /// The system does not open another connection: no descriptor is left.
        case acceptFailed
    }

    private let events: Socket
    private var part = Message()

    /// `name` must be unique in the context.
    package init(of socket: borrowing Socket, name: String, context: Context) throws(ZeroMQError) {
        let address = "inproc://monitor-\(name)"
        let wanted =
            ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED
            | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_ACCEPT_FAILED
        guard unsafe zmq_socket_monitor(socket.pointer, address, wanted) == 0 else {
            throw ZeroMQError("monitor \(name)")
        }
        let events = try Socket(.pair, in: context)
        try events.set(.linger, 0)
        // libzmq's IO thread, which all sockets share, would wait for a reader that falls behind.
        try events.set(.receiveHighWaterMark, 0)
        try events.connect(address)
        self.events = events
    }

    /// Must be called before this monitor or its socket ends: libzmq's IO thread, which all sockets of the
    /// context share, waits for ever when it reports to a monitor that nobody reads any more.
    package func stop(_ socket: borrowing Socket) {
        unsafe zmq_socket_monitor(socket.pointer, nil, 0)
    }

    package var descriptor: Int32 { events.descriptor }

    package var hasInput: Bool { events.hasInput }

    package mutating func next() -> Event? {
        while events.receive(into: &part) {
            let code = part.withBytes { bytes in
                bytes.byteCount < 2 ? 0 : unsafe bytes.unsafeLoadUnaligned(as: UInt16.self)
            }
            while part.hasMore, events.receive(into: &part) {}
            switch Int32(code) {
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .connected
            case ZMQ_EVENT_DISCONNECTED: return .disconnected
            case ZMQ_EVENT_CONNECT_RETRIED: return .retried
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .keyRefused
            case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                return .handshakeFailed
            case ZMQ_EVENT_ACCEPT_FAILED: return .acceptFailed
            default: continue
            }
        }
        return nil
    }
}
