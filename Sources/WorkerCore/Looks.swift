// Has the executor begun with the first of its pipeline?
//
// Nothing is in front of that attempt, so it counts as running, and no executor says when it begins. But
// it may be in the initializer of the attempt's session, or held up by what an earlier task left behind.
// So the server is told to look when an attempt has been the first for long; what an executor is doing
// stands in memory that it shares with its worker.
//
// A look may fall into the moment in which an outcome is on its way. Only two in a row, an interval apart,
// that find the same attempt not begun, both after its time was up, are the end of the executor. An
// attempt that had not begun is not to blame for that end: it is queued again, unless it was its own
// session's initializer.

import TaskModel

extension WorkerStateMachine {
    func nextLook(at index: UInt32, since: Instant) -> Instant {
        switch attempts[index].beginning {
        case .assumed: since + min(shape.attemptTakeTimeout, shape.initializerTimeout)
        case .doubted(let next, _): next
        case .asked, .confirmed: .distantFuture
        }
    }

    mutating func askWhetherBegun(_ index: UInt32, in number: Int, into actions: inout [Action]) {
        guard let executor = slots[number].executor(slots[number].active) else { return }
        switch attempts[index].beginning {
        case .doubted(_, let overdue): attempts[index].beginning = .asked(again: overdue)
        case .assumed, .asked, .confirmed: attempts[index].beginning = .asked(again: false)
        }
        actions.append(.look(attempts.slot(index), executor))
    }

    mutating func looked(
        _ slot: AttemptSlot, _ executor: ExecutorIndex, _ activity: ExecutorActivity, now: Instant,
        into actions: inout [Action]
    ) {
        guard let index = attempts.index(slot), let number = servedSlot(of: executor),
            slots[number].pipeline.head == index
        else { return }
        let began: Instant
        switch attempts[index].phase {
        case .running(_, let since): began = since
        case .stopping, .killed, .sent, .queued, .free: return
        }
        switch activity {
        case .attempt:
            attempts[index].beginning = .confirmed
        case .initializer:
            doubt(index, executor, .initializer, began + shape.initializerTimeout, now, into: &actions)
        case .nothing:
            doubt(index, executor, .hung, began + shape.attemptTakeTimeout, now, into: &actions)
        }
    }

    private mutating func doubt(
        _ index: UInt32, _ executor: ExecutorIndex, _ cause: KillCause, _ deadline: Instant, _ now: Instant,
        into actions: inout [Action]
    ) {
        let isOverdue = now >= deadline
        switch attempts[index].beginning {
        case .asked(let again):
            if again, isOverdue {
                kill(executor, cause, into: &actions)
                return
            }
        case .assumed, .doubted, .confirmed:
            break
        }
        let next = isOverdue ? now + Limits.executorLookInterval : deadline
        attempts[index].beginning = .doubted(next: next, overdue: isOverdue)
    }

    /// The first of a pipeline whose executor died in an initializer. False when it did not, or when what was
    /// asked for the attempt decides.
    mutating func settleInitializing(
        _ index: UInt32, of executor: ExecutorIndex, into actions: inout [Action]
    ) -> Bool {
        guard let session = executors[executor.int].initializing else { return false }
        switch attempts[index].wish {
        case .cancel, .timeOut, .drop: return false
        case .none, .rebalance, .giveBack: break
        }
        guard attempts[index].id.task.session == session else {
            settleUnstarted(index, into: &actions)
            return true
        }
        conclude(index, .lost, .initializerFailed, because: executor, into: &actions)
        failQueued(session, because: executor, into: &actions)
        return true
    }

    /// Each of them would cost another executor.
    private mutating func failQueued(
        _ session: SessionID, because executor: ExecutorIndex, into actions: inout [Action]
    ) {
        for entry in 0..<attempts.entries.count where attempts.entries[entry].id.task.session == session {
            let index = UInt32(entry)
            guard attempts[index].kind == executors[executor.int].kind else { continue }
            switch attempts[index].phase {
            case .queued:
                unqueue(index)
                conclude(index, .lost, .initializerFailed, because: executor, into: &actions)
            case .free, .sent, .running, .stopping, .killed:
                break
            }
        }
    }
}
