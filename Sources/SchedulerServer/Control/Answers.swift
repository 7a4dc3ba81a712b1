// What operators ask, answered from the core's pictures and the server's tables between two turns.

import Logging
import Posix
import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    func clusterStatus() -> ClusterStatus {
        let status = core.status()
        return ClusterStatus(
            name: configuration.name, version: ProductVersion.text, epoch: configuration.epoch,
            processID: Posix.processID(), uptime: now - startedAt,
            addresses: acceptor.addresses.map(\.description), clients: peers.clientCount,
            workers: peers.workerCount, slots: status.slots, tasks: taskCounts(),
            payloadBytes: peers.allClients().reduce(0) { $0 + $1.payloadBytes } + tasks.outcomeBytes,
            stopping: stop != .serving, counters: totals(), resources: allResources())
    }

    func taskCounts() -> TaskCounts {
        let status = core.status()
        var workers: [WorkerSnapshot] = []
        core.workers(into: &workers)
        var counts = TaskCounts()
        counts.waiting = status.waiting + status.delayed
        counts.ready = status.ready
        counts.running = workers.reduce(0) { $0 + Int($1.started) }
        counts.assigned = max(0, status.held - counts.running)
        counts.kept = status.kept
        return counts
    }

    // MARK: Nodes

    func nodes() -> [NodeStatus] {
        peers.allWorkers().map { node($0) } + peers.allClients().map { node($0) }
    }

    private func node(_ worker: WorkerPeer) -> NodeStatus {
        let held = core.snapshot(of: worker.slot)
        let running = Int(held?.started ?? 0)
        return NodeStatus(
            session: worker.about.session, kind: .worker,
            state: worker.isDraining ? .draining : state(worker.lastHeard), name: worker.about.name,
            host: worker.about.host, processID: worker.about.processID, python: worker.about.python,
            pythonExecutable: worker.pythonExecutable, cloudpickle: worker.about.cloudpickle,
            swiftFunctions: worker.swiftFunctions, labels: worker.labels, slots: Int(worker.slots),
            running: running, queued: max(0, Int(held?.held ?? 0) - running),
            residentBytes: worker.residentBytes,
            memoryLimitBytes: worker.memoryLimit, tasks: 0, connectedFor: now - worker.about.connectedAt,
            silentFor: now - worker.lastHeard, resources: resources(of: worker), gpus: gpus(of: worker))
    }

    private func node(_ client: ClientPeer) -> NodeStatus {
        // An idle client sends nothing but heartbeats, which the link takes.
        let lastHeard = max(client.lastHeard, client.link.lastHeard)
        return NodeStatus(
            session: client.about.session, kind: .client, state: state(lastHeard),
            name: client.about.name,
            host: client.about.host, processID: client.about.processID, python: client.about.python,
            pythonExecutable: nil, cloudpickle: client.about.cloudpickle, swiftFunctions: [], labels: "",
            slots: 0,
            running: 0, queued: 0, residentBytes: 0, memoryLimitBytes: 0,
            tasks: Int(core.snapshot(of: client.slot)?.unfinished ?? 0),
            connectedFor: now - client.about.connectedAt, silentFor: now - lastHeard)
    }

    private func state(_ lastHeard: Instant) -> NodeStatus.State {
        now - lastHeard > Limits.heartbeatInterval * 2 ? .silent : .connected
    }

    // MARK: Tasks

    /// Positions below this are rows of the core; from it on, places in the history of ended tasks.
    private static var historyPosition: UInt64 { 1 << 32 }

    func tasks(_ filter: TaskFilter, limit: Int, after cursor: TaskCursor?) -> TaskPage {
        let limit = min(max(1, limit), Limits.controlPageMax)
        var position = cursor?.position ?? 0
        var page = TaskPage(tasks: [], next: nil)
        let wantsLive = filter.states.isEmpty || filter.states != [.ended]
        if position < Self.historyPosition {
            if wantsLive,
                let row = live(filter, limit: limit, from: UInt32(truncatingIfNeeded: position), into: &page)
            {
                page.next = TaskCursor(position: UInt64(row))
                return page
            }
            position = Self.historyPosition
        }
        guard filter.states.isEmpty || filter.states.contains(.ended) else { return page }
        ended(filter, limit: limit, from: Int(position - Self.historyPosition), into: &page)
        return page
    }

    /// The row to go on from; nil: all rows were seen and the page has room.
    private func live(_ filter: TaskFilter, limit: Int, from first: UInt32, into page: inout TaskPage)
        -> UInt32?
    {
        var row = first
        var found: [TaskSnapshot] = []
        while page.tasks.count < limit {
            found.removeAll(keepingCapacity: true)
            let next = core.tasks(from: row, limit: limit - page.tasks.count, into: &found)
            for task in found {
                let summary = summary(of: task)
                if filter.accepts(summary) { page.tasks.append(summary) }
            }
            guard let next else { return page.tasks.count < limit ? nil : .max }
            row = next
        }
        return row
    }

    private func ended(_ filter: TaskFilter, limit: Int, from offset: Int, into page: inout TaskPage) {
        var ended: [EndedTask] = []
        core.ended(limit: Limits.endedTasksKeptMax, into: &ended)
        for place in ended.indices.dropFirst(offset) {
            let summary = summary(of: ended[place])
            guard filter.accepts(summary) else { continue }
            if page.tasks.count == limit {
                page.next = TaskCursor(position: Self.historyPosition + UInt64(place))
                return
            }
            page.tasks.append(summary)
        }
    }

    func summary(of id: TaskID) -> TaskSummary? {
        if let slot = core.task(id), let task = core.snapshot(of: slot), !task.hasEnded {
            return summary(of: task)
        }
        if let ended = core.ended(id) { return summary(of: ended) }
        // Its client keeps it for longer than the history does.
        return core.task(id).flatMap { core.snapshot(of: $0) }.map { summary(of: $0) }
    }

    func summary(of task: TaskSnapshot) -> TaskSummary {
        let worker = task.worker.flatMap { peers.worker($0) }
        return TaskSummary(
            id: task.id, state: task.state, name: name(of: task), kind: kind(of: task), attempt: task.attempt,
            worker: worker?.about.session, workerName: worker?.about.name, age: now - task.submitted,
            status: task.hasEnded ? task.status : nil, reason: task.hasEnded ? task.reason : nil, ran: nil)
    }

    private func summary(of task: EndedTask) -> TaskSummary {
        let worker = core.worker(task.worker).flatMap { peers.worker($0) }
        return TaskSummary(
            id: task.id, state: .ended, name: endedNames[task.id] ?? functions.name(task.function),
            kind: functions.kind(task.function), attempt: task.attempt,
            worker: task.worker.rawValue == 0 ? nil : task.worker, workerName: worker?.about.name,
            age: now - task.submitted, status: task.status, reason: task.reason,
            ran: .microseconds(Int64(task.ranMicroseconds)))
    }

    private func name(of task: TaskSnapshot) -> String {
        if task.isConversion { return ConversionFunction.name }
        guard tasks.holds(task.task) else { return "" }
        return displayName(of: tasks[task.task])
    }

    private func kind(of task: TaskSnapshot) -> ExecutorKind {
        task.isConversion ? .python : functions.kind(task.function)
    }

    // MARK: Output

    func output(of id: TaskID) -> TaskOutput? {
        guard let summary = summary(of: id) else {
            return outputs[id].map { TaskOutput(id: id, state: .ended, parts: $0) }
        }
        return TaskOutput(id: id, state: summary.state, parts: outputs[id] ?? [])
    }

    // MARK: Orders

    mutating func cancel(_ id: TaskID) -> Bool? {
        guard let slot = core.task(id), let task = core.snapshot(of: slot), !task.hasEnded else {
            return core.ended(id) == nil && core.task(id) == nil ? nil : false
        }
        core.absorb(.cancelRequested(slot, alsoRunning: true), now: now, into: &actions)
        return true
    }

    mutating func drain(_ id: SessionID) -> Result<Void, ControlError> {
        guard let slot = core.worker(id), let worker = peers.worker(slot) else {
            return .failure(core.session(id) == nil ? .unknownNode(id) : .notAWorker(id))
        }
        core.drainWorker(slot, into: &actions)
        worker.isDraining = true
        logger.info("worker drains on request", metadata: metadata(worker.about))
        publish(.workerDraining(id))
        return .success(())
    }
}

extension TaskSnapshot {
    var hasEnded: Bool { phase == .ended || phase == .settled }

    var state: TaskState {
        switch phase {
        case .waiting, .delayed: .waiting
        case .ready, .recording: .ready
        case .assigned: started ? .running : .assigned
        case .vacant, .ended, .settled: .ended
        }
    }
}

extension TaskFilter {
    func accepts(_ task: TaskSummary) -> Bool {
        (states.isEmpty || states.contains(task.state)) && (session == nil || session == task.id.session)
            && (worker == nil || worker == task.worker)
    }
}
