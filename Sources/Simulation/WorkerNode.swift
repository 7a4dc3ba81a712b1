// A worker around its core: the same turn as the product's loop (WorkerServer), with virtual executors.

import TaskModel
import WorkerCore

final class WorkerNode: Node {
    enum Stage {
        /// Its process does not run.
        case absent
        /// Executors are being started; nothing has been said to the scheduler.
        case warming
        case serving
        /// Drained: what was sent waits to be acknowledged.
        case leaving(deadline: Instant)
    }

    let offer: WorkerOffer
    /// Counts the processes of this worker.
    private(set) var life = 0
    var stage = Stage.absent
    var core: WorkerStateMachine
    private var actions: [Action] = []
    private var payloads: [(assignment: Assignment, function: Int)?] = []
    var definitions = Definitions(executors: 0)
    var names = DefinitionNames()
    private var needs: [Definitions.Need] = []
    var held = HeldTokens()
    private var connector: Connector?
    private var events: [Connector.Event] = []
    var inbox: [(frame: Frame, connection: Int)] = []
    var lostConnections: [Int] = []
    var words: [(place: Int, word: ExecutorWord)] = []
    private(set) var executors: [VirtualExecutor] = []
    private var isDraining = false
    private var drainReported = false
    private var restartAt = Instant.distantFuture
    private var giveUpAt = Instant.distantFuture
    private var turns = 0
    /// True time of the last turn that is over.
    private(set) var turnBefore = Instant.origin

    init(_ index: Int, offer: WorkerOffer, world: World) {
        self.offer = offer
        core = WorkerStateMachine(Self.shape(offer))
        super.init(index, world: world)
    }

    private static func shape(_ offer: WorkerOffer) -> WorkerShape {
        WorkerShape(
            slots: offer.slots, python: offer.python, swift: offer.swift, spares: offer.spares,
            devices: Int(offer.amounts[.gpu] / 1_000))
    }

    var isRunning: Bool {
        if case .absent = stage { return false }
        return true
    }
    var attemptCount: Int { core.attemptCount }
    var session: SessionID? { connector?.id }

    // MARK: Lives

    func start() {
        stage = .warming
        core = WorkerStateMachine(Self.shape(offer))
        definitions = Definitions(executors: core.executorCount)
        names = DefinitionNames()
        payloads.removeAll()
        held.removeAll()
        executors = (0..<core.executorCount).map {
            VirtualExecutor(
                worker: self, place: $0, isPython: core.kind(of: ExecutorIndex($0)) == .python)
        }
        connector = nil
        isDraining = false
        drainReported = false
        restartAt = .distantFuture
        giveUpAt = .distantFuture
        core.start(now: localNow, into: &actions)
        runActions(localNow)
        wake()
    }

    /// The process is gone, with everything in it.
    /// - closing: the machine lives, and closes its connection.
    func crash(closing: Bool = false) {
        guard isRunning else { return }
        connector?.vanish(closing: closing, world: world)
        end()
    }

    private func end() {
        for executor in executors { executor.vanish() }
        stage = .absent
        life += 1
        connector = nil
        executors.removeAll()
        events.removeAll()
        inbox.removeAll()
        lostConnections.removeAll()
        words.removeAll()
        actions.removeAll()
        core = WorkerStateMachine(Self.shape(offer))
        cancelTurn()
        let delay = world.random.interval(.milliseconds(50), .seconds(3))
        world.queue.plan(.workerStarts(worker: index, life: life), at: world.now + delay)
    }

    func executor(_ address: ExecutorAddress) -> VirtualExecutor? {
        guard address.workerLife == life, address.place < executors.count else { return nil }
        return executors[address.place]
    }

    func uses(_ connection: Int) -> Bool { connector?.connection == connection }
    var connection: Int? { connector?.connection }

    /// It serves, and so do all executors that it has started.
    var isFit: Bool {
        guard case .serving = stage else { return false }
        return executors.allSatisfy { $0.isFit }
    }

    func recover() { for executor in executors { executor.recover() } }
    var state: String { "\(stage), executors \(executors.map(\.state).joined(separator: " "))" }

    /// An executor that runs something, for a mishap.
    var busyPlace: Int? { executors.firstIndex { $0.isBusy } }

    // MARK: The turn

    override func takeTurn() {
        guard isRunning else { return }
        let now = localNow
        defer { turnBefore = world.now }
        takeWords(now)
        takeFrames(now)
        if now >= giveUpAt { beginAnew(after: .zero, now) }
        guard isRunning else { return }
        if now >= restartAt { join(now) }
        tellWhatIsGone()
        core.decide(now: now, into: &actions)
        runActions(now)
        tellWhatIsGone()
        if case .warming = stage, core.isWarm {
            stage = .serving
            join(now)
        }
        connector?.flush(now: now, world: world, into: &events)
        takeEvents(now)
        turns += 1
        if turns % world.checkInterval == 0 { core.checkInvariants() }
        planNext(now)
    }

    private func planNext(_ now: Instant) {
        var next = min(core.wakeUp, restartAt, giveUpAt)
        if let connector { next = min(next, connector.link.wakeUp) }
        if case .leaving(let deadline) = stage {
            if now >= deadline || connector?.link.isDrained ?? true {
                connector?.close(now: now, world: world)
                world.note(nil, at: index) { "worker \(index) has left" }
                return end()
            }
            next = min(next, deadline)
        }
        turn(byLocal: next)
    }

    private func join(_ now: Instant) {
        restartAt = .distantFuture
        let id = world.newSession()
        connector = Connector(id, node: index, life: life, policy: world.setting.policy, now: now)
        world.note(nil, at: index) { "worker \(index) joins as \(id)" }
    }

    private func takeFrames(_ now: Instant) {
        for connection in lostConnections {
            connector?.connectionLost(connection, now: now, world: world, into: &events)
        }
        lostConnections.removeAll(keepingCapacity: true)
        let frames = inbox
        inbox.removeAll(keepingCapacity: true)
        for (frame, connection) in frames {
            connector?.take(frame, over: connection, now: now, world: world, into: &events)
            takeEvents(now)
        }
    }

    private func takeEvents(_ now: Instant) {
        let taken = events
        events.removeAll(keepingCapacity: true)
        for event in taken {
            switch event {
            case .welcomed:
                giveUpAt = .distantFuture
                reportRunning()
            case .interrupted: giveUpAt = min(giveUpAt, now + world.setting.giveUpAfter)
            case .received(let records): for record in records { take(record, now) }
            case .ended(let closed): beginAnew(after: closed ? .seconds(1) : .zero, now)
            }
        }
    }

    /// What ran for the old session is void: the scheduler has given it to others.
    private func beginAnew(after delay: Interval, _ now: Instant) {
        if case .leaving = stage { return end() }
        world.note(nil, at: index) { "worker \(index) is not known any more" }
        giveUpAt = .distantFuture
        core.absorb(.expelled, now: now, into: &actions)
        definitions.forgetAll()
        held.removeAll()
        restartAt = now + delay
    }

    private func reportRunning() {
        for running in core.snapshot().running {
            connector?.link.outgoing.append(.workerStarted(running.attempt))
        }
        if isDraining { connector?.link.outgoing.append(.draining) }
    }

    // MARK: From the scheduler

    private func take(_ record: Record, _ now: Instant) {
        switch record {
        case .function(let function): define(function)
        case .workerSetup(let session): addSetup(session)
        case .forgetFunction(let function): definitions.forget(function.number, in: function.session)
        case .assign(let assignment): assign(assignment)
        case .retract(let attempt):
            guard let slot = core.find(attempt) else { return }
            core.absorb(.retractRequested(slot), now: now, into: &actions)
        case .stop(let attempt):
            guard let slot = core.find(attempt) else { return }
            core.absorb(.cancelRequested(slot), now: now, into: &actions)
        case .forgetSession(let session):
            core.absorb(.sessionForgotten(session), now: now, into: &actions)
            definitions.forget(session)
            held.forget(session)
        case .value(let task, let token, let bytes): keep(token, of: task, bytes: bytes)
        case .forgetValues(let tasks): for task in tasks { held.forget(task) }
        case .drain: drain(now)
        case .submit, .cancel, .release, .accepted, .outcome, .started, .finished, .workerStarted, .returned,
            .draining:
            preconditionFailure("no scheduler says this to a worker")
        }
    }

    private func drain(_ now: Instant) {
        isDraining = true
        connector?.link.outgoing.append(.draining)
        core.absorb(.drainRequested, now: now, into: &actions)
    }

    private func assign(_ sent: Assignment) {
        guard let assignment = resolved(sent) else { return }
        let spec = assignment.spec
        let function = place(
            of: Definition(session: assignment.attempt.task.session, number: spec.function))
        let order = AttemptOrder(
            id: assignment.attempt, function: FunctionSlot(UInt32(function)),
            kind: assignment.isConversion ? .python : spec.kind, timeout: spec.timeout, grace: spec.grace,
            rank: assignment.rank, devices: assignment.devices, isCounted: assignment.isCounted)
        guard let slot = core.admit(order) else {
            if core.find(assignment.attempt) == nil { say(.returned(assignment.attempt)) }
            return
        }
        while payloads.count <= slot.index { payloads.append(nil) }
        definitions.retain(function)
        payloads[Int(slot.index)] = (assignment, function)
    }

    private func say(_ record: Record) { connector?.link.outgoing.append(record) }

    // MARK: From executors

    private func takeWords(_ now: Instant) {
        let taken = words
        words.removeAll(keepingCapacity: true)
        for (place, word) in taken {
            let executor = ExecutorIndex(place)
            switch word {
            case .ready: core.absorb(.executorReady(executor), now: now, into: &actions)
            case .finished(let report): finish(report, executor, now)
            case .returned(let attempt):
                guard let slot = core.find(attempt) else { continue }
                core.absorb(.attemptReturned(slot, by: executor), now: now, into: &actions)
            case .died: core.absorb(.executorDied(executor), now: now, into: &actions)
            }
        }
    }

    private func finish(_ report: Report, _ executor: ExecutorIndex, _ now: Instant) {
        var report = report
        let ran: Interval? =
            switch report.status {
            case .value, .exception: report.ran
            case .cancelled, .lost, .timedOut, .refused: nil
            }
        guard
            let (verdict, slot) = core.finish(
                report.attempt, status: report.status, ran: ran, by: executor, now: now, into: &actions)
        else { return }
        release(slot)
        switch verdict {
        case .forward: break
        case .forwardAs(let status, let reason):
            report.status = status
            report.reason = reason
            report.value = nil
        case .discard, .stale: return
        }
        report.isHeld = keepsMade(report)
        say(.finished(report))
    }

    func mishap(isMemory: Bool, at place: Int) {
        let executor = ExecutorIndex(place)
        let now = localNow
        core.absorb(isMemory ? .memoryExceeded(executor) : .executorBroke(executor), now: now, into: &actions)
        runActions(now)
        wake()
    }

    // MARK: What the core asks for

    private func runActions(_ now: Instant) {
        // An action may find out something that leads to further ones.
        var next = 0
        while next < actions.count {
            run(actions[next], now)
            next += 1
        }
        actions.removeAll(keepingCapacity: true)
    }

    private func run(_ action: Action, _ now: Instant) {
        world.coverage.count(WorkerActionName(action))
        switch action {
        case .start(let executor):
            definitions.started(executor)
            executors[executor.int].start()
        case .send(let slot, let executor, _):
            guard let (assignment, function) = payloads[Int(slot.index)] else {
                return world.complain("worker \(index) sends an attempt that it dropped", nil)
            }
            definitions.needs(of: function, at: executor, into: &needs)
            for need in needs {
                if let request = request(for: need) { executors[executor.int].write(request) }
            }
            needs.removeAll(keepingCapacity: true)
            executors[executor.int].write(.run(assignment))
        case .retract(let slot, let executor):
            // Its outcome may have come later in the turn in which the core decided to ask.
            if let attempt = core.id(of: slot) { executors[executor.int].write(.retract(attempt)) }
        case .stop(let slot, let executor, let timedOut):
            if let attempt = core.id(of: slot) {
                executors[executor.int].write(.stop(attempt, timedOut: timedOut))
            }
        case .look(let slot, let executor):
            let activity: ExecutorActivity = executors[executor.int].isBusy ? .attempt : .nothing
            core.absorb(.looked(slot, executor, activity), now: now, into: &actions)
        case .kill(let executor), .retire(let executor): executors[executor.int].kill()
        case .giveBack(let slot):
            if let attempt = attempt(slot) { say(.returned(attempt)) }
            release(slot)
        case .reportStarted(let slot):
            if let attempt = attempt(slot) { say(.workerStarted(attempt)) }
        case .conclude(let slot, let status, let reason, _):
            if let attempt = attempt(slot) {
                say(
                    .finished(
                        Report(
                            attempt: attempt, status: status, reason: reason, value: nil, codec: .raw,
                            ran: .zero)))
            }
            release(slot)
        case .forget(let slot): release(slot)
        case .leave: stage = .leaving(deadline: localNow + .seconds(2))
        }
    }

    private func attempt(_ slot: AttemptSlot) -> AttemptID? {
        guard let (assignment, _) = payloads[Int(slot.index)] else {
            world.complain("worker \(index) speaks of an attempt that it dropped", nil)
            return nil
        }
        return assignment.attempt
    }

    private func release(_ slot: AttemptSlot) {
        if let (_, function) = payloads[Int(slot.index)] { definitions.release(function) }
        payloads[Int(slot.index)] = nil
    }

    /// What is left in the tables when nothing should be, in words.
    func leftovers() -> String? {
        guard isRunning else { return nil }
        if core.attemptCount > 0 { return "worker \(index) still holds \(core.attemptCount) attempts" }
        for payload in payloads where payload != nil { return "worker \(index) still keeps a payload" }
        if world.isClosing, definitions.sessionCount > 0 {
            return "worker \(index) still keeps definitions of \(definitions.sessionCount) sessions"
        }
        if held.count > 0 { return "worker \(index) still holds \(held.count) values" }
        return nil
    }
}
