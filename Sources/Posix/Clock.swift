internal import CPosix
internal import Glibc
package import TaskModel

/// The system's monotonic clock. It stands still while the machine sleeps.
package enum MonotonicClock {
    package static var now: Instant {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// 64 bits from the system's random source.
package func randomUInt64() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
}
