import TaskModel

/// The monotonic clock of one node: it has an origin of its own, and runs a little too fast or too slow.
struct Clock: BitwiseCopyable {
    var offset = Interval.zero
    /// Parts per million.
    var drift: Int64 = 0

    /// What it shows at an instant of true time.
    func reading(at instant: Instant) -> Instant {
        let elapsed = instant.nanoseconds
        let gained = elapsed / 1_000_000 * drift + elapsed % 1_000_000 * drift / 1_000_000
        return Instant(nanoseconds: offset.nanoseconds + elapsed + gained)
    }

    /// The first instant of true time at which it shows at least this.
    func instant(of reading: Instant) -> Instant {
        if reading == .distantFuture { return .distantFuture }
        let shown = reading.nanoseconds - offset.nanoseconds
        var guess = shown - shown / (1_000_000 + drift) * drift
        while self.reading(at: Instant(nanoseconds: guess)) < reading {
            let missing = reading - self.reading(at: Instant(nanoseconds: guess))
            guess += max(1, missing.nanoseconds / 2)
        }
        return Instant(nanoseconds: guess)
    }
}
