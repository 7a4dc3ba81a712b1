// Unsafe and preconcurrency for the global `stdout`, which is set once before the process has threads.
@unsafe @preconcurrency internal import Glibc

/// The C library's buffer in front of standard output, which Swift's `print` writes into.
package enum BufferedOutput {
    /// Makes each finished line leave at once, also when standard output is a file: what a task printed
    /// before it died is then not lost with it.
    package static func flushAtLineEnds() {
        // Before the process has a second thread, so nobody else touches the stream.
        unsafe setvbuf(stdout, nil, _IOLBF, 0)
    }

    /// Hands everything to the system.
    package static func flush() { fflush(nil) }
}
