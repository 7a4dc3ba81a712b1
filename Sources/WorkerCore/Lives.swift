// Executors are born, become ready, are killed and die. The slot of a dying executor is free only when its
// death is confirmed: until then its pipeline stays as it is.

import TaskModel

extension WorkerStateMachine {
    mutating func startProcess(_ executor: ExecutorIndex, now: Instant, into actions: inout [Action]) {
        executors[executor.int].phase = .starting(deadline: now + Limits.executorStartTimeout)
        executors[executor.int].initializing = nil
        executors[executor.int].devices = nil
        actions.append(.start(executor))
    }

    mutating func executorReady(_ executor: ExecutorIndex) {
        switch executors[executor.int].phase {
        case .starting:
            executors[executor.int].phase = .ready
            executors[executor.int].failures = 0
        case .absent, .ready, .killed, .dead:
            break
        }
    }

    /// Once per life; what follows is decided when the death is confirmed.
    mutating func kill(_ executor: ExecutorIndex, _ cause: KillCause, into actions: inout [Action]) {
        switch executors[executor.int].phase {
        case .starting:
            executors[executor.int].phase = .killed(.start)
            actions.append(.kill(executor))
        case .ready:
            markCulprit(of: executor, cause)
            executors[executor.int].phase = .killed(cause)
            actions.append(.kill(executor))
        case .absent, .killed, .dead:
            break
        }
    }

    /// The first of the pipeline is why the executor is killed. Should its outcome arrive after all, the next
    /// one is not to blame.
    private mutating func markCulprit(of executor: ExecutorIndex, _ cause: KillCause) {
        guard let number = servedSlot(of: executor) else { return }
        let index = slots[number].pipeline.head
        guard index != noIndex else { return }
        attempts[index].phase = .killed(slot: UInt16(number))
    }

    /// The slot whose pipeline the executor holds.
    func servedSlot(of executor: ExecutorIndex) -> Int? {
        guard let number = executors[executor.int].slot else { return nil }
        let slot = slots[Int(number)]
        return slot.pipeline.isEmpty || slot.active != executors[executor.int].kind ? nil : Int(number)
    }

    mutating func executorDied(_ executor: ExecutorIndex, now: Instant, into actions: inout [Action]) {
        switch executors[executor.int].phase {
        case .starting, .killed(.start):
            executors[executor.int].failures += 1
            let delay = restartDelay(after: executors[executor.int].failures)
            executors[executor.int].phase = .dead(restart: now + delay)
        case .ready:
            emptyPipeline(of: executor, killed: nil, into: &actions)
            replace(executor, now: now, into: &actions)
        case .killed(let cause):
            emptyPipeline(of: executor, killed: cause, into: &actions)
            replace(executor, now: now, into: &actions)
        case .absent, .dead:
            break
        }
    }

    private func restartDelay(after failures: Int) -> Interval {
        min(
            Limits.executorRestartDelayMin * (1 << Int64(min(failures - 1, 20))),
            Limits.executorRestartDelayMax)
    }

    /// A spare that is ready takes the place of the dead one, which then starts as the spare.
    private mutating func replace(_ dead: ExecutorIndex, now: Instant, into actions: inout [Action]) {
        sparesWanted = sparesWanted || executors[dead.int].kind == .python
        if let number = executors[dead.int].slot, let spare = readySpare(executors[dead.int].kind) {
            executors[spare.int].slot = number
            executors[dead.int].slot = nil
            switch executors[dead.int].kind {
            case .python, .command: slots[Int(number)].python = spare
            case .swift: slots[Int(number)].swift = spare
            }
        }
        startProcess(dead, now: now, into: &actions)
    }

    private func readySpare(_ kind: ExecutorKind) -> ExecutorIndex? {
        for (place, executor) in executors.enumerated()
        where executor.slot == nil && executor.kind == kind && executor.isReady {
            return ExecutorIndex(place)
        }
        return nil
    }

    /// The one that ran ends with its executor. What was behind it had not started: it is queued again, in
    /// its old order, without blame.
    private mutating func emptyPipeline(
        of executor: ExecutorIndex, killed: KillCause?, into actions: inout [Action]
    ) {
        guard let number = servedSlot(of: executor) else { return }
        while slots[number].pipeline.tail != noIndex {
            let index = slots[number].pipeline.tail
            let phase = attempts[index].phase
            unlinkFromPipeline(index)
            switch phase {
            case .sent:
                settleUnstarted(index, into: &actions)
            case .running:
                // Killed because of another, which got its outcome through: this one may have begun.
                let reason: OutcomeReason = killed == nil ? .executorCrashed : .workerLost
                settleFirst(index, reason, of: executor, into: &actions)
            case .stopping:
                settleVictim(index, .executorCrashed, of: executor, into: &actions)
            case .killed:
                settleCulprit(index, killed, of: executor, into: &actions)
            case .free, .queued:
                preconditionFailure("an attempt in a pipeline is neither")
            }
        }
    }

    private mutating func settleCulprit(
        _ index: UInt32, _ killed: KillCause?, of executor: ExecutorIndex, into actions: inout [Action]
    ) {
        switch killed {
        case .hung: settleUnstarted(index, into: &actions)
        case .stop: settleVictim(index, .executorCrashed, of: executor, into: &actions)
        case .memory: settleFirst(index, .memoryLimit, of: executor, into: &actions)
        // Its initializer may have ended after all, in the last moment.
        case .initializer: settleFirst(index, .workerLost, of: executor, into: &actions)
        case .broken, .start, .retired, nil:
            settleFirst(index, .executorCrashed, of: executor, into: &actions)
        }
    }

    private mutating func settleFirst(
        _ index: UInt32, _ reason: OutcomeReason, of executor: ExecutorIndex, into actions: inout [Action]
    ) {
        if settleInitializing(index, of: executor, into: &actions) { return }
        settleVictim(index, reason, of: executor, into: &actions)
    }

    /// It ran when its executor died. What was asked for it decides first: a stopped attempt is stopped.
    private mutating func settleVictim(
        _ index: UInt32, _ reason: OutcomeReason, of executor: ExecutorIndex, into actions: inout [Action]
    ) {
        switch attempts[index].wish {
        case .none, .rebalance, .giveBack:
            conclude(index, .lost, reason, because: executor, into: &actions)
        case .cancel:
            conclude(index, .cancelled, .clientRequest, because: executor, into: &actions)
        case .timeOut:
            conclude(index, .timedOut, .executionTimeout, because: executor, into: &actions)
        case .drop:
            forget(index, into: &actions)
        }
    }

    /// It is out of every list, and no executor has begun with it.
    mutating func settleUnstarted(_ index: UInt32, into actions: inout [Action]) {
        switch attempts[index].wish {
        case .none, .rebalance: requeue(index)
        case .giveBack: giveBack(index, into: &actions)
        case .cancel: conclude(index, .cancelled, .clientRequest, because: nil, into: &actions)
        case .timeOut: conclude(index, .timedOut, .executionTimeout, because: nil, into: &actions)
        case .drop: forget(index, into: &actions)
        }
    }

    mutating func attemptReturned(
        _ slot: AttemptSlot, by executor: ExecutorIndex, now: Instant, into actions: inout [Action]
    ) {
        guard let index = attempts.index(slot), let number = servedSlot(of: executor),
            pipelineSlot(of: index) == number
        else { return }
        let wished = attempts[index].wish
        takeFromPipeline(index, now: now, into: &actions)
        attempts[index].wish = wished
        settleUnstarted(index, into: &actions)
    }
}
