import Posix
import TaskModel

/// Gives what waits in some streams time to leave, before they are closed. Blocks the thread until their
/// peers have taken it, at most for `Limits.goodbyeLinger`.
func linger(_ streams: [UnixStream]) {
    let waiting = streams.filter(\.isBlocked)
    guard !waiting.isEmpty else { return }
    let end = MonotonicClock.now + Limits.goodbyeLinger
    do {
        var poller = try Poller()
        for (index, stream) in waiting.enumerated() {
            try poller.watch(stream.descriptor.rawValue, for: .writable, token: UInt64(index))
        }
        var left = waiting.count
        while left > 0, MonotonicClock.now < end {
            for found in try poller.wait(until: end, now: MonotonicClock.now) {
                let stream = waiting[Int(found.token)]
                stream.flush()
                guard !stream.isBlocked else { continue }
                try poller.unwatch(stream.descriptor.rawValue)
                left -= 1
            }
        }
    } catch {
        // Without descriptors nobody can wait, and a goodbye is a courtesy.
    }
}
