// Outcomes, and their effect on whoever depends on the task.
//
// `end` commits: it is called once per task, from the one place where the phase becomes `ended`, so a second
// outcome has nowhere to go. Consumers are told afterwards by `announce`, from a list and not by recursion,
// since a failure may run down a chain of a hundred thousand tasks.
// A task is forgotten when its outcome is recorded and delivered, its client released it, and no unended
// task depends on it; a conversion is forgotten with the task whose value it converted.

import TaskModel

/// What a task ends with.
struct TaskEnd: BitwiseCopyable {
    var status: OutcomeStatus
    var reason: OutcomeReason
    var codec = Codec.pickle
    /// Rows of the last worker and of the dependency that failed, if any.
    var worker = UInt32.none
    var cause = UInt32.none
    var ranMicroseconds: UInt32 = 0
    var valueBytes: UInt32 = 0
    /// The worker keeps the value.
    var isHeld = false
}

extension Scheduler {
    /// Commits the outcome of a task that no queue and no worker has.
    mutating func end(_ task: UInt32, _ end: TaskEnd, now: Instant, into actions: inout [Action]) {
        let isConversion = tasks[task].flags.contains(.conversion)
        let ending = Ending(
            at: now, status: end.status, reason: end.reason, codec: end.codec,
            other: end.status == .value ? holdValue(of: task, end) : end.cause,
            causeGeneration: end.cause == .none ? 0 : tasks[end.cause].generation)
        tasks.enter(.ended(ending), task)
        voidDeadline(task)
        remember(task, end, now: now)
        if isConversion {
            // Internal: what it made can be made again, so nothing is recorded, and nobody waits for it.
            tasks.enter(.settled(ending), task)
        } else {
            sessions[tasks[task].session].unfinished -= 1
            let slot = tasks.slot(task)
            actions.append(.record(log.append(.ended(slot)), .ended(slot)))
        }
        dropEdges(task, into: &actions)
        unannounced.append(task)
    }

    /// Ends a task without an outcome of a worker.
    mutating func conclude(
        _ task: UInt32, _ status: OutcomeStatus, _ reason: OutcomeReason, cause: UInt32 = .none, now: Instant,
        into actions: inout [Action]
    ) {
        let slot = tasks.slot(task)
        actions.append(.conclude(slot, status, reason, cause: cause == .none ? nil : tasks.slot(cause)))
        end(task, TaskEnd(status: status, reason: reason, cause: cause), now: now, into: &actions)
    }

    /// Ends a task because a dependency has no value.
    mutating func fail(_ task: UInt32, because cause: UInt32, now: Instant, into actions: inout [Action]) {
        guard let ending = tasks[cause].phase.ending else { preconditionFailure("a cause has ended") }
        let status: OutcomeStatus = ending.status == .cancelled ? .cancelled : .exception
        conclude(task, status, .dependencyFailed, cause: cause, now: now, into: &actions)
    }

    /// Tells the consumers of all tasks that ended since the last time, and so on down the graph.
    mutating func announce(now: Instant, into actions: inout [Action]) {
        while let task = unannounced.popLast() {
            guard let ending = tasks[task].phase.ending else {
                preconditionFailure("only ends are announced")
            }
            let source = tasks[task].source
            if source != .none {
                announceConversion(task, of: source, ending, now: now, into: &actions)
                forgetIfUnneeded(source, into: &actions)
            } else if ending.status == .value {
                announceValue(task, ending, now: now)
            } else {
                // Each one that fails takes its edges with it.
                while tasks[task].consumers != .none {
                    fail(edges[tasks[task].consumers].consumer, because: task, now: now, into: &actions)
                }
            }
        }
    }

    private mutating func announceValue(_ task: UInt32, _ ending: Ending, now: Instant) {
        var edge = tasks[task].consumers
        while edge != .none {
            let consumer = edges[edge].consumer
            edge = edges[edge].nextOfProducer
            if ending.codec == .pickle, tasks[consumer].flags.contains(.needsNeutral) {
                _ = conversion(of: task, for: consumer, now: now)
            } else {
                supplied(consumer, now: now)
            }
        }
    }

    /// The neutral form is there, or cannot be made: that concerns those consumers that need it.
    private mutating func announceConversion(
        _ task: UInt32, of source: UInt32, _ ending: Ending, now: Instant, into actions: inout [Action]
    ) {
        var edge = tasks[source].consumers
        while edge != .none {
            let consumer = edges[edge].consumer
            let needsIt = tasks[consumer].flags.contains(.needsNeutral)
            if ending.status == .value {
                edge = edges[edge].nextOfProducer
                if needsIt { supplied(consumer, now: now) }
            } else {
                edge = edges.nextConsumer(after: edge)
                if needsIt { fail(consumer, because: task, now: now, into: &actions) }
            }
        }
    }

    private mutating func supplied(_ consumer: UInt32, now: Instant) {
        guard case .waiting(let missing) = tasks[consumer].phase else {
            preconditionFailure("a consumer waits until it has all values")
        }
        tasks.update(.waiting(missing: missing - 1), consumer)
        if missing == 1 { becomeReady(consumer, now: now) }
    }

    // MARK: Again

    /// Back to the front of its session's queue.
    mutating func requeue(_ task: UInt32, now: Instant) {
        tasks.enter(.ready(since: now), task)
        queues.addAgain(task, now: now, &tasks)
        noteIfUnserved(tasks[task].requirement)
    }

    mutating func requeueIfWanted(_ task: UInt32, now: Instant, into actions: inout [Action]) {
        if tasks[task].flags.isDisjoint(with: .unwanted) {
            requeue(task, now: now)
        } else {
            concludeUnwanted(task, now: now, into: &actions)
        }
    }

    /// A cancel decides before a deadline, whichever came first: it is what somebody asked for.
    private mutating func concludeUnwanted(_ task: UInt32, now: Instant, into actions: inout [Action]) {
        if tasks[task].flags.isDisjoint(with: .anyCancel) {
            conclude(task, .timedOut, .deadlineExceeded, now: now, into: &actions)
        } else {
            conclude(task, .cancelled, .clientRequest, now: now, into: &actions)
        }
    }

    /// Its attempt left for a worker that will not report on it. It may have run.
    mutating func lose(
        _ task: UInt32, _ loss: Loss, with worker: WorkerSlot, now: Instant, into actions: inout [Action]
    ) {
        let row = tasks[task]
        if !row.flags.isDisjoint(with: .unwanted) {
            return concludeUnwanted(task, now: now, into: &actions)
        }
        if !row.flags.contains(.idempotent) {
            conclude(task, .lost, .notIdempotent, now: now, into: &actions)
            return
        }
        if loss == .blamed {
            charges.add(tasks.slot(task), worker)
            actions.append(.blame(tasks.slot(task), worker))
        }
        if tasks[task].losses.count(loss) {
            counters.repeated += 1
            requeue(task, now: now)
        } else {
            conclude(task, .lost, .workerLost, now: now, into: &actions)
        }
    }

    // MARK: Forgetting

    private mutating func dropEdges(_ task: UInt32, into actions: inout [Action]) {
        var producer = edges.removeFirst(of: task, in: &tasks)
        while producer != .none {
            forgetIfUnneeded(producer, into: &actions)
            producer = edges.removeFirst(of: task, in: &tasks)
        }
    }

    mutating func forgetIfUnneeded(_ task: UInt32, into actions: inout [Action]) {
        guard case .settled(let ending) = tasks[task].phase, tasks[task].consumers == .none,
            tasks[task].flags.contains(.released), !tasks[task].flags.contains(.conversion)
        else { return }
        if ending.conversion != .none {
            guard case .settled = tasks[ending.conversion].phase else { return }
            drop(ending.conversion, into: &actions)
        }
        drop(task, into: &actions)
    }

    /// The last word on a task.
    mutating func drop(_ task: UInt32, into actions: inout [Action]) {
        if isOpen(task) { dropValue(of: task, into: &actions) } else { dropValueOfClosed(task) }
        actions.append(.forget(tasks.slot(task)))
        let row = tasks[task]
        voidDeadline(task)
        policies.giveBack(row.policy)
        tasks.unlink(task, fromSession: &sessions[row.session].firstTask)
        if !row.flags.contains(.conversion) {
            sequences.remove(row.sequence, in: &sessions[row.session].directory)
        }
        tasks.vacate(task)
    }

    private mutating func remember(_ task: UInt32, _ end: TaskEnd, now: Instant) {
        switch end.status {
        case .value: counters.succeeded += 1
        case .exception: counters.exceptions += 1
        case .cancelled: counters.cancelled += 1
        case .lost: counters.lost += 1
        case .timedOut: counters.timedOut += 1
        case .refused: counters.refused += 1
        }
        let row = tasks[task]
        history.append(
            EndedTask(
                id: taskID(task), function: FunctionKey(row.function), status: end.status, reason: end.reason,
                attempt: row.attempt, worker: end.worker == .none ? SessionID(0) : workers[end.worker].id,
                submitted: row.submitted, ended: now, ranMicroseconds: end.ranMicroseconds))
    }
}
