// What workers say of attempts, and what clients ask of tasks.
//
// A worker speaks for an attempt only while it holds it: task, attempt number and worker must all match.
// Everything else is late (the task moved on after a loss, or was dropped) and changes nothing.

package import TaskModel

extension Scheduler {
    /// A worker reports that an attempt ended. O(1), plus the tasks that depend on it.
    /// - Returns: what becomes of the outcome that came with the report.
    package mutating func finish(
        _ report: AttemptReport, now: Instant, into actions: inout [Action]
    ) -> Verdict {
        guard holds(report.worker, report.task, report.attempt) else {
            counters.stale += 1
            dropUncommitted(report, into: &actions)
            return .stale
        }
        let task = report.task.index
        learn(task, report)
        let sequel = sequel(task, report)
        settleShare(task, report)
        unhold(task)
        workers[report.worker.index].finished += 1
        if sequel != .commit { dropUncommitted(report, into: &actions) }
        switch sequel {
        case .commit:
            let end = TaskEnd(
                status: report.status, reason: report.reason, codec: report.codec,
                worker: report.worker.index, ranMicroseconds: report.ranMicroseconds,
                valueBytes: report.valueBytes, isHeld: report.isHeld)
            self.end(task, end, now: now, into: &actions)
        case .cancel:
            conclude(task, .cancelled, .clientRequest, now: now, into: &actions)
        case .expire:
            conclude(task, .timedOut, .deadlineExceeded, now: now, into: &actions)
        case .retry:
            retry(task, now: now)
        case .repeatAfterCrash:
            tasks[task].crashes += 1
            counters.repeated += 1
            requeue(task, now: now)
        case .lose:
            lose(task, .unblamed, with: report.worker, now: now, into: &actions)
        }
        announce(now: now, into: &actions)
        return sequel == .commit ? .committed : .dropped
    }

    private enum Sequel {
        case commit
        case cancel
        case expire
        case retry
        case repeatAfterCrash
        case lose
    }

    private func sequel(_ task: UInt32, _ report: AttemptReport) -> Sequel {
        let row = tasks[task]
        if row.flags.contains(.cancelled) { return report.status == .cancelled ? .commit : .cancel }
        if row.flags.contains(.expired) { return .expire }
        let isWanted = !row.flags.contains(.cancelledUnlessStarted)
        switch report.status {
        case .value, .cancelled, .timedOut, .refused:
            return .commit
        case .exception:
            let isRetried =
                report.reason == .none && report.isRetryable && row.retriesLeft > 0 && isWanted
            return isRetried ? .retry : .commit
        case .lost:
            switch report.reason {
            case .executorCrashed, .memoryLimit:
                let again =
                    row.flags.contains(.idempotent) && isWanted && row.crashes < Limits.executorCrashesMax
                return again ? .repeatAfterCrash : .commit
            case .workerLost:
                return .lose
            case .none, .notIdempotent, .dependencyFailed, .initializerFailed, .notSerializable,
                .limitExceeded,
                .unknownOption, .unservable, .executionTimeout, .clientRequest, .functionNotLoadable,
                .malformed, .sessionClosed, .argumentsNotLoadable, .deadlineExceeded:
                return .commit
            }
        }
    }

    private mutating func retry(_ task: UInt32, now: Instant) {
        tasks[task].retriesLeft -= 1
        counters.retried += 1
        let row = tasks[task]
        if row.policy == .none {
            requeue(task, now: now)
        } else {
            let policy = policies[row.policy]
            let delay = policy.delay(retry: UInt32(policy.retries - row.retriesLeft), of: taskID(task))
            self.delay(task, until: now + delay)
        }
    }

    /// The session pays for what really ran; what was lost with its executor ran for an unknown time.
    private mutating func settleShare(_ task: UInt32, _ report: AttemptReport) {
        guard report.status != .lost, let holding = tasks[task].phase.holding else { return }
        queues.shares.correct(
            tasks[task].session, charged: .microseconds(Int64(holding.charged)),
            ran: .microseconds(Int64(report.ranMicroseconds)))
    }

    /// Only what the function itself did says how long it runs.
    private mutating func learn(_ task: UInt32, _ report: AttemptReport) {
        if tasks[task].flags.contains(.conversion) { return }
        let isOwn = report.status == .value || report.status == .exception && report.reason == .none
        if isOwn { estimates.learn(tasks[task].function, ranMicroseconds: report.ranMicroseconds) }
    }

    mutating func started(
        _ slot: TaskSlot, _ attempt: UInt32, _ worker: WorkerSlot, into actions: inout [Action]
    ) {
        guard holds(worker, slot, attempt) else {
            counters.stale += 1
            return
        }
        // A worker that reconnects names everything that runs, known or not.
        if tasks[slot.index].flags.contains(.started) { return }
        tasks[slot.index].flags.insert(.started)
        tasks[slot.index].flags.remove(.cancelledUnlessStarted)
        workers[worker.index].started += 1
        refresh(worker.index)
        if !tasks[slot.index].flags.contains(.conversion) { actions.append(.notifyStarted(slot)) }
    }

    mutating func returned(
        _ slot: TaskSlot, _ attempt: UInt32, _ worker: WorkerSlot, now: Instant, into actions: inout [Action]
    ) {
        guard holds(worker, slot, attempt) else {
            counters.stale += 1
            return
        }
        counters.returned += 1
        if let holding = tasks[slot.index].phase.holding {
            let charged = Interval.microseconds(Int64(holding.charged))
            queues.shares.correct(tasks[slot.index].session, charged: charged, ran: .zero)
        }
        unhold(slot.index)
        requeueIfWanted(slot.index, now: now, into: &actions)
        announce(now: now, into: &actions)
    }

    mutating func cancel(
        _ slot: TaskSlot, alsoRunning: Bool, now: Instant, into actions: inout [Action]
    ) {
        guard isLive(slot) else {
            counters.stale += 1
            return
        }
        let task = slot.index
        switch tasks[task].phase {
        case .vacant, .ended, .settled:
            return
        case .waiting:
            break
        case .delayed:
            timers.void += 1
        case .ready:
            queues.remove(task, &tasks)
        case .recording:
            unhold(task)
        case .assigned(let holding):
            askToCancel(slot, holding.worker, alsoRunning: alsoRunning, into: &actions)
            return
        }
        conclude(task, .cancelled, .clientRequest, now: now, into: &actions)
        announce(now: now, into: &actions)
    }

    /// The worker has it: only the worker knows whether it runs.
    private mutating func askToCancel(
        _ slot: TaskSlot, _ worker: UInt32, alsoRunning: Bool, into actions: inout [Action]
    ) {
        let flags = tasks[slot.index].flags
        let attempt = tasks[slot.index].attempt
        if flags.contains(.cancelled) { return }
        if alsoRunning {
            tasks[slot.index].flags.insert(.cancelled)
            // One whose deadline passed is being stopped already.
            if flags.contains(.expired) { return }
            actions.append(.stop(slot, attempt: attempt, on: workers.slot(worker)))
        } else if !flags.contains(.started), !flags.contains(.cancelledUnlessStarted) {
            tasks[slot.index].flags.insert(.cancelledUnlessStarted)
            if !flags.contains(.retracting) { retract(slot.index, from: worker, into: &actions) }
        }
    }

    mutating func released(
        _ slot: SessionSlot, first: UInt64, count: UInt64, into actions: inout [Action]
    ) {
        guard sessions.isCurrent(slot), count > 0 else { return }
        let (sum, overflow) = first.addingReportingOverflow(count - 1)
        let last = min(overflow ? .max : sum, sessions[slot.index].watermark)
        var sequence = first
        while let candidate = sequences.firstInUse(from: sequence, in: sessions[slot.index].directory),
            candidate <= last
        {
            let task = sequences.row(candidate, in: sessions[slot.index].directory)
            if task != .none, !tasks[task].flags.contains(.released) {
                tasks[task].flags.insert(.released)
                forgetIfUnneeded(task, into: &actions)
            }
            sequence = candidate + 1
        }
    }

    // MARK: Holding

    /// Whether the worker holds this very attempt, and its dispatch has left.
    func holds(_ worker: WorkerSlot, _ task: TaskSlot, _ attempt: UInt32) -> Bool {
        guard isLive(task), workers.isCurrent(worker) else { return false }
        guard case .assigned(let holding) = tasks[task.index].phase else { return false }
        return holding.worker == worker.index && tasks[task.index].attempt == attempt
    }

    /// Takes the attempt off its worker; the caller says where the task goes.
    mutating func unhold(_ task: UInt32) {
        guard let holding = tasks[task].phase.holding else { preconditionFailure("no worker holds it") }
        let flags = tasks[task].flags
        tasks.unlink(task, from: &workers[holding.worker].held)
        workers[holding.worker].load -= holding.weight
        workers[holding.worker].expected -= UInt64(holding.charged)
        if flags.contains(.started) { workers[holding.worker].started -= 1 }
        if flags.contains(.retracting) { workers[holding.worker].retracting -= 1 }
        tasks[task].flags.subtract(.ofAttempt)
        sessions[tasks[task].session].held -= 1
        heldOfLevel[ReadyQueues.level(tasks[task].priority)] -= 1
        giveRoomBack(of: task, on: holding.worker)
        refresh(holding.worker)
    }

    mutating func retract(_ task: UInt32, from worker: UInt32, into actions: inout [Action]) {
        tasks[task].flags.insert(.retracting)
        workers[worker].retracting += 1
        counters.retracted += 1
        refresh(worker)
        actions.append(.retract(tasks.slot(task), attempt: tasks[task].attempt, from: workers.slot(worker)))
    }

    /// Tells placement what the worker has.
    func load(_ worker: UInt32) -> WorkerLoad {
        let row = workers[worker]
        return WorkerLoad(slots: row.slots, held: row.held.count, weight: row.load, excess: row.excess)
    }

    mutating func refresh(_ worker: UInt32) {
        if !workers[worker].isDraining { placement.update(worker, load(worker)) }
    }
}
