// What the scheduler asks for: attempts back, attempts stopped, sessions forgotten, the end.

import TaskModel

extension WorkerStateMachine {
    mutating func retractRequested(_ slot: AttemptSlot, into actions: inout [Action]) {
        guard let index = attempts.index(slot) else { return }
        switch attempts[index].phase {
        case .queued:
            unqueue(index)
            giveBack(index, into: &actions)
        case .sent:
            guard attempts[index].wish.rawValue < Wish.giveBack.rawValue else { return }
            wish(.giveBack, for: index)
            askBack(index, into: &actions)
        case .free, .running, .stopping, .killed:
            break
        }
    }

    mutating func cancelRequested(_ slot: AttemptSlot, now: Instant, into actions: inout [Action]) {
        guard let index = attempts.index(slot) else { return }
        switch attempts[index].phase {
        case .queued:
            unqueue(index)
            conclude(index, .cancelled, .clientRequest, because: nil, into: &actions)
        case .sent:
            wish(.cancel, for: index)
            askBack(index, into: &actions)
        case .running:
            wish(.cancel, for: index)
            stopRunning(index, now: now, into: &actions)
        case .free, .stopping, .killed:
            break
        }
    }

    mutating func sessionForgotten(_ session: SessionID, now: Instant, into actions: inout [Action]) {
        for entry in 0..<attempts.entries.count where attempts.entries[entry].id.task.session == session {
            let index = UInt32(entry)
            switch attempts[index].phase {
            case .queued:
                unqueue(index)
                forget(index, into: &actions)
            case .sent:
                wish(.drop, for: index)
                askBack(index, into: &actions)
            case .running:
                wish(.drop, for: index)
                attempts[index].grace = min(attempts[index].grace, Limits.cancelGrace)
                stopRunning(index, now: now, into: &actions)
            case .stopping, .killed:
                wish(.drop, for: index)
            case .free:
                break
            }
        }
    }

    /// Nobody may hear of what runs here: the scheduler has given it to others.
    mutating func expelled(into actions: inout [Action]) {
        dropQueue(.python, into: &actions)
        dropQueue(.swift, into: &actions)
        for number in slots.indices {
            var index = slots[number].pipeline.head
            guard index != noIndex, let executor = slots[number].executor(slots[number].active) else {
                continue
            }
            while index != noIndex {
                wish(.drop, for: index)
                index = attempts[index].next
            }
            kill(executor, .stop, into: &actions)
        }
    }

    mutating func drainRequested(into actions: inout [Action]) {
        guard !draining else { return }
        draining = true
        giveBackQueues(into: &actions)
        for number in slots.indices {
            var index = slots[number].pipeline.head
            while index != noIndex {
                if attempts[index].isUnstarted, attempts[index].wish.rawValue < Wish.giveBack.rawValue {
                    wish(.giveBack, for: index)
                    askBack(index, into: &actions)
                }
                index = attempts[index].next
            }
        }
    }

    mutating func giveBackQueues(into actions: inout [Action]) {
        while pythonQueue.head != noIndex {
            let index = pythonQueue.head
            unqueue(index)
            giveBack(index, into: &actions)
        }
        while swiftQueue.head != noIndex {
            let index = swiftQueue.head
            unqueue(index)
            giveBack(index, into: &actions)
        }
    }

    private mutating func dropQueue(_ kind: ExecutorKind, into actions: inout [Action]) {
        while queue(kind).head != noIndex {
            let index = queue(kind).head
            unqueue(index)
            forget(index, into: &actions)
        }
    }

    mutating func unqueue(_ index: UInt32) {
        withQueue(attempts[index].kind) { table, list in table.unlink(index, from: &list) }
    }
}
