// What `decide` does: timers, pipelines, idle slots.
//
// Pipelines are filled in rounds, one attempt per slot and round, idle slots first: with few attempts every
// slot has one, with many each has about `lookaheadTarget` of work. A slot does not refill with one kind
// while an older attempt of the other kind waits and could run here, or that one would wait for ever.
//
// What the scheduler forgot, it counts no longer: for its memory and its gpus others may have come already.
// A slot is taken until its attempt is really gone, and where each attempt takes one cpu and nothing else,
// that is enough. But where one is *counted* (it takes more, or the worker has fewer cpus than slots),
// nothing begins while something that is to be dropped may still run.

import TaskModel

extension WorkerStateMachine {
    mutating func fillPipelines(now: Instant, into actions: inout [Action]) {
        guard !pythonQueue.isEmpty || !swiftQueue.isEmpty else { return }
        if dropping > 0, attempts.counted > 0 { return }
        if shape.devices > 0 {
            fillByDevices(now: now, into: &actions)
        } else {
            for number in slots.indices where slots[number].pipeline.isEmpty {
                guard let kind = oldestRunnable(on: slots[number]) else { continue }
                sendFirst(of: kind, to: number, now: now, into: &actions)
            }
        }
        var sent = true
        while sent, !pythonQueue.isEmpty || !swiftQueue.isEmpty {
            sent = false
            for number in slots.indices where hasRoom(slots[number], now: now) {
                let kind = slots[number].active
                guard oldestRunnable(on: slots[number]) == kind else { continue }
                sendFirst(of: kind, to: number, now: now, into: &actions)
                sent = true
            }
        }
    }

    private func hasRoom(_ slot: Slot, now: Instant) -> Bool {
        guard !slot.pipeline.isEmpty, slot.pipeline.count < Limits.lookaheadMax,
            slot.backlog < Limits.lookaheadTarget, now < overdue(slot)
        else { return false }
        // Nothing is sent behind an attempt that is being stopped: its executor may not survive it.
        switch attempts[slot.pipeline.head].phase {
        case .running, .sent: return true
        case .stopping, .killed, .free, .queued: return false
        }
    }

    /// The kind whose oldest attempt is older than that of the other, among those with a ready executor here.
    private func oldestRunnable(on slot: Slot) -> ExecutorKind? {
        let python = runnable(.python, on: slot)
        let swift = runnable(.swift, on: slot)
        if python == noIndex { return swift == noIndex ? nil : .swift }
        if swift == noIndex { return .python }
        return attempts[python].order < attempts[swift].order ? .python : .swift
    }

    private func runnable(_ kind: ExecutorKind, on slot: Slot) -> UInt32 {
        guard let executor = slot.executor(kind), executors[executor.int].isReady else { return noIndex }
        let head = queue(kind).head
        return head == noIndex || suits(executor, head) ? head : noIndex
    }

    /// Swift executors start when there is work for them: one per waiting attempt, on idle slots first.
    mutating func startOnDemand(now: Instant, into actions: inout [Action]) {
        startSpares(now: now, into: &actions)
        var waiting = swiftQueue.count
        for slot in slots where waiting > 0 && slot.pipeline.isEmpty {
            waiting -= startForWaiting(slot, now: now, into: &actions) ? 1 : 0
        }
        for slot in slots where waiting > 0 && !slot.pipeline.isEmpty {
            waiting -= startForWaiting(slot, now: now, into: &actions) ? 1 : 0
        }
    }

    /// True when the slot's Swift executor will take one of the waiting attempts.
    private mutating func startForWaiting(_ slot: Slot, now: Instant, into actions: inout [Action]) -> Bool {
        guard let executor = slot.swift else { return false }
        switch executors[executor.int].phase {
        case .absent:
            startProcess(executor, now: now, into: &actions)
            return true
        case .starting, .killed, .dead: return true
        case .ready: return slot.pipeline.isEmpty && suits(executor, swiftQueue.head)
        }
    }

    private mutating func startSpares(now: Instant, into actions: inout [Action]) {
        guard sparesWanted else { return }
        for place in executors.indices where executors[place].slot == nil && executors[place].isAbsent {
            startProcess(ExecutorIndex(place), now: now, into: &actions)
        }
    }

    /// When no executor of a kind can be had, because the worker offers none or because their starts keep
    /// failing, what waits for one is told so instead of waiting for ever.
    mutating func failUnservable(_ kind: ExecutorKind, into actions: inout [Action]) {
        guard !queue(kind).isEmpty else { return }
        var failing: ExecutorIndex?
        for place in executors.indices where executors[place].kind == kind && executors[place].slot != nil {
            if executors[place].failures < Limits.executorStartFailuresMax {
                guard executors[place].isAbsent else { return }
            } else {
                failing = failing ?? ExecutorIndex(place)
            }
        }
        let isOffered = kind == .python ? shape.python : shape.swift
        guard !isOffered || failing != nil else { return }
        while queue(kind).head != noIndex {
            let index = queue(kind).head
            unqueue(index)
            conclude(index, .lost, .unservable, because: failing, into: &actions)
        }
    }

    // MARK: Idle slots

    /// An idle slot gets half of what waits behind the first attempt of the longest pipeline.
    mutating func rebalance(now: Instant, into actions: inout [Action]) {
        guard rebalancing == 0, !draining else { return }
        rebalance(.python, now: now, into: &actions)
        rebalance(.swift, now: now, into: &actions)
    }

    private mutating func rebalance(_ kind: ExecutorKind, now: Instant, into actions: inout [Action]) {
        guard rebalancing == 0, queue(kind).isEmpty, hasIdleSlot(kind) else { return }
        var victim: Int?
        for number in slots.indices where isWorthTaking(from: slots[number], kind, now: now) {
            guard let best = victim else {
                victim = number
                continue
            }
            if slots[number].pipeline.count > slots[best].pipeline.count { victim = number }
        }
        guard let victim else { return }
        var index = slots[victim].pipeline.tail
        for _ in 0..<(slots[victim].pipeline.count / 2) where index != noIndex {
            if attempts[index].isUnstarted, attempts[index].wish == .none {
                attempts[index].wish = .rebalance
                rebalancing += 1
                askBack(index, into: &actions)
            }
            index = attempts[index].previous
        }
    }

    func hasIdleSlot(_ kind: ExecutorKind) -> Bool {
        for slot in slots where slot.pipeline.isEmpty {
            if let executor = slot.executor(kind), executors[executor.int].isReady { return true }
        }
        return false
    }

    private func isWorthTaking(from slot: Slot, _ kind: ExecutorKind, now: Instant) -> Bool {
        guard slot.active == kind, slot.pipeline.count > 1 else { return false }
        return slot.backlog >= Limits.rebalanceAfter || now >= overdue(slot)
    }

    /// When the first of the pipeline has run for so long that what is behind it is better off elsewhere.
    func overdue(_ slot: Slot) -> Instant {
        switch attempts[slot.pipeline.head].phase {
        case .running(_, let since), .stopping(_, let since, _): since + Limits.rebalanceAfter
        case .free, .queued, .sent, .killed: .distantFuture
        }
    }
}
