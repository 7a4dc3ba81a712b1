internal import Glibc

/// A system call that failed.
package struct PosixError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was attempted, with the path or name it was attempted on.
    package let operation: String
    package let code: Int32

    package init(_ operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// Of the call that just failed on this thread.
    package init(_ operation: String) {
        self.init(operation, code: errno)
    }

    package var description: String {
        // No call failed: what was attempted says it all.
        code == 0 ? operation : unsafe "\(operation): \(String(cString: strerror(code)))"
    }
}
