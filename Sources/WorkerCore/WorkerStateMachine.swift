// What a worker does with the attempts that the scheduler gives it.
//
//     admitted -> queue of its kind -> pipeline of a slot -> first of the pipeline: it runs -> finished
//
// An executor gets several attempts when tasks are short, so that it never waits for the two hops of its
// socket. What is behind the first of a pipeline has not started, and can be had back: for another slot, for
// the scheduler, for a cancel. Whether that came in time is told by what the executor answers, `returned` or
// `finished`, never by what was asked.
//
// Results are read before a death is absorbed, so at that moment the first of the pipeline is the one that
// ran, and only it is blamed.

package import TaskModel

package struct WorkerStateMachine: ~Copyable {
    let shape: WorkerShape
    var attempts = AttemptTable()
    var slots: [Slot] = []
    var executors: [Executor] = []
    var estimates = Estimates()
    var pythonQueue = AttemptList()
    var swiftQueue = AttemptList()
    var draining = false
    var left = false
    var sparesWanted = false
    /// Attempts that were asked back for an idle slot; while there are any, no more are.
    var rebalancing = 0
    /// Attempts in pipelines that nobody wants to hear of again.
    var dropping = 0

    /// Earliest instant at which `decide` must run again even without events.
    package internal(set) var wakeUp = Instant.distantFuture

    package init(_ shape: WorkerShape) {
        precondition(shape.slots > 0 && shape.slots <= Limits.slotsPerWorkerMax, "slots are out of range")
        self.shape = shape
        for number in 0..<shape.slots {
            var slot = Slot()
            if shape.python { slot.python = addExecutor(.python, slot: number) }
            if shape.swift { slot.swift = addExecutor(.swift, slot: number) }
            slots.append(slot)
        }
        if shape.python {
            for _ in 0..<shape.spares { _ = addExecutor(.python, slot: nil) }
        }
    }

    private mutating func addExecutor(_ kind: ExecutorKind, slot: Int?) -> ExecutorIndex {
        executors.append(Executor(kind: kind, slot: slot.map { UInt16($0) }))
        return ExecutorIndex(executors.count - 1)
    }

    /// Starts what must be warm before the worker joins: the Python executor of each slot, and one Swift
    /// executor, which names the functions that it has.
    package mutating func start(now: Instant, into actions: inout [Action]) {
        for slot in slots {
            if let python = slot.python { startProcess(python, now: now, into: &actions) }
        }
        if let swift = slots[0].swift { startProcess(swift, now: now, into: &actions) }
    }

    package var executorCount: Int { executors.count }

    package func kind(of executor: ExecutorIndex) -> ExecutorKind { executors[executor.int].kind }

    /// A function to keep an estimate for.
    package mutating func addFunction() -> FunctionSlot { estimates.add() }

    package mutating func removeFunction(_ function: FunctionSlot) { estimates.remove(function) }

    // MARK: Attempts come and go

    /// The attempt that a record names, if it is held.
    package func find(_ id: AttemptID) -> AttemptSlot? { attempts.find(id).map { attempts.slot($0) } }

    package func id(of slot: AttemptSlot) -> AttemptID? { attempts.index(slot).map { attempts[$0].id } }

    /// Takes an attempt; `decide` sends it. Nil when it is held already, or when too many are: then it is to
    /// be given back.
    package mutating func admit(_ order: AttemptOrder) -> AttemptSlot? {
        guard attempts.count < Limits.attemptsPerWorkerMax, attempts.find(order.id) == nil else { return nil }
        precondition(order.kind != .command, "no executor here runs commands; conclude it at the door")
        let index = attempts.insert(order)
        if order.devices != 0 { sparesWanted = true }
        switch order.kind {
        case .python, .command: attempts.enqueue(index, into: &pythonQueue)
        case .swift: attempts.enqueue(index, into: &swiftQueue)
        }
        return attempts.slot(index)
    }

    /// An executor sent an outcome. The server passes it on as the verdict says, at once.
    ///
    /// - Parameter ran: nil when the outcome says nothing about the function's run time.
    package mutating func finish(
        _ id: AttemptID, status: OutcomeStatus, ran: Interval?, by executor: ExecutorIndex, now: Instant,
        into actions: inout [Action]
    ) -> (verdict: Verdict, slot: AttemptSlot)? {
        guard let index = held(id, by: executor) else { return nil }
        let attempt = attempts[index]
        if let ran { estimates.learn(attempt.function, ran: ran) }
        let slot = attempts.slot(index)
        takeFromPipeline(index, now: now, into: &actions)
        attempts.remove(index)
        let verdict: Verdict
        switch (attempt.wish, status) {
        case (.drop, _): verdict = .discard
        case (.none, _), (.rebalance, _), (.giveBack, _), (_, .value): verdict = .forward
        case (.cancel, _): verdict = .forwardAs(.cancelled, .clientRequest)
        case (.timeOut, _): verdict = .forwardAs(.timedOut, .executionTimeout)
        }
        return (verdict, slot)
    }

    /// Its index, if the executor holds it: usually it is the first of the pipeline.
    private func held(_ id: AttemptID, by executor: ExecutorIndex) -> UInt32? {
        guard let number = executors[executor.int].slot else { return nil }
        let slot = slots[Int(number)]
        guard !slot.pipeline.isEmpty, slot.active == executors[executor.int].kind else { return nil }
        if attempts[slot.pipeline.head].id == id { return slot.pipeline.head }
        guard let index = attempts.find(id), pipelineSlot(of: index) == Int(number) else { return nil }
        return index
    }

    /// The slot in whose pipeline the attempt is.
    func pipelineSlot(of index: UInt32) -> Int? {
        switch attempts[index].phase {
        case .free, .queued: nil
        case .sent(let slot): Int(slot)
        case .running(let slot, _): Int(slot)
        case .stopping(let slot, _, _): Int(slot)
        case .killed(let slot): Int(slot)
        }
    }

    // MARK: Events

    /// Records a fact. Sends nothing to executors that `decide` would send.
    package mutating func absorb(_ event: Event, now: Instant, into actions: inout [Action]) {
        switch event {
        case .retractRequested(let slot): retractRequested(slot, into: &actions)
        case .cancelRequested(let slot): cancelRequested(slot, now: now, into: &actions)
        case .sessionForgotten(let session): sessionForgotten(session, now: now, into: &actions)
        case .expelled: expelled(into: &actions)
        case .drainRequested: drainRequested(into: &actions)
        case .executorReady(let executor): executorReady(executor)
        case .executorDied(let executor): executorDied(executor, now: now, into: &actions)
        case .executorBroke(let executor): kill(executor, .broken, into: &actions)
        case .executorUnfit(let executor): kill(executor, .hung, into: &actions)
        case .memoryExceeded(let executor): kill(executor, .memory, into: &actions)
        case .attemptReturned(let slot, let executor):
            attemptReturned(slot, by: executor, now: now, into: &actions)
        case .looked(let slot, let executor, let activity):
            looked(slot, executor, activity, now: now, into: &actions)
        case .initializerEnded(let session, let executor):
            executors[executor.int].initializing = session
        }
    }

    /// Once per turn of the loop, after its events: runs timers, fills pipelines, moves work to idle slots.
    package mutating func decide(now: Instant, into actions: inout [Action]) {
        attempts.reclaim()
        runTimers(now: now, into: &actions)
        if draining { giveBackQueues(into: &actions) }
        failUnservable(.python, into: &actions)
        failUnservable(.swift, into: &actions)
        fillPipelines(now: now, into: &actions)
        startOnDemand(now: now, into: &actions)
        rebalance(now: now, into: &actions)
        if draining, !left, attempts.count == 0 {
            left = true
            actions.append(.leave)
        }
        wakeUp = nextTimer(now: now)
    }
}

extension WorkerStateMachine {
    mutating func withQueue<Result>(
        _ kind: ExecutorKind, _ body: (inout AttemptTable, inout AttemptList) -> Result
    ) -> Result {
        switch kind {
        case .python, .command: body(&attempts, &pythonQueue)
        case .swift: body(&attempts, &swiftQueue)
        }
    }

    func queue(_ kind: ExecutorKind) -> AttemptList {
        switch kind {
        case .python, .command: pythonQueue
        case .swift: swiftQueue
        }
    }
}
