// Actions of the core, carried out in their order. Records go straight into the links of peers and leave
// with the flush at the end of the turn: one frame per peer, however many records.

import SchedulerCore
import SessionTransport
import StateStore
import TaskModel
import Wire

extension SchedulerLoop {
    /// Runs everything that waits, also what is appended meanwhile.
    mutating func runActions() {
        while !actions.isEmpty {
            swap(&actions, &running)
            for position in running.indices { run(running[position]) }
            running.removeAll(keepingCapacity: true)
        }
    }

    /// Runs the first `count` of the waiting actions only.
    mutating func runActions(first count: Int) {
        let due = Array(actions[..<count])
        actions.removeFirst(count)
        for action in due { run(action) }
    }

    private mutating func run(_ action: Action) {
        switch action {
        case .record(let number, _):
            store.record(number)
        case .accept(let session, let upTo):
            guard let client = peers.client(session) else { return }
            client.acceptedUpTo = max(client.acceptedUpTo, upTo)
            acceptDue = min(acceptDue, now + Limits.acceptDelay)
            markDirty(client)
        case .assign(let task, let attempt, let slot):
            guard let worker = peers.worker(slot) else { return }
            assign(task, attempt: attempt, to: worker)
        case .retract(let task, let attempt, let slot):
            guard let worker = peers.worker(slot) else { return }
            worker.retracts.append(AttemptID(task: tasks[task].id, number: attempt))
            markDirty(worker)
        case .stop(let task, let attempt, let slot):
            guard let worker = peers.worker(slot) else { return }
            worker.stops.append(AttemptID(task: tasks[task].id, number: attempt))
            markDirty(worker)
        case .conclude(let task, let status, let reason, let cause):
            conclude(task, status, reason, cause: cause)
        case .deliver(let task):
            deliver(task)
        case .notifyStarted(let task):
            guard let client = peers.client(tasks[task].client) else { return }
            client.started.append(AttemptID(task: tasks[task].id, number: tasks[task].attempt))
            client.hasMail = true
            markDirty(client)
        case .forget(let task):
            forget(task)
        case .dropValue(let task, let slot):
            guard let worker = peers.worker(slot) else { return }
            forgetValue(of: tasks[task].id, on: worker)
        case .blame(let task, let slot):
            guard let worker = peers.worker(slot) else { return }
            ensureEntry(task)
            blames[tasks[task].id, default: []].append(Blame(worker: slot, name: worker.displayName))
        case .forgetSession(let slot, let session):
            guard let worker = peers.worker(slot) else { return }
            worker.link.beginRecord(.forgetSession)
            worker.link.writer.uint64(session.rawValue)
            worker.link.endRecord()
        case .drain(let slot):
            guard let worker = peers.worker(slot) else { return }
            worker.isDraining = true
            worker.link.beginRecord(.drain)
            worker.link.endRecord()
        }
    }

    // MARK: Letting go

    /// The task will not be assigned again: its arguments, its share of the credit and its function go.
    mutating func releaseArguments(of task: TaskSlot) {
        guard tasks.holds(task), tasks[task].discharge() else { return }
        if let client = peers.client(tasks[task].client) {
            client.payloadBytes -= Int(tasks[task].submissionBytes)
        }
        leaveFunction(tasks[task].function)
    }

    private mutating func forget(_ task: TaskSlot) {
        releaseArguments(of: task)
        if !blames.isEmpty, tasks.holds(task) { blames[tasks[task].id] = nil }
        tasks.remove(task)
    }

    /// The worker is told at the end of the turn, or earlier if it needs the room.
    mutating func forgetValue(of task: TaskID, on worker: WorkerPeer) {
        worker.forgottenValues.append(task)
        markDirty(worker)
    }

    // MARK: Lists

    mutating func markDirty(_ client: ClientPeer) {
        if client.isDirty { return }
        client.isDirty = true
        dirtyClients.append(client)
    }

    private mutating func markDirty(_ worker: WorkerPeer) {
        if worker.isDirty { return }
        worker.isDirty = true
        dirtyWorkers.append(worker)
    }

    /// Writes what was collected over the turn. An acceptance alone waits a little: usually the outcome
    /// comes soon, and both leave in one frame that wakes the client once.
    mutating func sendLists() {
        let isDue = now >= acceptDue
        var waiting = 0
        for client in dirtyClients where !client.isClosed {
            guard isDue || client.hasMail else {
                dirtyClients[waiting] = client
                waiting += 1
                continue
            }
            client.isDirty = false
            client.hasMail = false
            if client.acceptedUpTo > client.acceptedSent {
                client.acceptedSent = client.acceptedUpTo
                client.link.beginRecord(.accepted)
                client.link.writer.uint64(client.acceptedUpTo)
                client.link.endRecord()
            }
            Self.send(.started, &client.started, over: client.link)
        }
        dirtyClients.removeSubrange(waiting...)
        if waiting == 0 { acceptDue = .distantFuture }
        for worker in dirtyWorkers {
            worker.isDirty = false
            Self.send(.retract, &worker.retracts, over: worker.link)
            Self.send(.stop, &worker.stops, over: worker.link)
            forgetValues(on: worker)
        }
        dirtyWorkers.removeAll(keepingCapacity: true)
    }

    private static func send(_ type: RecordType, _ attempts: inout [AttemptID], over link: OutgoingLink) {
        if attempts.isEmpty { return }
        link.beginRecord(type)
        link.writer.uint32(UInt32(attempts.count))
        link.writer.uint32(0)
        for attempt in attempts { link.writer.attempt(attempt) }
        link.endRecord()
        attempts.removeAll(keepingCapacity: true)
    }
}
