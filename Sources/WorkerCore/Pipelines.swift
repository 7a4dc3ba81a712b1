// Moving attempts between queues and pipelines: what each move does to phases, backlogs and the clock.

import TaskModel

extension WorkerStateMachine {
    /// Sends the first of a queue to a slot whose executor of that kind is ready.
    mutating func sendFirst(
        of kind: ExecutorKind, to number: Int, now: Instant, into actions: inout [Action]
    ) {
        send(queue(kind).head, to: number, now: now, into: &actions)
    }

    /// Sends an attempt that is queued.
    mutating func send(_ index: UInt32, to number: Int, now: Instant, into actions: inout [Action]) {
        let kind = attempts[index].kind
        guard let executor = slots[number].executor(kind) else {
            preconditionFailure("the slot has no executor of this kind")
        }
        withQueue(kind) { table, list in table.unlink(index, from: &list) }
        let estimate = estimates.estimate(attempts[index].function)
        attempts[index].estimate = estimate
        let isFirst = slots[number].pipeline.isEmpty
        attempts[index].phase =
            isFirst ? .running(slot: UInt16(number), since: now) : .sent(slot: UInt16(number))
        attempts[index].reportedStarted = false
        attempts[index].beginning = .assumed
        slots[number].active = kind
        slots[number].backlog = slots[number].backlog + estimate
        attempts.append(index, to: &slots[number].pipeline)
        executors[executor.int].devices = attempts[index].devices
        actions.append(.send(attempts.slot(index), to: executor, devices: attempts[index].devices))
    }

    /// Takes an attempt out of its pipeline; the next one, if it was the first, runs now.
    mutating func takeFromPipeline(_ index: UInt32, now: Instant, into actions: inout [Action]) {
        let number = unlinkFromPipeline(index)
        startFirst(of: number, now: now, into: &actions)
    }

    /// Leaves the phase of the next one alone, for a pipeline whose executor is dead.
    @discardableResult
    mutating func unlinkFromPipeline(_ index: UInt32) -> Int {
        guard let number = pipelineSlot(of: index) else {
            preconditionFailure("the attempt is in no pipeline")
        }
        attempts.unlink(index, from: &slots[number].pipeline)
        let left = slots[number].backlog.nanoseconds - attempts[index].estimate.nanoseconds
        slots[number].backlog = Interval(nanoseconds: left)
        clearRebalance(index)
        if attempts[index].wish == .drop { dropping -= 1 }
        return number
    }

    /// The executor has begun with the first of its pipeline, as far as can be known here.
    private mutating func startFirst(of number: Int, now: Instant, into actions: inout [Action]) {
        let index = slots[number].pipeline.head
        guard index != noIndex, attempts[index].isUnstarted else { return }
        attempts[index].phase = .running(slot: UInt16(number), since: now)
        attempts[index].beginning = .assumed
        switch attempts[index].wish {
        case .none, .rebalance, .giveBack, .timeOut: break
        // It may have been taken before the executor read that it is not wanted.
        case .cancel, .drop: stopRunning(index, now: now, into: &actions)
        }
    }

    mutating func stopRunning(_ index: UInt32, now: Instant, into actions: inout [Action]) {
        switch attempts[index].phase {
        case .running(let number, let since):
            guard let executor = slots[Int(number)].executor(slots[Int(number)].active) else { return }
            let deadline = now + attempts[index].grace
            attempts[index].phase = .stopping(slot: number, since: since, deadline: deadline)
            let timedOut = attempts[index].wish == .timeOut
            actions.append(.stop(attempts.slot(index), in: executor, timedOut: timedOut))
        case .free, .queued, .sent, .stopping, .killed:
            break
        }
    }

    /// Back to the queue of its kind, at the place where it was.
    mutating func requeue(_ index: UInt32) {
        attempts[index].phase = .queued
        attempts[index].wish = .none
        attempts[index].reportedStarted = false
        withQueue(attempts[index].kind) { table, list in table.reinsert(index, into: &list) }
    }

    mutating func conclude(
        _ index: UInt32, _ status: OutcomeStatus, _ reason: OutcomeReason, because executor: ExecutorIndex?,
        into actions: inout [Action]
    ) {
        actions.append(.conclude(attempts.slot(index), status, reason, executor))
        attempts.remove(index)
    }

    mutating func giveBack(_ index: UInt32, into actions: inout [Action]) {
        actions.append(.giveBack(attempts.slot(index)))
        attempts.remove(index)
    }

    mutating func forget(_ index: UInt32, into actions: inout [Action]) {
        actions.append(.forget(attempts.slot(index)))
        attempts.remove(index)
    }

    /// Notes a wish for an attempt in a pipeline, unless a stronger one is noted.
    mutating func wish(_ wish: Wish, for index: UInt32) {
        guard attempts[index].wish.rawValue < wish.rawValue else { return }
        clearRebalance(index)
        if wish == .drop { dropping += 1 }
        attempts[index].wish = wish
    }

    private mutating func clearRebalance(_ index: UInt32) {
        guard attempts[index].wish == .rebalance else { return }
        attempts[index].wish = .none
        rebalancing -= 1
    }

    /// Asks the executor for an attempt that it has not started.
    mutating func askBack(_ index: UInt32, into actions: inout [Action]) {
        guard let number = pipelineSlot(of: index),
            let executor = slots[number].executor(slots[number].active)
        else { preconditionFailure("the attempt is in no pipeline") }
        actions.append(.retract(attempts.slot(index), from: executor))
    }
}
