internal import CPosix
internal import Glibc
package import TaskModel

/// Standard input, output and error of this process: descriptors that nobody here owns or closes.
package enum StandardStream: Int32, Sendable {
    case input = 0
    case output = 1
    case error = 2

    /// Which of them were closed when this process started. The first look, before anything else is opened,
    /// puts `/dev/null` in their place: else a socket would get the number, and be written to.
    package static let missing: Set<StandardStream> = {
        var missing: Set<StandardStream> = []
        for stream in [StandardStream.input, .output, .error] where fcntl(stream.rawValue, F_GETFD) < 0 {
            missing.insert(stream)
            // The lowest number that is free is this one.
            _ = unsafe open("/dev/null", O_RDWR)
        }
        return missing
    }()

    /// Writes all of it, whatever else writes there; what cannot be written (a closed pipe) is dropped,
    /// since there is nobody left to tell.
    package func write(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = unsafe cposix_write(rawValue, bytes.baseAddress! + sent, bytes.count - sent)
                if count > 0 {
                    sent += count
                } else if errno == EAGAIN {
                    var entry = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&entry, 1, -1)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }

    package func write(_ text: String) { write(Array(text.utf8)) }

    package var isTerminal: Bool { isatty(rawValue) == 1 }

    /// Writes all of it until the deadline, or throws: for what somebody waits for.
    package func write(_ text: String, until deadline: Instant) throws(PosixError) {
        try write(Array(text.utf8), until: deadline)
    }

    package func write(_ bytes: [UInt8], until deadline: Instant) throws(PosixError) {
        guard !Self.missing.contains(self) else { throw PosixError("write to \(self)", code: EBADF) }
        var sent = 0
        while sent < bytes.count {
            // A blocking write into a full pipe would never come back.
            let left = (deadline - MonotonicClock.now).nanoseconds / 1_000_000
            var entry = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
            guard unsafe poll(&entry, 1, Int32(clamping: max(left, 0))) != 0 else {
                throw PosixError("write to \(self)", code: ETIMEDOUT)
            }
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe cposix_write(rawValue, bytes.baseAddress! + sent, bytes.count - sent)
            }
            if count >= 0 {
                sent += count
            } else if errno != EINTR && errno != EAGAIN {
                throw PosixError("write to \(self)")
            }
        }
    }

    /// Blocks this thread until the other side has closed the stream. What arrives before is dropped.
    package func waitForEnd() {
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            let count = unsafe read(rawValue, &buffer, buffer.count)
            if count > 0 || (count < 0 && errno == EINTR) { continue }
            if count < 0 && errno == EAGAIN {
                var entry = pollfd(fd: rawValue, events: Int16(POLLIN), revents: 0)
                _ = unsafe poll(&entry, 1, -1)
                continue
            }
            return
        }
    }
}
