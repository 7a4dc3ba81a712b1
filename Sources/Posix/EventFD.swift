internal import CPosix

/// A counter in the kernel that wakes a poller. `signal` may be called from any thread.
package struct EventFD: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    package init() throws(PosixError) {
        descriptor = FileDescriptor(owning: try checked("eventfd", cposix_eventfd()))
    }

    package var rawValue: Int32 { descriptor.rawValue }

    /// Makes the descriptor readable until the next `drain`.
    package func signal() { cposix_eventfd_signal(descriptor.rawValue) }

    /// How many signals there were since the last time.
    @discardableResult package func drain() -> UInt64 { cposix_eventfd_drain(descriptor.rawValue) }
}
