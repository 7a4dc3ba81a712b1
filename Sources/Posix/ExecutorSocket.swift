internal import Glibc
package import TaskModel

/// An executor's end of the socket to its worker: descriptor 3, open for as long as the process lives.
/// Reads and writes say whether they may block, so two threads can share it, each in its own way.
package struct ExecutorSocket: Sendable {
    package let rawValue: Int32

    /// Takes over a connected stream socket that nobody will close. It is not inherited by programs that
    /// the executor's tasks start, and the process leads a group of its own from here on.
    package init(_ rawValue: Int32) throws(PosixError) {
        self.rawValue = rawValue
        let flags = try checked(
            "fcntl(F_GETFD) of the executor's socket \(rawValue)", fcntl(rawValue, F_GETFD))
        _ = try checked("fcntl(F_SETFD)", fcntl(rawValue, F_SETFD, flags | FD_CLOEXEC))
        if getpgrp() != getpid() { _ = setpgid(0, 0) }
    }

    /// Reads into `buffer[start...]`.
    package func read(
        into buffer: inout [UInt8], at start: Int, waiting: Bool
    ) throws(PosixError) -> Transferred {
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe receive(UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), waiting)
        }
        return try transferred("recv", count)
    }

    /// Reads into memory that its caller owns.
    @unsafe package func read(
        into memory: UnsafeMutableRawBufferPointer, waiting: Bool
    ) throws(PosixError) -> Transferred {
        try unsafe transferred("recv", receive(memory, waiting))
    }

    /// Writes what fits of `bytes[start...]`. `waiting`: blocks until some of it was taken.
    package func write(_ bytes: [UInt8], from start: Int, waiting: Bool) throws(PosixError) -> Transferred {
        let count = unsafe bytes.withUnsafeBytes { bytes in
            unsafe transmit(UnsafeRawBufferPointer(rebasing: bytes[start...]), waiting)
        }
        return try transferred("send", count)
    }

    /// The same from memory that its caller owns.
    @unsafe package func write(
        _ memory: UnsafeRawBufferPointer, waiting: Bool
    ) throws(PosixError) -> Transferred {
        try unsafe transferred("send", transmit(memory, waiting))
    }

    private func transmit(_ memory: UnsafeRawBufferPointer, _ waiting: Bool) -> Int {
        let flags = Int32(MSG_NOSIGNAL) | (waiting ? 0 : Int32(MSG_DONTWAIT))
        return unsafe send(rawValue, memory.baseAddress, memory.count, flags)
    }

    private func receive(_ memory: UnsafeMutableRawBufferPointer, _ waiting: Bool) -> Int {
        unsafe recv(rawValue, memory.baseAddress, memory.count, waiting ? 0 : Int32(MSG_DONTWAIT))
    }

    private func transferred(_ operation: String, _ count: Int) throws(PosixError) -> Transferred {
        if count > 0 { return .bytes(count) }
        if count == 0 { return .endOfFile }
        switch errno {
        case EAGAIN, EINTR: return .wouldBlock
        case EPIPE, ECONNRESET: return .endOfFile
        default: throw PosixError(operation)
        }
    }

    /// Sleeps until the socket can be read or written, as asked for, the worker has closed it, `wake` was
    /// signalled, or the time is over. Answers with what holds of the socket.
    package func wait(
        readable: Bool, writable: Bool, wake: borrowing EventFD, atMost time: Interval
    ) -> Poller.Readiness {
        let events = Int16((readable ? POLLIN : 0) | (writable ? POLLOUT : 0))
        var watched = [
            pollfd(fd: rawValue, events: events, revents: 0),
            pollfd(fd: wake.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        guard unsafe poll(&watched, 2, milliseconds(time)) > 0 else { return [] }
        if watched[1].revents != 0 { wake.drain() }
        return Poller.Readiness(rawValue: UInt32(watched[0].revents))
    }
}

extension EventFD {
    /// Sleeps until it was signalled or the time is over.
    package func wait(atMost time: Interval) {
        var watched = pollfd(fd: rawValue, events: Int16(POLLIN), revents: 0)
        if unsafe poll(&watched, 1, milliseconds(time)) > 0 { drain() }
    }
}

private func milliseconds(_ time: Interval) -> Int32 {
    time.nanoseconds == .max ? -1 : Int32(clamping: time.nanoseconds / 1_000_000)
}

/// Kills this process, every process of its group, and what it has started in other groups, at once.
package func killOwnGroup() -> Never {
    Orphans.killDescendants()
    _ = kill(0, SIGKILL)
    // Not reached unless the group could not be signalled.
    _exit(137)
}

package func ownProcessID() -> UInt64 { UInt64(getpid()) }

/// Ends the process without running anything of it, as a child of a fork has to.
package func exitAtOnce(_ status: Int32) -> Never { _exit(status) }

/// Writes out what C streams hold back.
package func flushStandardStreams() { _ = fflush(nil) }

/// Writes to descriptor 2 without buffering.
package func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
}
