// How the scheduler ends. Gracefully: no new session and no new task, what was accepted is finished as far
// as workers are there, outcomes are delivered, everyone is told goodbye; all within a bounded time.

import Logging
import SchedulerCore
import SessionTransport
import Synchronization
import TaskModel

/// Asked from any thread, read by the loop once per turn.
final class StopSignal: Sendable {
    private let level = Atomic<UInt8>(0)

    /// Finish what was accepted, then end.
    func stopGracefully() { raise(to: 1) }
    /// End with this turn.
    func stopAtOnce() { raise(to: 2) }

    var isRaised: Bool { level.load(ordering: .acquiring) >= 1 }
    var isUrgent: Bool { level.load(ordering: .acquiring) >= 2 }

    private func raise(to wanted: UInt8) {
        _ = level.max(wanted, ordering: .acquiringAndReleasing)
    }
}

/// Where the loop is on its way to the end.
enum StopProgress: Equatable {
    case serving
    /// Tasks are being finished.
    case finishing(until: Instant)
    /// Goodbyes are said; their frames must leave.
    case parting(until: Instant)
    case done

    var isDone: Bool { self == .done }

    var wakeUp: Instant {
        switch self {
        case .serving: .distantFuture
        case .finishing(let until), .parting(let until): until
        case .done: .origin
        }
    }
}

extension SchedulerLoop {
    /// Time that goodbyes have to leave after the last task.
    private static var partingTime: Interval { .milliseconds(200) }

    mutating func proceedWithStop() {
        switch stop {
        case .serving:
            guard signal.isRaised else { return }
            logger.info(
                "scheduler stops",
                metadata: ["clients": "\(peers.clientCount)", "workers": "\(peers.workerCount)"])
            publish(.stopping)
            stop = .finishing(until: now + configuration.stopTimeout)
            finishOrPart(until: now + configuration.stopTimeout)
        case .finishing(let until):
            finishOrPart(until: until)
        case .parting(let until):
            if now >= until || signal.isUrgent { stop = .done }
        case .done:
            break
        }
    }

    private mutating func finishOrPart(until: Instant) {
        let status = core.status()
        let unfinished = status.waiting + status.delayed + status.ready + status.held
        let canFinish = unfinished > 0 && status.slots + status.held > 0
        let isDelivered = peers.allClients().allSatisfy { $0.link.isDrained && $0.deferred.isEmpty }
        if !signal.isUrgent, now < until, canFinish || !isDelivered { return }
        if unfinished > 0 {
            logger.warning("scheduler ends with unfinished tasks", metadata: ["tasks": "\(unfinished)"])
        }
        for client in peers.allClients() { acceptor.close(client.handle, now: now) }
        for worker in peers.allWorkers() { acceptor.close(worker.handle, now: now) }
        stop = signal.isUrgent ? .done : .parting(until: now + Self.partingTime)
    }
}
