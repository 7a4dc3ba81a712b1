internal import CPosix
internal import Glibc
package import TaskModel

/// Waits for descriptors (epoll). Level-triggered: what was not taken is reported again.
package struct Poller: ~Copyable {
    package struct Readiness: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let readable = Readiness(rawValue: 1)
        package static let writable = Readiness(rawValue: 4)
        /// Always reported, asked for or not.
        package static let failed = Readiness(rawValue: 8)
        /// Always reported, asked for or not.
        package static let hungUp = Readiness(rawValue: 16)
    }

    /// A watched descriptor on which something can be done, by the token that it was watched with.
    package struct Ready: Hashable, Sendable {
        package let token: UInt64
        package let readiness: Readiness
    }

    private static let readyMax = 64
    private let descriptor: FileDescriptor
    private var found: [cposix_ready]
    private var ready: [Ready] = []

    package init() throws(PosixError) {
        descriptor = FileDescriptor(owning: try checked("epoll_create1", cposix_epoll_create()))
        found = Array(repeating: cposix_ready(), count: Self.readyMax)
        ready.reserveCapacity(Self.readyMax)
    }

    /// Readable when one of the watched descriptors is ready: a poller can be watched by another.
    package var rawValue: Int32 { descriptor.rawValue }

    package func watch(
        _ watched: Int32, for interest: Readiness = .readable, token: UInt64
    ) throws(PosixError) {
        _ = try checked(
            "epoll_ctl(add)", cposix_epoll_add(descriptor.rawValue, watched, interest.rawValue, token))
    }

    package func change(_ watched: Int32, to interest: Readiness, token: UInt64) throws(PosixError) {
        _ = try checked(
            "epoll_ctl(change)", cposix_epoll_change(descriptor.rawValue, watched, interest.rawValue, token))
    }

    /// To be called before the descriptor is closed.
    package func unwatch(_ watched: Int32) throws(PosixError) {
        _ = try checked("epoll_ctl(remove)", cposix_epoll_remove(descriptor.rawValue, watched))
    }

    /// Sleeps until something is ready or the deadline has come (not at all if it is in the past).
    /// Answers with what is ready, at most 64 descriptors at once. A signal ends the wait early.
    package mutating func wait(until deadline: Instant, now: Instant) throws(PosixError) -> [Ready] {
        let nanoseconds = deadline == .distantFuture ? -1 : max(0, (deadline - now).nanoseconds)
        let count = unsafe found.withUnsafeMutableBufferPointer { found in
            unsafe cposix_epoll_wait(
                descriptor.rawValue, found.baseAddress, Int32(found.count), nanoseconds)
        }
        ready.removeAll(keepingCapacity: true)
        if count < 0 {
            if errno == EINTR { return ready }
            throw PosixError("epoll_wait")
        }
        for index in 0..<Int(count) {
            ready.append(
                Ready(token: found[index].token, readiness: Readiness(rawValue: found[index].readiness)))
        }
        return ready
    }
}
