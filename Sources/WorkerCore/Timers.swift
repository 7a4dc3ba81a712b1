// Everything that happens because time passes. Timers are not kept: each turn looks at the slots and places,
// of which there are few.

import TaskModel

extension WorkerStateMachine {
    mutating func runTimers(now: Instant, into actions: inout [Action]) {
        guard now >= wakeUp else { return }
        for place in executors.indices {
            switch executors[place].phase {
            case .starting(let deadline):
                if now >= deadline { kill(ExecutorIndex(place), .start, into: &actions) }
            case .dead(let restart):
                if now >= restart { startProcess(ExecutorIndex(place), now: now, into: &actions) }
            case .absent, .ready, .killed:
                break
            }
        }
        for number in slots.indices where !slots[number].pipeline.isEmpty {
            runTimers(ofSlot: number, now: now, into: &actions)
        }
    }

    private mutating func runTimers(ofSlot number: Int, now: Instant, into actions: inout [Action]) {
        let index = slots[number].pipeline.head
        switch attempts[index].phase {
        case .running(_, let since):
            if !attempts[index].reportedStarted, now >= since + Limits.startedReportAfter {
                attempts[index].reportedStarted = true
                actions.append(.reportStarted(attempts.slot(index)))
            }
            if now >= nextLook(at: index, since: since) {
                askWhetherBegun(index, in: number, into: &actions)
            }
            if let timeout = attempts[index].timeout, now >= since + timeout {
                wish(.timeOut, for: index)
                stopRunning(index, now: now, into: &actions)
            }
        case .stopping, .sent, .killed, .free, .queued:
            break
        }
        switch attempts[index].phase {
        case .stopping(_, _, let deadline):
            guard now >= deadline, let executor = slots[number].executor(slots[number].active) else { return }
            kill(executor, .stop, into: &actions)
        case .running, .sent, .killed, .free, .queued:
            break
        }
    }

    func nextTimer(now: Instant) -> Instant {
        var next = Instant.distantFuture
        for executor in executors {
            switch executor.phase {
            case .starting(let deadline): next = min(next, deadline)
            case .dead(let restart): next = min(next, restart)
            case .absent, .ready, .killed: break
            }
        }
        for slot in slots where !slot.pipeline.isEmpty {
            let attempt = attempts[slot.pipeline.head]
            switch attempt.phase {
            case .running(_, let since):
                if !attempt.reportedStarted { next = min(next, since + Limits.startedReportAfter) }
                if let timeout = attempt.timeout { next = min(next, since + timeout) }
                next = min(next, nextLook(at: slot.pipeline.head, since: since))
            case .stopping(_, _, let deadline):
                next = min(next, deadline)
            case .sent, .killed, .free, .queued:
                break
            }
        }
        return min(next, nextRebalance(now: now))
    }

    private func nextRebalance(now: Instant) -> Instant {
        var next = Instant.distantFuture
        guard rebalancing == 0, !draining else { return next }
        for slot in slots where slot.pipeline.count > 1 {
            guard queue(slot.active).isEmpty, hasIdleSlot(slot.active) else { continue }
            let instant = overdue(slot)
            if instant > now { next = min(next, instant) }
        }
        return next
    }
}
