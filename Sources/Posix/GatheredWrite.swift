internal import CPosix
internal import Glibc

/// An owner of bytes that it lends out for the time of a call.
package protocol LendsBytes: AnyObject {
    func lend(_ body: (RawSpan) -> Void)
}

extension FileDescriptor {
    /// How many parts one call of `write` takes; the system allows 1,024.
    package static let gatheredPartsMax = 64

    /// Writes what fits of some parts, one after the other in one call, and leaves out the first `skipped`
    /// bytes of the first one.
    package func write(
        _ parts: ArraySlice<some LendsBytes>, skipping skipped: Int
    ) throws(PosixError) -> Transferred {
        precondition(!parts.isEmpty && parts.count <= Self.gatheredPartsMax, "too many parts, or none")
        let count = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: parts.count) { vector in
            unsafe gather(parts, skipping: skipped, into: vector, filled: 0)
        }
        return try transferred("writev", count)
    }

    /// All parts are on loan while the call is made, hence a recursion: each level borrows one.
    private func gather(
        _ parts: ArraySlice<some LendsBytes>, skipping skipped: Int,
        into vector: UnsafeMutableBufferPointer<iovec>, filled: Int
    ) -> Int {
        guard let part = parts.first else {
            return restarting { unsafe cposix_writev(rawValue, vector.baseAddress, Int32(filled)) }
        }
        var count = 0
        part.lend { bytes in
            unsafe bytes.withUnsafeBytes { bytes in
                let base = unsafe bytes.baseAddress.map {
                    unsafe UnsafeMutableRawPointer(mutating: $0) + skipped
                }
                unsafe vector.initializeElement(
                    at: filled, to: iovec(iov_base: base, iov_len: bytes.count - skipped))
                count = unsafe gather(parts.dropFirst(), skipping: 0, into: vector, filled: filled + 1)
            }
        }
        return count
    }
}
