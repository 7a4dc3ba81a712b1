internal import CPosix
internal import Glibc

/// Owns an open file descriptor and closes it at the end of its life.
package struct FileDescriptor: ~Copyable, Sendable {
    package let rawValue: Int32

    /// Takes over a descriptor that nobody else will close.
    package init(owning rawValue: Int32) {
        precondition(rawValue >= 0, "not a file descriptor")
        self.rawValue = rawValue
    }

    deinit { _ = Glibc.close(rawValue) }

    /// Gives the descriptor away without closing it.
    package consuming func release() -> Int32 {
        let value = rawValue
        discard self
        return value
    }

    /// A second descriptor of the same open file, closed on exec.
    package func duplicate() throws(PosixError) -> FileDescriptor {
        FileDescriptor(owning: try checked("dup", fcntl(rawValue, F_DUPFD_CLOEXEC, 3)))
    }

    package func setNonBlocking() throws(PosixError) {
        let flags = try checked("fcntl(F_GETFL)", fcntl(rawValue, F_GETFL))
        _ = try checked("fcntl(F_SETFL)", fcntl(rawValue, F_SETFL, flags | O_NONBLOCK))
    }
}

/// What a non-blocking read or write came to.
package enum Transferred: Hashable, Sendable {
    case bytes(Int)
    /// Nothing now; wait until the descriptor is ready.
    case wouldBlock
    /// The other side has closed (reads only).
    case endOfFile
}

extension FileDescriptor {
    /// Reads into `buffer[offset...]`, at most to the end of the array.
    package func read(into buffer: inout [UInt8], at offset: Int = 0) throws(PosixError) -> Transferred {
        precondition(offset < buffer.count, "no room to read into")
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            restarting { unsafe Glibc.read(rawValue, bytes.baseAddress! + offset, bytes.count - offset) }
        }
        if count == 0 { return .endOfFile }
        return try transferred("read", count)
    }

    /// Reads into memory that is lent to it, from `offset` at most to its end.
    package func read(into bytes: inout MutableRawSpan, at offset: Int) throws(PosixError) -> Transferred {
        precondition(offset >= 0 && offset < bytes.byteCount, "no room to read into")
        let count = unsafe bytes.withUnsafeMutableBytes { bytes in
            restarting { unsafe Glibc.read(rawValue, bytes.baseAddress! + offset, bytes.count - offset) }
        }
        if count == 0 { return .endOfFile }
        return try transferred("read", count)
    }

    /// Reads at a position of a file, into the whole of `buffer`; the position of the file does not move.
    package func read(into buffer: inout [UInt8], position: Int) throws(PosixError) -> Transferred {
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            restarting { unsafe pread(rawValue, bytes.baseAddress, bytes.count, position) }
        }
        if count == 0 { return .endOfFile }
        return try transferred("pread", count)
    }

    /// Writes what fits.
    package func write(_ bytes: RawSpan) throws(PosixError) -> Transferred {
        let count = unsafe bytes.withUnsafeBytes { bytes in
            restarting { unsafe cposix_write(rawValue, bytes.baseAddress, bytes.count) }
        }
        return try transferred("write", count)
    }

    /// Writes what fits of `bytes[start...]`.
    package func write(_ bytes: [UInt8], from start: Int = 0) throws(PosixError) -> Transferred {
        let count = unsafe bytes.withUnsafeBytes { bytes in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
            return restarting { unsafe cposix_write(rawValue, rest.baseAddress, rest.count) }
        }
        return try transferred("write", count)
    }

    /// Writes what fits of the first, then of the second, in one call.
    package func write(_ first: RawSpan, _ second: RawSpan) throws(PosixError) -> Transferred {
        let count = unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                restarting {
                    unsafe cposix_write2(
                        rawValue, first.baseAddress, first.count, second.baseAddress, second.count)
                }
            }
        }
        return try transferred("writev", count)
    }

    package func write(_ first: [UInt8], _ second: RawSpan) throws(PosixError) -> Transferred {
        try write(unsafe first.span.bytes, second)
    }

    func restarting(_ call: () -> Int) -> Int {
        while true {
            let count = call()
            if count >= 0 || errno != EINTR { return count }
        }
    }

    func transferred(_ operation: String, _ count: Int) throws(PosixError) -> Transferred {
        if count >= 0 { return .bytes(count) }
        if errno == EAGAIN || errno == EWOULDBLOCK { return .wouldBlock }
        throw PosixError(operation)
    }
}

/// The result of a call that answers -1 on failure.
func checked(_ operation: @autoclosure () -> String, _ result: Int32) throws(PosixError) -> Int32 {
    if result < 0 { throw PosixError(operation()) }
    return result
}
