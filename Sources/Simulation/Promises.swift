// What the auditor holds against what crosses the wires of the scheduler.

import TaskModel

extension Auditor {
    func admitted(_ id: TaskID) {
        _ = update(id) { task in
            if task.isAdmitted { complain("a task is admitted for the second time", id) }
            task.isAdmitted = true
            task.arrival = world.now
        }
        world.referee?.admitted(id)
    }

    func stored(_ kind: SchedulerActionName, _ id: TaskID) {
        _ = update(id) { task in
            switch kind {
            case .recordSubmitted: task.isStored = true
            case .recordDispatched: task.dispatchesStored += 1
            case .recordEnded: task.isEndStored = true
            case .accept, .assign, .retract, .stop, .conclude, .deliver, .notifyStarted, .forget,
                .dropValue, .blame, .forgetSession, .drain:
                preconditionFailure("not an entry of the store")
            }
        }
    }

    // MARK: Cancel

    func cancelArrived(_ id: TaskID, alsoRunning: Bool) {
        _ = update(id) { task in
            settleLoss(&task)
            guard task.due == nil else { return }
            if alsoRunning {
                task.cancel = .strong
            } else if task.holder == nil || !task.startReported {
                task.cancel = max(task.cancel, .weak)
            }
        }
    }

    func startArrived(_ attempt: AttemptID, from worker: SessionID) {
        _ = update(attempt.task) { task in
            guard isCurrent(attempt, of: task, at: worker), !isDropped(attempt.task.session) else { return }
            if !task.startReported { self.worker(worker)?.started += 1 }
            task.startReported = true
            if task.cancel == .weak { task.cancel = .none }
        }
    }

    // MARK: Attempts leave

    func assignLeft(_ assignment: Assignment, to session: SessionID) {
        let id = assignment.attempt.task
        guard let worker = worker(session), !worker.isGone else {
            return complain("an attempt is sent to a worker that is gone", id)
        }
        worker.held += 1
        let slots = worker.offer.slots
        if worker.held > slots * (1 + Limits.prefetchPerSlotMax) {
            complain("worker \(worker.node) holds \(worker.held) attempts for \(slots) slots", id)
        }
        let kind: ExecutorKind = assignment.isConversion ? .python : assignment.spec.kind
        if !worker.offer.serves(kind, assignment.spec.wish) {
            complain("worker \(worker.node) is given a task that it can never run", id)
        }
        if !worker.takesTasks, assignment.spec.isIdempotent {
            complain("worker \(worker.node) is draining and is given an attempt", id)
        }
        if isDropped(id.session) { complain("an attempt leaves for a session that is closed", id) }
        checkInputs(assignment)
        guard !isInternal(id) else { return }
        _ = update(id) { task in
            settleLoss(&task)
            checkDeparture(assignment, task)
            task.holder = worker
            task.attempt = assignment.attempt.number
            task.startReported = false
            task.mayHaveStarted = true
            task.dispatchesLeft += 1
        }
        world.referee?.placed(id, on: worker.node)
    }

    private func checkDeparture(_ assignment: Assignment, _ task: Task) {
        let id = assignment.attempt.task
        if !task.isAdmitted { complain("an attempt of a task that was not admitted", id) }
        if task.due != nil { complain("an attempt leaves after the task has ended", id) }
        if task.holder != nil { complain("an attempt leaves while a worker has another one", id) }
        if assignment.attempt.number <= task.attempt { complain("attempts are not numbered in order", id) }
        if task.cancel != .none { complain("an attempt leaves after the task was cancelled", id) }
        if task.exceptions > task.spec.retries { complain("it raised and is retried too often", id) }
        if task.crashes > Limits.executorCrashesMax { complain("a poison task is run again", id) }
        let deaths = task.deaths.count { $0.backAt == nil }
        if deaths >= Limits.workerLossesMax { complain("it killed its workers and is run again", id) }
        if task.losses > Limits.workerAbsencesMax { complain("it was lost too often and is run again", id) }
        // A dispatch that was being recorded leaves as soon as it is, also in the turn that finds the
        // deadline past.
        let instant = task.spec.isIdempotent ? world.now : world.scheduler.turnBefore
        if hasExpired(task, at: instant) { complain("an attempt leaves after its deadline", id) }
        checkBackoff(task, id)
        guard !task.spec.isIdempotent else { return }
        if task.mayHaveStarted { complain("it is not idempotent, may have started, and leaves again", id) }
        if task.dispatchesStored <= task.dispatchesLeft {
            complain("it is not idempotent and leaves before its dispatch is in the store", id)
        }
    }

    // MARK: Times

    /// Clocks are wrong by up to five in a hundred: whether the deadline has certainly passed, and whether it
    /// may have.
    private func hasExpired(_ task: Task, at instant: Instant) -> Bool {
        guard task.spec.deadline > 0 else { return false }
        let deadline = Int64(task.spec.deadline) * 1_000_000
        return (instant - task.arrival).nanoseconds / 106 * 100 > deadline
    }

    private func mayHaveExpired(_ task: Task) -> Bool {
        guard task.spec.deadline > 0 else { return false }
        return (world.now - task.arrival).nanoseconds / 94 * 100 >= Int64(task.spec.deadline) * 1_000_000
    }

    /// A retry waits for at least half of its delay, which doubles with each.
    private func checkBackoff(_ task: Task, _ id: TaskID) {
        guard task.spec.backoff > 0, task.exceptions > 0 else { return }
        let limit = Int64(task.spec.backoffMax) * 1_000_000
        let longest =
            limit > 0 ? limit : max(Limits.backoffMax.nanoseconds, Int64(task.spec.backoff) * 1_000_000)
        let doubled = Int64(task.spec.backoff) * 1_000_000 << Int64(task.exceptions - 1)
        let waited = (world.now - task.lastException).nanoseconds
        if waited / 94 * 100 < min(doubled, longest) / 2 {
            complain("a retry leaves before its delay is over", id)
        }
    }

    /// An attempt has the values of exactly its dependencies, made by the attempts that count.
    func checkInputs(_ assignment: Assignment) {
        let id = assignment.attempt.task
        if !isInternal(id) {
            let wanted = task(id)?.dependencies ?? []
            if assignment.inputs.map(\.task.sequence) != wanted {
                complain("an attempt does not have the values of its dependencies", id)
            }
        } else if assignment.inputs.count != 1 {
            complain("a conversion converts one value", id)
        }
        for input in assignment.inputs {
            guard let due = task(input.task)?.due, due.status == .value else {
                return complain("an attempt has a value of \(input.task), which has none", id)
            }
            if Token(of: AttemptID(task: input.task, number: due.attempt)) != input.value {
                complain("an attempt has another value of \(input.task) than its outcome", id)
            }
        }
    }

    // MARK: Attempts come back

    private func isCurrent(_ attempt: AttemptID, of task: Task, at session: SessionID) -> Bool {
        guard let worker = worker(session), !worker.isGone else { return false }
        return task.holder === worker && task.attempt == attempt.number
    }

    /// Its worker is gone: the attempt is lost.
    private func settleLoss(_ task: inout Task) {
        guard let holder = task.holder, holder.isGone else { return }
        task.holder = nil
        task.departures += 1
        guard holder.hasDied else {
            task.losses += 1
            return
        }
        // What is not known to run was held ahead if as many as can are known to.
        if task.startReported { task.deaths.append(holder) }
        if task.startReported || holder.started < holder.offer.slots { task.possibleDeaths.append(holder) }
    }

    func returnArrived(_ attempt: AttemptID, from session: SessionID) {
        if isInternal(attempt.task) { worker(session)?.held -= 1 }
        _ = update(attempt.task) { task in
            guard isCurrent(attempt, of: task, at: session) else { return }
            worker(session)?.held -= 1
            task.holder = nil
            task.mayHaveStarted = false
            if task.startReported { worker(session)?.started -= 1 }
            task.startReported = false
            if task.cancel != .none { task.due = (.cancelled, attempt.number) }
            world.referee?.returned(attempt.task)
        }
    }

    func reportArrived(_ report: Report, from session: SessionID) {
        let attempt = report.attempt
        if isInternal(attempt.task) { worker(session)?.held -= 1 }
        _ = update(attempt.task) { task in
            guard isCurrent(attempt, of: task, at: session) else { return }
            worker(session)?.held -= 1
            if task.startReported { worker(session)?.started -= 1 }
            task.holder = nil
            if let value = report.value, value != Token(of: attempt) {
                complain("a report has a value that its attempt did not make", attempt.task)
            }
            switch (report.status, report.reason) {
            case (.exception, .none):
                task.exceptions += 1
                task.lastException = world.now
            case (.lost, .executorCrashed), (.lost, .memoryLimit):
                task.crashes += 1
                if task.crashes > task.runsVanished {
                    complain(
                        "an attempt is blamed for the death of an executor that did not run it", attempt.task)
                }
            case (.lost, .workerLost):
                task.losses += 1
                task.departures += 1
            case _: break
            }
            task.due = end(after: report, task).map { ($0, attempt.number) }
            if task.cancel != .strong, hasExpired(task, at: world.scheduler.turnBefore) {
                task.due = (.timedOut, attempt.number)
            }
        }
    }

    /// What the task ends with after this report; nil if it is owed another attempt.
    private func end(after report: Report, _ task: Task) -> OutcomeStatus? {
        if task.cancel == .strong { return .cancelled }
        let isOwedMore = task.cancel == .none && task.spec.isIdempotent
        switch (report.status, report.reason) {
        case (.exception, .none):
            return isOwedMore && task.spec.isRetryable && task.exceptions <= task.spec.retries
                ? nil : .exception
        case (.lost, .executorCrashed), (.lost, .memoryLimit):
            return isOwedMore && task.crashes <= Limits.executorCrashesMax ? nil : .lost
        case (.lost, .workerLost):
            if task.cancel != .none { return .cancelled }
            return isOwedMore && task.losses <= Limits.workerAbsencesMax ? nil : .lost
        case _:
            return report.status
        }
    }

    // MARK: Outcomes

    func outcomeLeft(_ outcome: Outcome) {
        let id = outcome.attempt.task
        guard !isInternal(id) else { return complain("an internal task is delivered", id) }
        guard let task = task(id) else { return }
        if !task.isEndStored { complain("an outcome leaves before the end is in the store", id) }
        if !task.isStored { complain("an outcome leaves before the task is in the store", id) }
    }

    /// The outcome that a client sees.
    func judge(_ outcome: Outcome, _ seen: Task, _ id: TaskID) {
        var task = seen
        settleLoss(&task)
        if let value = outcome.value, value != Token(of: outcome.attempt) {
            complain("an outcome has a value that its attempt did not make", id)
        }
        if outcome.status == .value, outcome.value == nil { complain("a value without a value", id) }
        if outcome.reason == .deadlineExceeded {
            if outcome.status != .timedOut { complain("a deadline ends a task as \(outcome.status)", id) }
            if !mayHaveExpired(task) { complain("a task is timed out before its deadline", id) }
            return
        }
        if let due = task.due {
            if due.status != outcome.status {
                complain("a task ended as \(due.status) and its client is told \(outcome.status)", id)
            }
            if due.status == .value, due.attempt != outcome.attempt.number {
                complain("a client is told of another attempt than the one that counts", id)
            }
            return checkPossible(outcome, task, id)
        }
        if task.holder != nil { complain("a task has an outcome while a worker has its attempt", id) }
        switch (outcome.status, outcome.reason) {
        case (.cancelled, .clientRequest):
            if task.cancel == .none { complain("a task was cancelled that nobody cancelled", id) }
        case (.cancelled, .dependencyFailed), (.exception, .dependencyFailed):
            break
        case (.lost, .notIdempotent):
            // It may have run also where as many as can were known to: one of them may have ended.
            if task.spec.isIdempotent || task.departures == 0 {
                complain("a task is lost for no reason", id)
            }
        case (.lost, .workerLost):
            let deaths = task.possibleDeaths.count { $0.backAt ?? .max > task.concludedAt }
            let absences = task.losses + task.possibleDeaths.count - deaths
            if deaths < Limits.workerLossesMax, absences <= Limits.workerAbsencesMax {
                complain("a task was given up too early", id)
            }
        case (.refused, .unservable):
            if !task.isUnservable { complain("a task is refused that could be served", id) }
        case (.refused, .limitExceeded):
            if task.isAdmitted { complain("a task is refused that was admitted", id) }
        case _:
            complain("an outcome that no attempt reported: \(outcome.status) \(outcome.reason)", id)
        }
    }

    /// Whether the task could end so at all.
    private func checkPossible(_ outcome: Outcome, _ task: Task, _ id: TaskID) {
        let isPossible: Bool
        switch (outcome.status, outcome.reason) {
        case (.exception, .none):
            isPossible =
                if case .raises = task.spec.behaviour { true } else { false }
        case (.exception, .notSerializable): isPossible = task.spec.behaviour == .notSerializable
        case (.cancelled, .clientRequest): isPossible = task.cancel != .none
        case (.timedOut, .executionTimeout): isPossible = task.spec.timeout != nil
        case (.lost, .executorCrashed), (.lost, .memoryLimit): isPossible = task.runsVanished > 0
        case (.lost, .unservable), (.lost, .notIdempotent), (.lost, .workerLost), (.value, .none):
            isPossible = true
        case _:
            isPossible = false
        }
        if !isPossible { complain("a task cannot end as \(outcome.status) \(outcome.reason)", id) }
    }

    // MARK: Leases

    /// The scheduler declared a session lost.
    func lost(_ session: SessionID, node: Int, silentFor silence: Interval) {
        let lease = world.isWorker(node) ? world.setting.workerLease : world.setting.clientLease
        if silence.nanoseconds < lease.nanoseconds * 8 / 10 {
            complain("node \(node) is declared lost after \(silence.nanoseconds / 1_000_000) ms", nil)
        }
    }
}
