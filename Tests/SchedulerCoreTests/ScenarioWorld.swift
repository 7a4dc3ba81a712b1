import SchedulerCore
import TaskModel

/// A scheduler that is driven by lines of text and answers with lines of text: the language of `Scenarios`.
///
/// Tasks are called `c1:3` (session and sequence), a conversion of that task's value `c1:3'`. The store is in
/// memory and confirms each record at once, unseen, until the command `store manual`.
struct ScenarioWorld: ~Copyable {
    private var scheduler = Scheduler()
    private var now = Instant.origin
    private var actions: [Action] = []
    private var output: [String] = []
    private var sessions: [String: SessionSlot] = [:]
    private var workers: [String: WorkerSlot] = [:]
    private var names: [SessionID: String] = [:]
    private var taskNames: [TaskSlot: String] = [:]
    private var requirements: [String] = []
    private var functions: [String] = []
    private var labels: [String] = []
    private var storeIsManual = false
    private var recordedUpTo: UInt64 = 0

    /// Runs one command. Returns what it printed.
    mutating func run(_ line: String) throws -> [String] {
        output = []
        let command = try Command(line)
        try perform(command)
        settle()
        if let violation = scheduler.checkInvariants() { output.append("VIOLATION: \(violation)") }
        return output
    }

    private mutating func perform(_ command: Command) throws {
        switch command.verb {
        case "session", "close", "worker", "extend", "lose", "back", "drain", "draining":
            try performMembership(command)
        case "submit":
            try submit(command)
        case "finish":
            try finish(command)
        case "start", "return":
            try performAttempt(command)
        case "cancel":
            let task = try slot(command.first())
            let running = command.has("running")
            scheduler.absorb(.cancelRequested(task, alsoRunning: running), now: now, into: &actions)
        case "release":
            let range = try command.range(1)
            let event = Event.released(
                try session(command.first()), first: range.lowerBound,
                count: range.upperBound - range.lowerBound + 1)
            scheduler.absorb(event, now: now, into: &actions)
        case "tick":
            if let interval = try command.interval(at: 0) { now = now + interval }
            scheduler.decide(now: now, into: &actions)
        case "drops":
            scheduler.dropsPerTurnMax = Int(try command.number(0))
        case "store":
            storeIsManual = true
        case "demand":
            let base = requirement(command.value("of") ?? "py")
            let demand = Demand(
                base: base, resources: try resources(command, .plain),
                labels: words(command, "labels").map { label($0) },
                avoids: words(command, "avoids").map { label($0) }, isSpread: command.has("spread"))
            scheduler.refine(requirement(try command.first()), demand)
        case "room":
            scheduler.sentValueBytesMax = Int(try command.number(0))
        case "held":
            let counts = scheduler.heldValueCounts
            output.append("\(counts.values) values, \(counts.copies) copies")
        case "strategy":
            guard let strategy = PlacementStrategy(rawValue: try command.first()) else {
                throw ScenarioError("unknown strategy")
            }
            scheduler.strategy = strategy
        case "grace":
            scheduler.unservableGrace = try command.first() == "never" ? nil : command.interval(at: 0)
        case "expect":
            scheduler.expectedWorkers.append(
                ExpectedWorker(
                    resources: try resources(command, Resources()),
                    labels: words(command, "labels").map { label($0) }))
        case "wakeup":
            output.append(scheduler.wakeUp.map { "at \($0.nanoseconds / 1_000_000) ms" } ?? "never")
        case "recorded":
            recordedUpTo = try command.number(0)
            scheduler.absorb(.recorded(upTo: recordedUpTo), now: now, into: &actions)
        case "wake":
            output.append(
                scheduler.wakeUp.map { "wakes at \($0.nanoseconds / 1_000_000) ms" } ?? "sleeps for ever")
        case "explain", "status", "workers", "tasks", "ended":
            try picture(command)
        default:
            throw ScenarioError("unknown command \(command.verb)")
        }
    }

    private mutating func performMembership(_ command: Command) throws {
        let name = try command.first()
        switch command.verb {
        case "session":
            let id = SessionID(UInt64(0xc000 + sessions.count))
            names[id] = name
            sessions[name] = scheduler.openSession(
                id, tasksMax: UInt32(command.value("tasks") ?? "1000") ?? 0)
        case "close":
            scheduler.closeSession(try session(name), now: now, into: &actions)
        case "worker":
            let id = SessionID(UInt64(0xe000 + workers.count))
            names[id] = name
            let slots = UInt32(command.value("slots") ?? "1") ?? 1
            workers[name] = scheduler.openWorker(
                id, slots: slots,
                provides: (command.value("provides") ?? "py").split(separator: ",").map {
                    requirement(String($0))
                }, resources: try resources(command, Resources(cpu: UInt64(slots) * 1_000)),
                labels: words(command, "labels").map { label($0) })
        case "extend":
            scheduler.extendWorker(try worker(name), provides: requirement(try command.argument(1)))
        case "lose":
            let farewell: Farewell = command.has("gone") ? .gone : command.has("closed") ? .closed : .silent
            scheduler.closeWorker(try worker(name), farewell, now: now, into: &actions)
        case "back":
            scheduler.absorb(.workerReturned(try worker(name)), now: now, into: &actions)
        case "drain":
            scheduler.drainWorker(try worker(name), into: &actions)
        default:
            scheduler.absorb(.workerDraining(try worker(name)), now: now, into: &actions)
        }
    }

    private mutating func submit(_ command: Command) throws {
        let session = try session(command.first())
        var options = TaskOptions()
        options.retries = UInt16(command.value("retries") ?? "0") ?? 0
        options.idempotent = !command.has("once")
        options.needsNeutral = command.has("neutral")
        options.priority = Int8(command.value("priority") ?? "0") ?? 0
        options.backoffMilliseconds = try command.milliseconds("backoff")
        options.backoffMaxMilliseconds = try command.milliseconds("backoffmax")
        options.deadlineMilliseconds = try command.milliseconds("deadline")
        let after = (command.value("after") ?? "").split(separator: ",").compactMap { UInt64($0) }
        for sequence in try command.range(1) {
            let admission = scheduler.submit(
                session, sequence: sequence, function: function(command.value("fn") ?? "f"),
                requirement: requirement(command.value("needs") ?? "py"), options: options,
                dependencies: after,
                now: now, into: &actions)
            switch admission {
            case .admitted(let task): taskNames[task] = "\(try command.first()):\(sequence)"
            case .duplicate: output.append("duplicate \(sequence)")
            case .refused(let reason): output.append("refused \(sequence): \(reason)")
            case .malformed(let reason): output.append("malformed \(sequence): \(reason)")
            }
        }
    }

    private mutating func finish(_ command: Command) throws {
        for name in try command.tasks(besides: ["final", "held"]) {
            let task = try slot(name)
            let status = OutcomeStatus.allNamed[command.value("as") ?? "value"]
            let reason = OutcomeReason.allNamed[command.value("reason") ?? "none"]
            let codec = Codec.allCases.first { "\($0)" == command.value("codec") ?? "pickle" }
            guard let status, let reason, let codec else {
                throw ScenarioError("unknown status, reason or codec")
            }
            let ran = try command.interval("ran") ?? .milliseconds(1)
            let report = AttemptReport(
                task: task, attempt: try attempt(task, command), worker: try holder(task, command),
                status: status,
                reason: reason, codec: codec, isRetryable: !command.has("final"),
                ranMicroseconds: ran.wireMicroseconds,
                valueBytes: UInt32(command.value("bytes") ?? "0") ?? 0, isHeld: command.has("held"))
            let verdict = scheduler.finish(report, now: now, into: &actions)
            if verdict != .committed { output.append("\(name): \(verdict)") }
        }
    }

    private mutating func performAttempt(_ command: Command) throws {
        for name in try command.tasks() {
            let task = try slot(name)
            let (attempt, worker) = (try attempt(task, command), try holder(task, command))
            let event: Event =
                command.verb == "start"
                ? .attemptStarted(task, attempt: attempt, by: worker)
                : .attemptReturned(task, attempt: attempt, by: worker)
            scheduler.absorb(event, now: now, into: &actions)
        }
    }

    private mutating func picture(_ command: Command) throws {
        switch command.verb {
        case "explain":
            let name = try command.first()
            output.append("\(name) \(scheduler.explain(try slot(name)).map { text($0) } ?? "unknown")")
        case "status":
            let status = scheduler.status()
            let delayed = status.delayed > 0 ? ", delayed \(status.delayed)" : ""
            output.append(
                "waiting \(status.waiting)\(delayed), ready \(status.ready), held \(status.held), "
                    + "kept \(status.kept), slots \(status.slots), stale \(status.counters.stale)")
        case "workers":
            var page: [WorkerSnapshot] = []
            scheduler.workers(into: &page)
            for worker in page {
                output.append(
                    "\(self.name(worker.worker)): held \(worker.held), started \(worker.started), "
                        + "finished \(worker.finished)\(worker.draining ? ", draining" : "")")
            }
        case "tasks":
            var page: [TaskSnapshot] = []
            _ = scheduler.tasks(from: 0, limit: 100, into: &page)
            for task in page {
                output.append("\(self.name(task.task)) \(task.phase), attempt \(task.attempt)")
            }
        default:
            var page: [EndedTask] = []
            scheduler.ended(limit: 100, into: &page)
            for task in page {
                let session = names[task.id.session] ?? "?"
                output.append(
                    "\(session):\(task.id.sequence) \(task.status) \(task.reason), attempt \(task.attempt)")
            }
        }
    }

    /// Prints what is to be done, and confirms records unless the script does.
    private mutating func settle() {
        repeat {
            let batch = actions
            actions.removeAll()
            var last: UInt64 = 0
            for action in batch {
                if case .record(let number, _) = action { last = number }
                if let line = text(action) { output.append(line) }
            }
            guard !storeIsManual, last > recordedUpTo else { continue }
            recordedUpTo = last
            scheduler.absorb(.recorded(upTo: last), now: now, into: &actions)
        } while !actions.isEmpty
    }
}

// MARK: Names

extension ScenarioWorld {
    private func session(_ name: String) throws -> SessionSlot {
        guard let slot = sessions[name] else { throw ScenarioError("unknown session \(name)") }
        return slot
    }

    private func worker(_ name: String) throws -> WorkerSlot {
        guard let slot = workers[name] else { throw ScenarioError("unknown worker \(name)") }
        return slot
    }

    /// The latest task of this name, known to the scheduler or not.
    private func slot(_ name: String) throws -> TaskSlot {
        let slots = taskNames.filter { $0.value == name }.map(\.key)
        guard let slot = slots.max(by: { $0.generation < $1.generation }) else {
            throw ScenarioError("unknown task \(name)")
        }
        return slot
    }

    private func attempt(_ task: TaskSlot, _ command: Command) throws -> UInt32 {
        if let text = command.value("attempt"), let number = UInt32(text) { return number }
        return scheduler.snapshot(of: task)?.attempt ?? 0
    }

    private func holder(_ task: TaskSlot, _ command: Command) throws -> WorkerSlot {
        if let name = command.value("by") { return try worker(name) }
        return scheduler.snapshot(of: task)?.worker ?? WorkerSlot(index: .max, generation: 0)
    }

    private mutating func requirement(_ name: String) -> RequirementID {
        if let index = requirements.firstIndex(of: name) { return RequirementID(UInt32(index)) }
        requirements.append(name)
        return RequirementID(UInt32(requirements.count - 1))
    }

    private func words(_ command: Command, _ key: String) -> [String] {
        (command.value(key) ?? "").split(separator: ",").map(String.init)
    }

    private mutating func label(_ name: String) -> UInt32 {
        if let index = labels.firstIndex(of: name) { return UInt32(index) }
        labels.append(name)
        return UInt32(labels.count - 1)
    }

    /// `cpu=2 gpu=1 memory=100 licence=1`: memory in bytes, the others whole or in thousandths (`500m`).
    private func resources(_ command: Command, _ defaults: Resources) throws -> Resources {
        var resources = defaults
        for (kind, name) in ["cpu", "memory", "gpu", "licence"].enumerated() {
            guard let text = command.value(name) else { continue }
            let isFine = kind == Resources.memory || text.hasSuffix("m")
            guard let amount = UInt64(text.hasSuffix("m") ? text.dropLast() : text[...]) else {
                throw ScenarioError("\(text) is no amount")
            }
            resources[kind] = isFine ? amount : amount * 1_000
        }
        return resources
    }

    private mutating func function(_ name: String) -> FunctionKey {
        if let index = functions.firstIndex(of: name) { return FunctionKey(UInt32(index)) }
        functions.append(name)
        return FunctionKey(UInt32(functions.count - 1))
    }

    private mutating func name(_ task: TaskSlot) -> String {
        if let name = taskNames[task] { return name }
        guard scheduler.snapshot(of: task) != nil, let source = scheduler.conversionSource(of: task) else {
            return "?\(task.index)"
        }
        let name = self.name(source) + "'"
        taskNames[task] = name
        return name
    }

    private func name(_ worker: WorkerSlot) -> String {
        for (name, slot) in workers where slot == worker { return name }
        return "?\(worker.index)"
    }

    private func name(_ session: SessionSlot) -> String {
        for (name, slot) in sessions where slot == session { return name }
        return "?\(session.index)"
    }
}

// MARK: Words

extension ScenarioWorld {
    private mutating func text(_ action: Action) -> String? {
        switch action {
        case .record(let number, let entry):
            guard storeIsManual else { return nil }
            switch entry {
            case .submitted(let task): return "record \(number) submitted \(name(task))"
            case .dispatched(let task): return "record \(number) dispatched \(name(task))"
            case .ended(let task): return "record \(number) ended \(name(task))"
            }
        case .accept(let session, let sequence): return "accept \(name(session)) up to \(sequence)"
        case .assign(let task, let attempt, let worker):
            let rank = scheduler.isCurrent(task) ? scheduler.rank(of: task) : 0
            return "assign \(name(task))/\(attempt) to \(name(worker))\(devices(of: task))"
                + values(of: task, to: worker)
                + (rank == 0 ? "" : " rank \(rank)")
        case .retract(let task, let attempt, let worker):
            return "retract \(name(task))/\(attempt) from \(name(worker))"
        case .stop(let task, let attempt, let worker):
            return "stop \(name(task))/\(attempt) on \(name(worker))"
        case .conclude(let task, let status, let reason, let cause):
            return "conclude \(name(task)) \(status) \(reason)"
                + (cause.map { " because of \(name($0))" } ?? "")
        case .deliver(let task): return "deliver \(name(task))"
        case .notifyStarted(let task): return "notify started \(name(task))"
        case .forget(let task): return "forget \(name(task))"
        case .dropValue(let task, let worker): return "drop value \(name(task)) on \(name(worker))"
        case .blame(let task, let worker): return "blame \(name(task)) for \(name(worker))"
        case .forgetSession(let worker, let session):
            return "forget session \(names[session] ?? "?") on \(name(worker))"
        case .drain(let worker): return "drain \(name(worker))"
        }
    }

    private func devices(of task: TaskSlot) -> String {
        let devices = scheduler.devices(of: task)
        let names = (0..<64).filter { devices & 1 << UInt64($0) != 0 }.map { "\($0)" }
        return names.isEmpty ? "" : " on \(names.joined(separator: ","))"
    }

    /// A value that the worker holds is followed by `there`, one that it is sent to hold by `ahead`.
    private mutating func values(of task: TaskSlot, to worker: WorkerSlot) -> String {
        var values: [TaskSlot] = []
        if scheduler.snapshot(of: task) != nil { scheduler.dependencies(of: task, into: &values) }
        if values.isEmpty { return "" }
        var names: [String] = []
        for value in values {
            switch scheduler.route(value, to: worker) {
            case .withTask: names.append(name(value))
            case .ahead: names.append("\(name(value)) ahead")
            case .reference: names.append("\(name(value)) there")
            }
        }
        return " with \(names.joined(separator: ","))"
    }

    private mutating func text(_ explanation: Explanation) -> String {
        switch explanation {
        case .waitsForDependencies(let missing, let first):
            return "waits for \(missing) dependencies, first \(name(first))"
        case .waitsForRetry(let attempt, let until):
            return "waits until \(until.nanoseconds / 1_000_000) ms before attempt \(attempt)"
        case .noWorkerProvides(let requirement, let workers, let draining, let refusedAt):
            return "waits for a worker with \(requirements[Int(requirement.rawValue)]); "
                + "\(workers) connected, \(draining) draining"
                + (refusedAt.map { ", refused at \($0.nanoseconds / 1_000_000) ms" } ?? "")
        case .waitsForExpectedWorker(let requirement):
            return "waits for an expected worker with \(requirements[Int(requirement.rawValue)])"
        case .waitsForSlot(_, let wait):
            return "waits for a slot; \(wait.workers) workers, \(wait.slots) slots, \(wait.held) held, "
                + "\(wait.ahead) ahead, \(wait.moreUrgent) more urgent, \(wait.sessions) sessions"
        case .waitsForResources(let requirement, let workers, let kept):
            let free = kept.map { ", \(name($0)) is kept free" } ?? ""
            return "waits for \(requirements[Int(requirement.rawValue)]); \(workers) workers have it\(free)"
        case .recordsDispatch(let worker): return "records its dispatch to \(name(worker))"
        case .held(let worker, let attempt, let since):
            return "held by \(name(worker)), attempt \(attempt), since \(since.nanoseconds / 1_000_000) ms"
        case .running(let worker, let attempt, let since):
            return "runs on \(name(worker)), attempt \(attempt), since \(since.nanoseconds / 1_000_000) ms"
        case .stopping(let worker, let attempt, let since):
            return "stops on \(name(worker)), attempt \(attempt), since \(since.nanoseconds / 1_000_000) ms"
        case .expiring(let worker, let attempt, let since):
            return "expires on \(name(worker)), attempt \(attempt), since \(since.nanoseconds / 1_000_000) ms"
        case .ended(let status, let reason, let cause):
            return "ended as \(status) \(reason)" + (cause.map { " because of \(name($0))" } ?? "")
        }
    }
}

extension OutcomeStatus {
    static var allNamed: [String: OutcomeStatus] {
        var named: [String: OutcomeStatus] = [:]
        for raw in UInt8.min...UInt8.max {
            if let status = OutcomeStatus(rawValue: raw) { named["\(status)"] = status }
        }
        return named
    }
}

extension OutcomeReason {
    static var allNamed: [String: OutcomeReason] {
        var named: [String: OutcomeReason] = [:]
        for raw in UInt8.min...UInt8.max {
            if let reason = OutcomeReason(rawValue: raw) { named["\(reason)"] = reason }
        }
        return named
    }
}
