/// A point in monotonic time, in nanoseconds since an origin that the process (or the simulator) chose.
/// Never a wall-clock time: two machines cannot compare their instants, so none travels on the wire.
package struct Instant: Hashable, Comparable, Sendable, BitwiseCopyable {
    package let nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let origin = Instant(nanoseconds: 0)
    /// Later than every instant that a clock can show: "never".
    package static let distantFuture = Instant(nanoseconds: .max)

    @inlinable package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates, so that "never" plus something stays "never".
    @inlinable package static func + (left: Instant, right: Interval) -> Instant {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    @inlinable package static func - (left: Instant, right: Instant) -> Interval {
        Interval(nanoseconds: left.nanoseconds &- right.nanoseconds)
    }
}

/// A length of time in nanoseconds.
package struct Interval: Hashable, Comparable, Sendable, BitwiseCopyable {
    package let nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = Interval(nanoseconds: 0)

    @inlinable package static func microseconds(_ count: Int64) -> Interval {
        Interval(nanoseconds: saturated(count, 1_000))
    }
    @inlinable package static func milliseconds(_ count: Int64) -> Interval {
        Interval(nanoseconds: saturated(count, 1_000_000))
    }
    @inlinable package static func seconds(_ count: Int64) -> Interval {
        Interval(nanoseconds: saturated(count, 1_000_000_000))
    }

    @usableFromInline package static func saturated(_ count: Int64, _ unit: Int64) -> Int64 {
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow ? (count < 0 ? .min : .max) : product
    }

    /// Whole microseconds, saturating at what a `UInt32` holds (71 minutes): the form of timings on the wire.
    @inlinable package var wireMicroseconds: UInt32 { UInt32(clamping: nanoseconds / 1_000) }

    @inlinable package static func < (left: Interval, right: Interval) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
    @inlinable package static func + (left: Interval, right: Interval) -> Interval {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
        return Interval(nanoseconds: overflow ? .max : sum)
    }
    @inlinable package static func * (left: Interval, right: Int64) -> Interval {
        Interval(nanoseconds: saturated(left.nanoseconds, right))
    }
}
