internal import CZeroMQ

/// One libzmq instance: its IO thread and the names of `inproc` addresses. Its sockets keep it alive.
@safe package final class Context: Sendable {
    // libzmq documents a context as safe to use from any thread, and nothing here changes the pointer.
    nonisolated(unsafe) let pointer: UnsafeMutableRawPointer

    /// `socketsMax` counts sockets, not connections: a listening socket serves any number of peers.
    package init(socketsMax: Int32 = 1_023) {
        guard let pointer = unsafe zmq_ctx_new() else { preconditionFailure("libzmq: no memory") }
        unsafe self.pointer = unsafe pointer
        unsafe zmq_ctx_set(pointer, ZMQ_MAX_SOCKETS, socketsMax)
        // What is still unsent when a socket closes is dropped, unless the socket asked for time.
        unsafe zmq_ctx_set(pointer, ZMQ_BLOCKY, 0)
    }

    deinit { unsafe zmq_ctx_term(pointer) }
}

/// A CURVE key pair, each key as 40 characters of Z85.
package func makeCurveKeyPair() throws(ZeroMQError) -> (publicKey: String, secretKey: String) {
    var publicKey = [CChar](repeating: 0, count: 41)
    var secretKey = [CChar](repeating: 0, count: 41)
    guard unsafe zmq_curve_keypair(&publicKey, &secretKey) == 0 else {
        throw ZeroMQError("zmq_curve_keypair")
    }
    return (text(publicKey), text(secretKey))
}

/// The public key that belongs to a secret one; nil if it is not a key.
package func curvePublicKey(ofSecret secret: String) -> String? {
    var publicKey = [CChar](repeating: 0, count: 41)
    guard secret.utf8.count == 40, unsafe zmq_curve_public(&publicKey, secret) == 0 else { return nil }
    return text(publicKey)
}

/// The 40 characters of Z85 that stand for the 32 bytes of a key.
package func z85(_ bytes: [UInt8]) -> String {
    precondition(bytes.count == 32, "a CURVE key has 32 bytes")
    var key = [CChar](repeating: 0, count: 41)
    unsafe zmq_z85_encode(&key, bytes, bytes.count)
    return text(key)
}

private func text(_ key: [CChar]) -> String {
    String(decoding: key.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
