import TaskModel

/// A child process of a worker that runs tasks one after the other, in the order in which it was given them.
/// Its socket keeps order in both directions, and what it wrote arrives before its end.
final class VirtualExecutor {
    private enum Phase {
        case absent, starting, ready, dead
    }

    private unowned let worker: WorkerNode
    private let place: Int
    private let workerLife: Int
    private let isPython: Bool
    private var life = 0
    private var phase = Phase.absent
    private var queue: [ExecutorRequest] = []
    private var known = KnownToExecutor()
    private var running: Assignment?
    private var runs: UInt64 = 0
    /// The run that ends with the process, by a fault.
    private var dying: UInt64 = 0
    private var isHung = false
    private var pausedUntil = Instant.origin
    /// For so long nothing of the present run has been done.
    private var stoodStill = Interval.zero
    /// The gpus that the process found when it first looked.
    private var devices: UInt64?
    /// Until when the worker has to have killed it, for the running attempt ignores that it was stopped.
    private var killDue = Instant.distantFuture
    /// It died while it ran something: what it had not begun with was not next.
    private var diedRunning = false
    private var since = Instant.origin
    private var lastRequest = Instant.origin
    private var lastWord = Instant.origin
    private var world: World { worker.world }

    init(worker: WorkerNode, place: Int, isPython: Bool) {
        self.worker = worker
        self.isPython = isPython
        self.place = place
        workerLife = worker.life
    }

    var isFit: Bool {
        switch phase {
        case .absent, .ready: pausedUntil <= world.now && !queue.contains { $0.attempt != nil }
        case .starting, .dead: false
        }
    }
    /// What held it up is over. Nobody can know that it does while it has nothing to do.
    func recover() {
        isHung = false
        runNext()
    }
    var state: String { isHung ? "hung" : "\(phase)" }
    var isBusy: Bool { running != nil }

    private var address: ExecutorAddress {
        ExecutorAddress(worker: worker.index, workerLife: workerLife, place: place, life: life)
    }

    // MARK: Life and death

    func start() {
        life += 1
        phase = .starting
        isHung = false
        pausedUntil = .origin
        diedRunning = false
        runs = 0
        devices = nil
        known = KnownToExecutor()
        dying = 0
        // What the process before it wrote is read first.
        var delay = world.random.interval(.milliseconds(5), .milliseconds(80))
        if world.strikes(.executorStartFailure) {
            if world.random.happens(200) { return }
            phase = .dead
            say(.died, after: delay)
            return
        }
        delay = delay * world.slowness(of: worker.index)
        say(.ready, after: delay)
    }

    /// By the worker: nothing that is not written yet is written any more.
    func kill() {
        guard phase != .dead, phase != .absent else { return }
        die()
    }

    /// With its worker.
    func vanish() {
        if let running { world.auditor.runVanished(running, on: worker.index) }
        phase = .dead
        running = nil
        queue.removeAll()
    }

    private func die() {
        if let running {
            world.note(running.attempt.task, at: worker.index) {
                "executor \(worker.index).\(place) died with it"
            }
            world.auditor.runVanished(running, on: worker.index)
        }
        diedRunning = running != nil
        for request in queue { neverBegins(request) }
        phase = .dead
        running = nil
        queue.removeAll()
        var delay = Interval.microseconds(200)
        if world.strikes(.slowDeath) {
            delay = delay + world.random.element(of: [.milliseconds(20), .milliseconds(300), .seconds(8)])
        }
        say(.died, after: delay)
    }

    // MARK: Pauses

    /// It does nothing meanwhile, but can be killed.
    func pause(until instant: Instant) {
        let begin = max(world.now, pausedUntil)
        guard instant > begin else { return }
        stoodStill = stoodStill + (instant - begin)
        pausedUntil = instant
    }

    // MARK: The socket

    func write(_ request: ExecutorRequest) {
        guard phase != .dead else { return neverBegins(request) }
        lastRequest = max(lastRequest, world.now + world.random.interval(.microseconds(5), .microseconds(60)))
        world.queue.plan(.toExecutor(address, request), at: lastRequest)
    }

    private func say(_ word: ExecutorWord, after delay: Interval) {
        lastWord = max(lastWord, world.now + delay)
        world.queue.plan(.fromExecutor(address, word), at: lastWord)
    }

    /// A word has arrived at the worker.
    func heard(_ word: ExecutorWord, of life: Int) {
        guard life == self.life else { return }
        if case .ready = word {
            guard phase == .starting else { return }
            phase = .ready
        }
        worker.words.append((place, word))
        worker.wake()
    }

    func take(_ request: ExecutorRequest, of life: Int) {
        guard life == self.life, phase == .ready else { return neverBegins(request) }
        if pausedUntil > world.now {
            // It lies in the socket, behind what has come before.
            lastRequest = max(lastRequest, pausedUntil)
            return world.queue.plan(.toExecutor(address, request), at: pausedUntil)
        }
        switch request {
        case .run, .define, .setUp, .forgetFunction, .forgetSession:
            queue.append(request)
            runNext()
        case .retract(let attempt):
            guard let position = queue.firstIndex(where: { $0.attempt == attempt }) else { return }
            queue.remove(at: position)
            say(.returned(attempt), after: .microseconds(20))
        case .stop(let attempt, let timedOut):
            stop(attempt, timedOut: timedOut)
        }
    }

    private func neverBegins(_ request: ExecutorRequest) {
        switch request {
        case .run(let assignment):
            if !diedRunning { world.auditor.runNeverBegan(assignment.attempt) }
        case .retract, .stop, .define, .setUp, .forgetFunction, .forgetSession: return
        }
    }

    private func stop(_ attempt: AttemptID, timedOut: Bool) {
        if let position = queue.firstIndex(where: { $0.attempt == attempt }) {
            queue.remove(at: position)
            say(.returned(attempt), after: .microseconds(20))
            return
        }
        guard let running, running.attempt == attempt else { return }
        if running.spec.isStubborn {
            world.note(attempt.task) { "its function swallows the exception" }
            let grace = Interval(nanoseconds: running.spec.grace.nanoseconds / 94 * 100)
            killDue = min(killDue, world.now + grace + .milliseconds(1))
            return
        }
        let status: OutcomeStatus = timedOut ? .timedOut : .cancelled
        finish(status, timedOut ? .executionTimeout : .clientRequest, value: nil)
    }

    // MARK: Running

    private func runNext() {
        guard running == nil, !isHung, let assignment = takeNext() else { return }
        if runs > 0, world.strikes(.executorHang) {
            // What an earlier task left behind holds it up: it does not begin with what is next.
            isHung = true
            queue.insert(.run(assignment), at: 0)
            return
        }
        running = assignment
        killDue = .distantFuture
        stoodStill = .zero
        runs += 1
        since = world.now
        world.note(assignment.attempt.task, at: worker.index) {
            "executor \(worker.index).\(place) runs attempt \(assignment.attempt.number)"
        }
        world.auditor.runStarted(assignment, on: worker.index)
        if devices ?? assignment.devices != assignment.devices {
            world.complain("a process is given other gpus than it found before", assignment.attempt.task)
        }
        devices = assignment.devices
        let hasInitializer = isPython && world.hasInitializer(assignment.attempt.task.session)
        if let lacking = known.lacks(for: assignment, hasInitializer: hasInitializer) {
            world.complain("an executor runs a task and \(lacking)", assignment.attempt.task)
        }
        var duration = assignment.spec.duration * world.slowness(of: worker.index)
        if assignment.isConversion { duration = .microseconds(150) }
        if world.strikes(.executorCrash) {
            duration = Interval(nanoseconds: duration.nanoseconds / 3)
            dying = runs
        }
        world.queue.plan(.runEnds(address, run: runs), at: world.now + duration)
    }

    /// The next attempt; what was written in front of it is done.
    private func takeNext() -> Assignment? {
        while !queue.isEmpty {
            let request = queue.removeFirst()
            if case .run(let assignment) = request { return assignment }
            if let wrong = known.take(request) { world.complain(wrong, nil) }
        }
        return nil
    }

    func runEnds(_ run: UInt64, of life: Int) {
        guard life == self.life, run == runs, phase == .ready, let running else { return }
        if stoodStill > .zero {
            defer { stoodStill = .zero }
            return world.queue.plan(.runEnds(address, run: run), at: world.now + stoodStill)
        }
        if worker.turnBefore > killDue {
            world.complain("a task that does not stop outlives its grace period", running.attempt.task)
        }
        if dying == run { return die() }
        if running.isConversion {
            return finish(.value, .none, value: running.inputs.first?.value, codec: .neutral)
        }
        let ordinal = world.auditor.runs(of: running.attempt.task)
        switch running.spec.behaviour {
        case .kills(let times) where ordinal <= times:
            world.coverage.count(.poisonTask)
            die()
        case .killsWorker(let times) where ordinal <= times:
            world.coverage.count(.poisonForWorkers)
            worker.crash(closing: true)
        case .raises(let times) where ordinal <= times:
            finish(.exception, .none, value: nil)
        case .notSerializable:
            finish(.exception, .notSerializable, value: nil)
        case .value, .raises, .kills, .killsWorker:
            let value = Token(of: running.attempt)
            finish(.value, .none, value: value, codec: running.spec.codec)
        }
    }

    private func finish(
        _ status: OutcomeStatus, _ reason: OutcomeReason, value: Token?, codec: Codec = .raw
    ) {
        guard let running else { return }
        let report = Report(
            attempt: running.attempt, status: status, reason: reason, value: value, codec: codec,
            ran: world.now - since, valueBytes: value == nil ? 0 : running.spec.valueBytes)
        world.note(running.attempt.task, at: worker.index) {
            "executor \(worker.index).\(place): \(status) \(reason)"
        }
        world.auditor.runEnded(running, on: worker.index)
        self.running = nil
        runs += 1
        say(.finished(report), after: world.random.interval(.microseconds(5), .microseconds(40)))
        runNext()
    }
}
