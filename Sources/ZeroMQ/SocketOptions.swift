internal import CZeroMQ

extension Socket {
    package enum IntegerOption: Sendable {
        /// Milliseconds that unsent messages live on after the socket was closed.
        case linger
        /// Messages queued per peer; 0: no bound.
        case sendHighWaterMark, receiveHighWaterMark
        /// 1: a router reports a peer that it does not know, instead of dropping in silence.
        case routerMandatory
        /// Milliseconds from connecting to the end of libzmq's own handshake.
        case handshakeInterval
        /// Milliseconds; the delay doubles from the first to the second.
        case reconnectInterval, reconnectIntervalMax
        /// Milliseconds between libzmq's own pings, and until a silent connection is dropped.
        case heartbeatInterval, heartbeatTimeout
        /// Connections that wait to be accepted.
        case backlog
        case ipv6
        /// 1: this side holds the CURVE server key.
        case curveServer

        var code: Int32 {
            switch self {
            case .linger: ZMQ_LINGER
            case .sendHighWaterMark: ZMQ_SNDHWM
            case .receiveHighWaterMark: ZMQ_RCVHWM
            case .routerMandatory: ZMQ_ROUTER_MANDATORY
            case .handshakeInterval: ZMQ_HANDSHAKE_IVL
            case .reconnectInterval: ZMQ_RECONNECT_IVL
            case .reconnectIntervalMax: ZMQ_RECONNECT_IVL_MAX
            case .heartbeatInterval: ZMQ_HEARTBEAT_IVL
            case .heartbeatTimeout: ZMQ_HEARTBEAT_TIMEOUT
            case .backlog: ZMQ_BACKLOG
            case .ipv6: ZMQ_IPV6
            case .curveServer: ZMQ_CURVE_SERVER
            }
        }
    }

    package enum TextOption: Sendable {
        /// Keys as 40 characters of Z85.
        case curvePublicKey, curveSecretKey, curveServerKey
        /// With a domain set, every connection is put before the allow-list.
        case zapDomain

        var code: Int32 {
            switch self {
            case .curvePublicKey: ZMQ_CURVE_PUBLICKEY
            case .curveSecretKey: ZMQ_CURVE_SECRETKEY
            case .curveServerKey: ZMQ_CURVE_SERVERKEY
            case .zapDomain: ZMQ_ZAP_DOMAIN
            }
        }
    }

    /// To be called before `bind` or `connect`.
    package func set(_ option: IntegerOption, _ value: Int32) throws(ZeroMQError) {
        let code = unsafe withUnsafeBytes(of: value) { bytes in
            unsafe zmq_setsockopt(pointer, option.code, bytes.baseAddress, bytes.count)
        }
        guard code == 0 else { throw ZeroMQError("set \(option) to \(value)") }
    }

    /// To be called before `bind` or `connect`. The value is never part of an error: it may be a key.
    package func set(_ option: TextOption, _ value: String) throws(ZeroMQError) {
        guard unsafe zmq_setsockopt(pointer, option.code, value, value.utf8.count) == 0 else {
            throw ZeroMQError("set \(option)")
        }
    }

    /// The largest part that is accepted; a peer that sends a larger one is disconnected.
    package func setMessageBytesMax(_ bytes: Int) throws(ZeroMQError) {
        let code = unsafe withUnsafeBytes(of: Int64(bytes)) { value in
            unsafe zmq_setsockopt(pointer, ZMQ_MAXMSGSIZE, value.baseAddress, value.count)
        }
        guard code == 0 else { throw ZeroMQError("set the largest message to \(bytes) bytes") }
    }
}
