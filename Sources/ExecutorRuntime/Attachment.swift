internal import Glibc
internal import Posix

/// Bytes that came beside a record, in memory of their own, read straight from the socket.
///
/// Unchecked because it holds a pointer: the bytes are written by the thread that fills it before it is
/// handed on, and from then on belong to the one attempt that received them.
@safe package final class Attachment: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes for which this process got no memory: they are read and dropped, and what needs them fails.
    package let missing: Int

    /// Aligned for every numeric type and for vector loads. A large one lies outside of the heap, in which it
    /// would leave a hole among what tasks make.
    package init(count: Int) {
        var start: UnsafeMutableRawPointer?
        if count >= LargeMemory.bytesMin {
            unsafe start = LargeMemory.map(count)
        } else if unsafe posix_memalign(&start, 64, max(count, 1)) != 0 {
            unsafe start = nil
        }
        if let start = unsafe start {
            unsafe memory = UnsafeMutableRawBufferPointer(start: start, count: count)
            missing = 0
        } else {
            unsafe memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            missing = count
        }
    }

    deinit {
        if count >= LargeMemory.bytesMin {
            unsafe LargeMemory.unmap(memory)
        } else {
            unsafe free(memory.baseAddress)
        }
    }

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
