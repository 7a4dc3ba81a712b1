package import TaskModel

/// A picture of a worker, for reports, listings and tests.
package struct WorkerSnapshot: Sendable, Hashable {
    package struct Running: Sendable, Hashable {
        package let attempt: AttemptID
        package let slot: Int
        package let since: Instant
        package let isStopping: Bool
    }

    /// One per slot that runs something, in the order of the slots.
    package var running: [Running] = []
    /// Sent to an executor, behind another.
    package var waitingInPipelines = 0
    package var queued = 0
    package var readyExecutors = 0
    package var isDraining = false
}

extension WorkerStateMachine {
    package func snapshot() -> WorkerSnapshot {
        var snapshot = WorkerSnapshot()
        for (number, slot) in slots.enumerated() where !slot.pipeline.isEmpty {
            let attempt = attempts[slot.pipeline.head]
            switch attempt.phase {
            case .running(_, let since):
                snapshot.running.append(
                    .init(attempt: attempt.id, slot: number, since: since, isStopping: false))
            case .stopping(_, let since, _):
                snapshot.running.append(
                    .init(attempt: attempt.id, slot: number, since: since, isStopping: true))
            case .killed, .sent, .free, .queued:
                break
            }
            snapshot.waitingInPipelines += slot.pipeline.count - 1
        }
        snapshot.queued = pythonQueue.count + swiftQueue.count
        for executor in executors where executor.isReady { snapshot.readyExecutors += 1 }
        snapshot.isDraining = draining
        return snapshot
    }

    /// The slots whose executors run something now: those whose memory is worth a look.
    package func busyExecutors(into busy: inout [ExecutorIndex]) {
        busy.removeAll(keepingCapacity: true)
        for slot in slots where !slot.pipeline.isEmpty {
            if let executor = slot.executor(slot.active) { busy.append(executor) }
        }
    }

    package var attemptCount: Int { attempts.count }

    /// Whether every executor that has to be warm before the worker joins is ready.
    package var isWarm: Bool {
        for slot in slots {
            if let python = slot.python, !executors[python.int].isReady { return false }
        }
        if let swift = slots[0].swift, !executors[swift.int].isReady { return false }
        return true
    }

    /// Starts of this place that failed since the last that succeeded.
    package func failures(of executor: ExecutorIndex) -> Int { executors[executor.int].failures }

    /// Traps when the tables contradict each other. For tests.
    package func checkInvariants() {
        var seen = 0
        seen += checkQueue(pythonQueue, .python)
        seen += checkQueue(swiftQueue, .swift)
        var rebalancing = 0
        var dropping = 0
        for (number, slot) in slots.enumerated() {
            seen += slot.pipeline.count
            let wishes = checkPipeline(slot, number)
            rebalancing += wishes.rebalance
            dropping += wishes.drop
        }
        precondition(seen == attempts.count, "every attempt is in exactly one list")
        precondition(rebalancing == self.rebalancing, "attempts asked back for idle slots are counted")
        precondition(dropping == self.dropping, "attempts to be dropped are counted")
        checkPlaces()
    }

    private func checkQueue(_ list: AttemptList, _ kind: ExecutorKind) -> Int {
        var index = list.head
        // Per rank.
        var orders = [UInt64](repeating: 0, count: 256)
        var count = 0
        while index != noIndex {
            let attempt = attempts[index]
            guard case .queued = attempt.phase else { preconditionFailure("queued attempts are queued") }
            precondition(attempt.kind == kind, "a queue holds one kind")
            precondition(attempt.wish == .none, "nothing is wished for what is here")
            let rank = Int(attempt.rank) + 128
            precondition(attempt.order > orders[rank], "equals of a queue are in the order of admission")
            orders[rank] = attempt.order
            count += 1
            index = attempt.next
        }
        precondition(count == list.count, "a list's count is its length")
        return count
    }

    private func checkPipeline(_ slot: Slot, _ number: Int) -> (rebalance: Int, drop: Int) {
        var index = slot.pipeline.head
        var backlog = Interval.zero
        var count = 0
        var wishes = (rebalance: 0, drop: 0)
        while index != noIndex {
            let attempt = attempts[index]
            precondition(pipelineSlot(of: index) == number, "a pipeline's attempts know their slot")
            precondition(attempt.kind == slot.active, "a pipeline holds one kind")
            precondition(
                attempt.isUnstarted == (count > 0), "the first of a pipeline runs, the others do not")
            if let executor = slot.executor(slot.active) {
                precondition(
                    executors[executor.int].devices == attempt.devices,
                    "a process serves one set of devices")
            }
            backlog = backlog + attempt.estimate
            count += 1
            wishes.rebalance += attempt.wish == .rebalance ? 1 : 0
            wishes.drop += attempt.wish == .drop ? 1 : 0
            index = attempt.next
        }
        precondition(count == slot.pipeline.count, "a list's count is its length")
        precondition(backlog == slot.backlog, "a backlog is the sum of its estimates")
        return wishes
    }

    private func checkPlaces() {
        for (place, executor) in executors.enumerated() {
            guard let number = executor.slot else { continue }
            let slot = slots[Int(number)]
            precondition(
                slot.executor(executor.kind)?.int == place, "a slot and its executor know each other")
        }
    }
}
