internal import CZeroMQ

/// Owns one message part.
///
/// The `zmq_msg_t` lies on the heap, because libzmq keeps short messages inside of it: their bytes must not
/// move while they are lent out.
@safe package struct Message: ~Copyable {
    let pointer: UnsafeMutablePointer<zmq_msg_t>

    /// An empty message, to receive into or to send.
    package init() {
        unsafe pointer = .allocate(capacity: 1)
        _ = unsafe zmq_msg_init(pointer)
    }

    /// A message with a copy of some bytes.
    package init(copying bytes: [UInt8]) {
        unsafe self.init(copying: bytes.count) { unsafe $0.copyBytes(from: bytes) }
    }

    /// A message of so many bytes that are still to be written; nil if there is no memory for it.
    package init?(count: Int) {
        unsafe pointer = .allocate(capacity: 1)
        guard unsafe zmq_msg_init_size(pointer, count) == 0 else {
            // Closing needs a message.
            _ = unsafe zmq_msg_init(pointer)
            return nil
        }
    }

    private init(copying count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        unsafe pointer = .allocate(capacity: 1)
        guard unsafe zmq_msg_init_size(pointer, count) == 0 else {
            preconditionFailure("libzmq: no memory for a message of \(count) bytes")
        }
        unsafe fill(UnsafeMutableRawBufferPointer(start: zmq_msg_data(pointer), count: count))
    }

    /// A message that shares the bytes of an array instead of copying them.
    package init(sharing bytes: [UInt8]) {
        unsafe pointer = .allocate(capacity: 1)
        let box = unsafe Unmanaged.passRetained(SharedBytes(bytes))
        let code = unsafe bytes.withUnsafeBytes { source in
            // The box keeps the array's storage alive and, being its co-owner, unchanged and in its place.
            unsafe zmq_msg_init_data(
                pointer, UnsafeMutableRawPointer(mutating: source.baseAddress), source.count,
                { _, hint in unsafe Unmanaged<SharedBytes>.fromOpaque(hint!).release() }, box.toOpaque())
        }
        guard code == 0 else { preconditionFailure("libzmq: no memory") }
    }

    deinit {
        unsafe zmq_msg_close(pointer)
        unsafe pointer.deallocate()
    }

    package var count: Int { unsafe zmq_msg_size(pointer) }

    /// More parts of the same multipart message follow (after a receive).
    package var hasMore: Bool { unsafe zmq_msg_more(pointer) != 0 }

    /// Lends the bytes.
    package func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        let bytes = unsafe UnsafeRawBufferPointer(start: zmq_msg_data(pointer), count: count)
        return try body(unsafe bytes.bytes)
    }

    /// A message of its own with the same bytes.
    package func copied() -> Message {
        let source = unsafe UnsafeRawBufferPointer(start: zmq_msg_data(pointer), count: count)
        return unsafe Message(copying: count) { unsafe $0.copyMemory(from: source) }
    }

    /// A copy of the bytes.
    package var bytes: [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: zmq_msg_data(pointer), count: count))
    }

    /// Makes `self` another owner of the bytes of `other`, without copying them. Both must be used by one
    /// thread.
    package mutating func share(_ other: borrowing Message) {
        unsafe zmq_msg_copy(pointer, other.pointer)
    }

    /// Lets go of what it held, and holds a copy of some bytes.
    package mutating func refill(_ bytes: [UInt8]) {
        unsafe zmq_msg_close(pointer)
        guard unsafe zmq_msg_init_size(pointer, bytes.count) == 0 else {
            preconditionFailure("libzmq: no memory for a message of \(bytes.count) bytes")
        }
        overwrite(with: bytes)
    }

    /// Overwrites the first bytes of a message that nobody else owns.
    package mutating func overwrite(with bytes: [UInt8]) {
        precondition(bytes.count <= count, "beyond the end of the message")
        unsafe UnsafeMutableRawBufferPointer(start: zmq_msg_data(pointer), count: count).copyBytes(
            from: bytes)
    }

    /// Overwrites a part of a message that nobody else owns.
    package mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        precondition(offset >= 0 && bytes.count <= count - offset, "beyond the end of the message")
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(start: zmq_msg_data(pointer), count: count)[offset...]
                .copyBytes(from: bytes)
        }
    }

    /// Lends the bytes of a message that nobody else owns, to be written.
    package mutating func withMutableBytes<R, E: Error>(
        _ body: (inout MutableRawSpan) throws(E) -> R
    ) throws(E) -> R {
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: zmq_msg_data(pointer), count: count)
        var bytes = unsafe buffer.mutableBytes
        return try body(&bytes)
    }

    /// What the connection that it came over says of itself: `User-Id` (set by the allow-list),
    /// `Peer-Address`. nil where the transport does not say.
    package func property(_ name: String) -> String? {
        guard let value = unsafe zmq_msg_gets(pointer, name) else { return nil }
        return unsafe String(validatingCString: value)
    }
}

/// A message part with several owners in one thread.
package final class MessagePart {
    package let message: Message
    /// So many bytes came for which there was no memory; the message is empty then.
    package let missingBytes: Int

    package init(_ message: consuming Message) {
        self.message = message
        missingBytes = 0
    }

    package init(missing bytes: Int) {
        message = Message()
        missingBytes = bytes
    }
}

private final class SharedBytes: Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }
}
