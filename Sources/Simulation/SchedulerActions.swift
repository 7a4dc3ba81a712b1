// Actions of the scheduler's core, carried out.

import SchedulerCore
import TaskModel

extension SchedulerNode {
    func run(_ action: Action, _ now: Instant) {
        world.coverage.count(SchedulerActionName(action))
        switch action {
        case .record(let number, let entry): record(number, entry, SchedulerActionName(action))
        case .accept(let session, let upTo):
            guard let client = client(session) else { return }
            client.acceptedUpTo = max(client.acceptedUpTo, upTo)
            expectAccept(now)
            touch(client)
        case .assign(let task, let attempt, let worker):
            assign(task, attempt, to: worker)
        case .retract(let task, let attempt, let worker):
            guard let row = slab[task] else { return }
            send(.retract(AttemptID(task: row.id, number: attempt)), last: true, to: worker)
        case .stop(let task, let attempt, let worker):
            guard let row = slab[task] else { return }
            send(.stop(AttemptID(task: row.id, number: attempt)), last: true, to: worker)
        case .conclude(let task, let status, let reason, let cause):
            conclude(task, status, reason, cause)
        case .deliver(let task):
            guard let row = slab[task], let client = client(row.client) else { return }
            if client.link.isBlocked {
                client.deferred.append(task)
            } else {
                deliver(task, to: client)
            }
        case .notifyStarted(let task):
            guard let row = slab[task], let client = client(row.client) else { return }
            client.late.append(.started(AttemptID(task: row.id, number: row.attempt)))
            touch(client)
        case .forget(let task):
            leaveFunction(task)
            slab[task] = nil
        case .dropValue(let task, let slot):
            guard let row = slab[task], let worker = worker(slot) else { return }
            forgetValue(of: row.id, on: worker)
        case .blame(let task, _):
            guard let row = slab[task] else { return }
            world.note(row.id) { "scheduler: it may be why its worker is gone" }
        case .forgetSession(let worker, let session):
            self.worker(worker)?.introduced[session] = nil
            send(.forgetSession(session), last: false, to: worker)
        case .drain(let worker):
            send(.drain, last: false, to: worker)
        }
    }

    private func client(_ slot: SessionSlot) -> SchedulerEntry? {
        guard slot.index < clients.count, let entry = clients[Int(slot.index)],
            case .client(slot) = entry.peer
        else { return nil }
        return entry
    }

    func worker(_ slot: WorkerSlot) -> SchedulerEntry? {
        guard slot.index < workers.count, let entry = workers[Int(slot.index)],
            case .worker(slot) = entry.peer
        else { return nil }
        return entry
    }

    /// - last: behind everything else of this turn.
    private func send(_ record: Record, last: Bool, to slot: WorkerSlot) {
        guard let worker = worker(slot) else { return }
        if last { worker.late.append(record) } else { worker.link.outgoing.append(record) }
        touch(worker)
    }

    private func record(_ number: UInt64, _ entry: Action.Entry, _ kind: SchedulerActionName) {
        let slot: TaskSlot
        switch entry {
        case .submitted(let task), .dispatched(let task), .ended(let task): slot = task
        }
        guard let id = slab[slot]?.id else {
            return world.complain("a record names a task that has no payload", nil)
        }
        let isImmediate = !world.strikes(.slowStore)
        if !store.record(number, kind, of: id, isImmediate: isImmediate) {
            world.complain("record \(number) does not follow \(store.lastNumber)", id)
        }
    }

    private func assign(_ task: TaskSlot, _ attempt: UInt32, to slot: WorkerSlot) {
        ensureRow(task)
        guard let worker = worker(slot) else { return }
        slab[task]?.attempt = attempt
        guard let row = slab[task] else { return }
        core.dependencies(of: task, into: &dependencies)
        var inputs: [Assignment.Input] = []
        for dependency in dependencies {
            guard let producer = slab[dependency], let value = producer.value else {
                return world.complain("a task is assigned without the value of a dependency", row.id)
            }
            inputs.append(input(dependency, producer, value, to: slot, worker))
        }
        let assignment = Assignment(
            attempt: AttemptID(task: row.id, number: attempt), spec: row.spec,
            isConversion: core.conversionSource(of: task) != nil, inputs: inputs, rank: core.rank(of: task),
            devices: core.devices(of: task), isCounted: core.isCounted(task))
        world.note(row.id, at: worker.node) { "scheduler: attempt \(attempt) to worker \(worker.node)" }
        world.auditor.assignLeft(assignment, to: worker.session)
        introduce(assignment, to: worker)
        worker.link.outgoing.append(.assign(assignment))
        touch(worker)
    }

    /// A conversion has no submission, so it has no row until it is met.
    private func ensureRow(_ task: TaskSlot) {
        if slab[task] != nil { return }
        let id = core.id(of: task)
        guard let session = core.session(id.session) else {
            return world.complain("a task outlived its session", id)
        }
        var spec = TaskSpec()
        spec.function = Workload.conversionFunction
        spec.codec = .neutral
        spec.valueBytes = core.conversionSource(of: task).flatMap { slab[$0] }?.spec.valueBytes ?? 0
        slab[task] = Slab.Row(id: id, client: session, spec: spec)
    }

    private func conclude(
        _ task: TaskSlot, _ status: OutcomeStatus, _ reason: OutcomeReason, _ cause: TaskSlot?
    ) {
        guard slab[task] != nil || core.isCurrent(task) else { return }
        ensureRow(task)
        guard let row = slab[task] else { return }
        if status == .refused { world.auditor.foundUnservable(row.id) }
        world.auditor.concluded(row.id)
        world.note(row.id) { "scheduler: concluded as \(status) \(reason)" }
        let outcome = Outcome(
            attempt: AttemptID(task: row.id, number: row.attempt), status: status, reason: reason, value: nil,
            cause: cause.flatMap { slab[$0]?.id })
        leaveFunction(task)
        slab[task]?.outcome = outcome
    }

    func deliverDeferred(_ client: SchedulerEntry) {
        var sent = 0
        for task in client.deferred {
            if client.link.isBlocked { break }
            sent += 1
            if slab[task] != nil { deliver(task, to: client) }
        }
        client.deferred.removeFirst(sent)
    }

    private func deliver(_ task: TaskSlot, to client: SchedulerEntry) {
        guard let row = slab[task] else { return }
        guard let outcome = row.outcome else {
            return world.complain("an outcome is delivered before it exists", row.id)
        }
        world.auditor.outcomeLeft(outcome)
        client.link.outgoing.append(.outcome(outcome))
        touch(client)
    }
}
