import TaskModel

/// Those who watch events, each with a bounded buffer of its own.
struct Watchers {
    private var continuations: [AsyncStream<ClusterEvent>.Continuation] = []
    private var number: UInt64 = 0

    var areWatching: Bool { !continuations.isEmpty }

    /// nil: too many watch already.
    mutating func add() -> AsyncStream<ClusterEvent>? {
        guard continuations.count < Limits.controlWatchersMax else { return nil }
        let (stream, continuation) = AsyncStream<ClusterEvent>.makeStream(
            bufferingPolicy: .bufferingNewest(Limits.controlEventsMax))
        continuations.append(continuation)
        return stream
    }

    mutating func publish(_ kind: ClusterEvent.Kind, at: Interval) {
        number += 1
        let event = ClusterEvent(number: number, at: at, kind: kind)
        continuations.removeAll { continuation in
            switch continuation.yield(event) {
            case .enqueued, .dropped: false
            case .terminated: true
            @unknown default: false
            }
        }
    }

    mutating func finish() {
        for continuation in continuations { continuation.finish() }
        continuations.removeAll()
    }
}

extension SchedulerLoop {
    /// Tells whoever watches. Costs nothing while nobody does.
    mutating func publish(_ kind: @autoclosure () -> ClusterEvent.Kind) {
        guard watchers.areWatching else { return }
        watchers.publish(kind(), at: now - startedAt)
    }
}
