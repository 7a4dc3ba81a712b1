internal import CPosix
internal import Glibc

/// Standard input, output and error of this process: descriptors that nobody here owns or closes.
package enum StandardStream: Int32, Sendable {
    case input = 0
    case output = 1
    case error = 2

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
