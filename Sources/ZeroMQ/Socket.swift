internal import CZeroMQ

/// Owns a ZeroMQ socket. It belongs to one thread at a time. Nothing here blocks.
@safe package struct Socket: ~Copyable {
    package enum Kind: Sendable {
        case dealer, router, reply, pair

        var code: Int32 {
            switch self {
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            case .reply: ZMQ_REP
            case .pair: ZMQ_PAIR
            }
        }
    }

    /// What became of a message that was given to `send`.
    package enum Sent: Hashable, Sendable {
        case sent
        /// The high-water mark is reached.
        case wouldBlock
        /// A router knows no such peer (any more).
        case unreachable
    }

    let pointer: UnsafeMutableRawPointer
    private let context: Context

    package init(_ kind: Kind, in context: Context) throws(ZeroMQError) {
        guard let pointer = unsafe zmq_socket(context.pointer, kind.code) else {
            throw ZeroMQError("zmq_socket(\(kind))")
        }
        unsafe self.pointer = unsafe pointer
        self.context = context
    }

    deinit { unsafe zmq_close(pointer) }

    package func bind(_ address: String) throws(ZeroMQError) {
        guard unsafe zmq_bind(pointer, address) == 0 else { throw ZeroMQError("bind to \(address)") }
    }

    /// Accepts no more connections there; those that are there go on.
    package func unbind(_ address: String) throws(ZeroMQError) {
        guard unsafe zmq_unbind(pointer, address) == 0 else { throw ZeroMQError("unbind \(address)") }
    }

    package func connect(_ address: String) throws(ZeroMQError) {
        guard unsafe zmq_connect(pointer, address) == 0 else { throw ZeroMQError("connect to \(address)") }
    }

    /// Takes the next message part, if one is waiting.
    package func receive(into message: inout Message) -> Bool {
        while unsafe zmq_msg_recv(message.pointer, pointer, ZMQ_DONTWAIT) < 0 {
            let code = zmq_errno()
            if code == EAGAIN { return false }
            // What is left is a socket that is closed or used by two threads at once.
            precondition(code == EINTR, ZeroMQError("zmq_msg_recv").description)
        }
        return true
    }

    /// Hands a message part over; it is empty afterwards, unless it could not be sent.
    package func send(_ message: inout Message, more: Bool) -> Sent {
        let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
        while unsafe zmq_msg_send(message.pointer, pointer, flags) < 0 {
            let code = zmq_errno()
            if code == EAGAIN { return .wouldBlock }
            if code == EHOSTUNREACH { return .unreachable }
            precondition(code == EINTR, ZeroMQError("zmq_msg_send").description)
        }
        return .sent
    }

    /// A message part is waiting. Asking also re-arms `descriptor`.
    package var hasInput: Bool { integer(ZMQ_EVENTS) & ZMQ_POLLIN != 0 }

    /// Becomes readable when something has changed; then, and after every send, ask `hasInput`, for it does
    /// not stay readable until all input is taken.
    package var descriptor: Int32 { integer(ZMQ_FD) }

    /// The address last bound or connected to, with the port that the system chose.
    package var lastEndpoint: String {
        var bytes = [CChar](repeating: 0, count: 1_024)
        var count = bytes.count
        guard unsafe zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, &bytes, &count) == 0 else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func integer(_ option: Int32) -> Int32 {
        var value: Int32 = 0
        var size = MemoryLayout<Int32>.size
        let code = unsafe zmq_getsockopt(pointer, option, &value, &size)
        precondition(code == 0, "zmq_getsockopt(\(option)) fails on an open socket")
        return value
    }
}
