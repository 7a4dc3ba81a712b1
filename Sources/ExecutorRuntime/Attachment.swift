/// Bytes that came beside a record, in memory of their own, read straight from the socket.
///
/// Unchecked because it holds a pointer: the bytes are written by the thread that fills it before it is
/// handed on, and from then on belong to the one attempt that received them.
@safe package final class Attachment: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer

    /// Aligned for every numeric type and for vector loads.
    package init(count: Int) {
        unsafe memory = .allocate(byteCount: count, alignment: 64)
    }

    deinit { unsafe memory.deallocate() }

    package var count: Int { unsafe memory.count }

    package func copy() -> [UInt8] { unsafe Array(memory) }

    package func withBytes<Result>(_ body: (RawSpan) throws -> Result) rethrows -> Result {
        try unsafe body(memory.bytes)
    }

    /// Writable: a Python array over an attachment is as mutable as the one that was sent.
    @unsafe package var buffer: UnsafeMutableRawBufferPointer { unsafe memory }

    func fill(at offset: Int, from bytes: [UInt8], _ range: Range<Int>) {
        unsafe bytes.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: memory[offset...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
        }
    }
}
