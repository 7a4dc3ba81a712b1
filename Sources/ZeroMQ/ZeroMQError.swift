internal import CZeroMQ

/// A call of libzmq that failed.
package struct ZeroMQError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was attempted, with the address or option it was attempted on.
    package let operation: String
    package let code: Int32

    /// Of the call that just failed on this thread.
    init(_ operation: String) {
        self.operation = operation
        code = zmq_errno()
    }

    package var description: String {
        unsafe "\(operation): \(String(cString: zmq_strerror(code)))"
    }
}
