// A client: submits graphs, waits for outcomes, cancels, releases, reconnects, and begins anew when its
// session is lost.

import TaskModel

final class ClientNode: Node {
    private struct Submitted {
        let submission: Submission
        var hasOutcome = false
        var isReleased = false
    }

    private(set) var life = 0
    private(set) var isRunning = false
    private var connector: Connector?
    private var events: [Connector.Event] = []
    private var tasks: [Submitted] = []
    private var unfinished = 0
    var inbox: [(frame: Frame, connection: Int)] = []
    var lostConnections: [Int] = []
    private var restartAt = Instant.distantFuture
    private var hasReleasedAll = false

    // MARK: Lives

    func start() {
        isRunning = true
        join(localNow)
        planAct()
        wake()
    }

    func crash() {
        guard isRunning else { return }
        connector?.vanish(world: world)
        abandonSession()
        isRunning = false
        life += 1
        connector = nil
        inbox.removeAll()
        lostConnections.removeAll()
        events.removeAll()
        cancelTurn()
        let delay = world.random.interval(.milliseconds(50), .seconds(3))
        world.queue.plan(.clientStarts(client: index, life: life), at: world.now + delay)
    }

    private func join(_ now: Instant) {
        restartAt = .distantFuture
        let id = world.newSession()
        tasks.removeAll()
        unfinished = 0
        hasReleasedAll = false
        connector = Connector(id, node: index, life: life, policy: world.setting.policy, now: now)
        world.auditor.opened(id)
        world.note(nil, at: index) { "client \(index) begins session \(id)" }
    }

    private func abandonSession() {
        if let connector { world.auditor.abandoned(connector.id) }
        tasks.removeAll()
        unfinished = 0
    }

    var connection: Int? { connector?.connection }
    func uses(_ connection: Int) -> Bool { connector?.connection == connection }

    /// Nothing is left that it waits for, and the scheduler knows that it wants nothing more.
    var isQuiet: Bool {
        guard isRunning, connector != nil else { return false }
        return unfinished == 0 && (hasReleasedAll || tasks.isEmpty)
    }

    /// Says goodbye for ever.
    func leave() {
        guard isRunning else { return }
        connector?.close(now: localNow, world: world)
        abandonSession()
        connector = nil
        isRunning = false
        life += 1
        cancelTurn()
    }

    // MARK: The turn

    override func takeTurn() {
        guard isRunning else { return }
        let now = localNow
        if now >= restartAt { join(now) }
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
        connector?.flush(now: now, world: world, into: &events)
        takeEvents(now)
        var next = restartAt
        if let connector { next = min(next, connector.link.wakeUp) }
        turn(byLocal: next)
    }

    private func takeEvents(_ now: Instant) {
        let taken = events
        events.removeAll(keepingCapacity: true)
        for event in taken {
            switch event {
            case .welcomed, .interrupted: break
            case .received(let records): for record in records { take(record) }
            case .ended:
                world.note(nil, at: index) { "client \(index): its session is over" }
                abandonSession()
                connector = nil
                restartAt = now + .milliseconds(50)
                return
            }
        }
    }

    private func take(_ record: Record) {
        switch record {
        case .accepted, .started: break
        case .outcome(let outcome):
            world.note(outcome.attempt.task, at: index) {
                "client \(index): attempt \(outcome.attempt.number) \(outcome.status) \(outcome.reason)"
            }
            world.auditor.outcomeSeen(outcome)
            let place = Int(outcome.attempt.task.sequence) - 1
            guard tasks.indices.contains(place), !tasks[place].hasOutcome else { return }
            tasks[place].hasOutcome = true
            if !tasks[place].isReleased { unfinished -= 1 }
        case .submit, .cancel, .release, .function, .workerSetup, .forgetFunction, .assign, .retract, .stop,
            .forgetSession, .drain, .value, .forgetValues, .finished, .workerStarted, .returned, .draining:
            preconditionFailure("no scheduler says this to a client")
        }
    }

    // MARK: Acting

    private func planAct() {
        let mean = world.isHealed ? .milliseconds(100) : world.setting.tempo
        let pause = world.random.interval(.microseconds(1), mean * 2)
        world.queue.plan(.clientActs(client: index, life: life), at: world.now + pause)
    }

    func act() {
        planAct()
        guard pausedUntil <= world.now, let connector, restartAt == .distantFuture else { return }
        if world.isHealed {
            if unfinished == 0, !hasReleasedAll, !tasks.isEmpty {
                hasReleasedAll = true
                say(.release(first: 1, count: UInt64(tasks.count)))
                wake()
            }
            return
        }
        let setting = world.setting
        switch world.random.below(100) {
        case 0..<8: if setting.has(.cancels) { cancel(alsoRunning: true) }
        case 8..<15: if setting.has(.weakCancels) { cancel(alsoRunning: false) }
        case 15..<25: release(connector.id)
        case 25..<28: if setting.has(.duplicates) { submitAgain() }
        case 28: if setting.has(.drains) { world.drainSomeWorker() }
        case 29: if setting.has(.sessionChanges) { return beginAnew() }
        case _: if !connector.link.isBlocked { submit(connector.id) }
        }
        wake()
    }

    private func say(_ record: Record) { connector?.link.outgoing.append(record) }

    private func beginAnew() {
        connector?.close(now: localNow, world: world)
        abandonSession()
        join(localNow)
        wake()
    }

    /// Begins a session with so many tasks that are alike, and waits for them.
    func compete(_ spec: TaskSpec, count: Int) -> SessionID? {
        guard isRunning else { return nil }
        beginAnew()
        guard let session = connector?.id else { return nil }
        for _ in 0..<count { submit(spec, needing: [], session) }
        return session
    }

    private func submit(_ session: SessionID) {
        let room = world.setting.tasksAtOnce - unfinished
        guard room > 0 else { return }
        let first = UInt64(tasks.count) + 1
        var known: [UInt64] = []
        for back in 0..<min(20, tasks.count) {
            let place = tasks.count - 1 - back
            if !tasks[place].isReleased || world.random.happens(5) { known.append(UInt64(place) + 1) }
        }
        let lot = Workload.shape(world.setting, first: first, known: known, most: room, &world.random)
        for dependencies in lot {
            submit(Workload.spec(world.setting, world.faults, &world.random), needing: dependencies, session)
        }
    }

    private func submit(_ spec: TaskSpec, needing dependencies: [UInt64], _ session: SessionID) {
        let submission = Submission(
            sequence: UInt64(tasks.count) + 1, spec: spec, dependencies: dependencies)
        let id = TaskID(session: session, sequence: submission.sequence)
        world.note(id, at: index) { "client \(index) submits \(spec), needs \(dependencies)" }
        tasks.append(Submitted(submission: submission))
        unfinished += 1
        world.auditor.submitted(id, spec, dependencies)
        say(.submit(submission))
    }

    private func submitAgain() {
        guard !tasks.isEmpty else { return }
        say(.submit(world.random.element(of: tasks).submission))
    }

    private func cancel(alsoRunning: Bool) {
        guard !tasks.isEmpty else { return }
        let recent = min(tasks.count, 30)
        let place = tasks.count - 1 - world.random.below(recent)
        say(.cancel(UInt64(place) + 1, alsoRunning: alsoRunning))
    }

    private func release(_ session: SessionID) {
        guard !tasks.isEmpty else { return }
        let first = world.random.below(tasks.count)
        let last = min(tasks.count - 1, first + world.random.below(8))
        for place in first...last {
            guard world.setting.has(.earlyRelease) || tasks[place].hasOutcome else { continue }
            if tasks[place].isReleased { continue }
            tasks[place].isReleased = true
            if !tasks[place].hasOutcome { unfinished -= 1 }
            world.auditor.released(TaskID(session: session, sequence: UInt64(place) + 1))
            say(.release(first: UInt64(place) + 1, count: 1))
        }
    }
}
