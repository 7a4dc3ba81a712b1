import Logging
import Metrics
import Posix
import SessionTransport
import TaskModel
import Wire
import WorkerCore
import ZeroMQ

/// What other threads tell the loop.
enum WorkerLetter: Sendable {
    /// Give back what has not started, finish the rest, then leave.
    case drain
    /// Kill everything and leave at once.
    case stop
}

/// An attempt's payload, beside its place in the core.
struct AttemptPayload {
    var frame: ReceivedFrame?
    var record: Record
    /// Place of its function in the core's `Definitions`.
    var function: Int
    /// What its references stand for, in order.
    var values: [HeldValue] = []
}

/// The worker's one thread: polls the scheduler's connection, the executors' sockets and ends, and the
/// mailbox; takes everything that waits; asks the core; runs its actions; writes.
final class WorkerLoop {
    /// What the loop is doing with its life.
    enum Stage {
        /// Executors are being started; nothing has been said to the scheduler.
        case warming
        case serving
        /// Drained: what was sent waits to be acknowledged, executors end by themselves.
        case leaving(deadline: Instant)
        case ended
    }

    let configuration: WorkerConfiguration
    let context: Context
    let logger: Logger
    let mailbox: Mailbox<WorkerLetter>
    let joined: @Sendable () -> Void

    var core: WorkerStateMachine
    var poller: Poller
    var connector: Connector?
    var commandLines: [ExecutorKind: ExecutorCommandLine] = [:]
    var processes: [ExecutorProcess?]
    var lives: UInt32 = 0
    /// Tells the scheduler that it has met this process before, under another session.
    let life = randomUInt64()
    var payloads: [AttemptPayload] = []
    var definitions: Definitions
    var keptDefinitions = KeptDefinitions()
    var needs: [Definitions.Need] = []
    var news: [Definitions.News] = []
    var heldValues = HeldValues()
    var actions: [Action] = []
    var letters: [WorkerLetter] = []
    var stage = Stage.warming
    var failure: WorkerError?
    var isPaused = false
    var isWelcome = false
    /// Why there is no connection, as last logged.
    var toldTrouble: String?
    var drainDeadline = Instant.distantFuture
    var restartAt = Instant.distantFuture
    var giveUpAt = Instant.distantFuture
    var reportAt = Instant.distantFuture
    var memoryAt = Instant.distantFuture
    var busy: [ExecutorIndex] = []
    var now = MonotonicClock.now

    let finishedCounter = Counter(label: "isthmus_worker_attempts_finished")
    let executorsLostCounter = Counter(label: "isthmus_worker_executors_lost")
    let executorStart = Metrics.Timer(label: "isthmus_worker_executor_start")

    init(
        configuration: WorkerConfiguration, context: Context, logger: Logger,
        mailbox: Mailbox<WorkerLetter>, joined: @escaping @Sendable () -> Void
    ) throws(WorkerError) {
        guard configuration.slots > 0, configuration.slots <= Limits.slotsPerWorkerMax else {
            throw WorkerError(
                "A worker has 1 to \(Limits.slotsPerWorkerMax) slots, not \(configuration.slots).")
        }
        guard configuration.python != nil || configuration.swift != nil else {
            throw WorkerError("A worker needs a python or a Swift executable: give --python or --swift.")
        }
        guard configuration.devices.count <= Limits.devicesPerWorkerMax else {
            throw WorkerError("A worker has at most \(Limits.devicesPerWorkerMax) gpus.")
        }
        self.configuration = configuration
        self.context = context
        self.logger = logger
        self.mailbox = mailbox
        self.joined = joined
        core = WorkerStateMachine(
            WorkerShape(
                slots: configuration.slots, python: configuration.python != nil,
                swift: configuration.swift != nil, spares: configuration.spares,
                devices: configuration.devices.count,
                initializerTimeout: configuration.initializerTimeout,
                attemptTakeTimeout: configuration.attemptTakeTimeout))
        processes = Array(repeating: nil, count: core.executorCount)
        definitions = Definitions(executors: core.executorCount)
        do {
            poller = try Poller()
            try poller.watch(mailbox.pollDescriptor, token: Token.mailbox)
        } catch {
            throw WorkerError("The worker cannot wait for its sockets: \(error)")
        }
    }

    /// Returns when the worker has left.
    func run() throws(WorkerError) {
        defer { endProcesses() }
        adoptOrphans()
        try prepareExecutors()
        core.start(now: now, into: &actions)
        runActions()
        flushExecutors()
        while true {
            if case .ended = stage { break }
            turn()
            if let failure { throw failure }
        }
    }

    private func turn() {
        let ready: [Poller.Ready]
        do {
            ready = try poller.wait(until: wakeUp(), now: now)
        } catch {
            failure = WorkerError("The worker cannot wait for its sockets: \(error)")
            return
        }
        now = MonotonicClock.now
        for event in ready { take(event) }
        takeLetters()
        takeSchedulerEvents()
        noteTrouble()
        doChores()
        tellWhatIsGone()
        core.decide(now: now, into: &actions)
        runActions()
        tellWhatIsGone()
        joinWhenWarm()
        flushExecutors()
        connector?.flush(now: now)
        pauseOrResume()
        endWhenLeft()
    }

    private func wakeUp() -> Instant {
        var wakeUp = min(min(core.wakeUp, restartAt), min(reportAt, drainDeadline), giveUpAt)
        if core.attemptCount > 0 { wakeUp = min(wakeUp, memoryAt) }
        if let connector { wakeUp = min(wakeUp, connector.wakeUp) }
        for case let process? in processes { wakeUp = min(wakeUp, process.closeDeadline) }
        if case .leaving(let deadline) = stage { wakeUp = min(wakeUp, deadline) }
        return wakeUp
    }

    private func take(_ event: Poller.Ready) {
        // The connector and the mailbox are looked at in each turn anyway.
        if event.token >= Token.firstOfLoop { return }
        let place = Token.place(event.token)
        guard let process = processes[place], process.life == Token.life(event.token) else { return }
        if Token.isEnd(event.token) {
            absorbEnd(of: process)
        } else {
            if event.readiness.contains(.writable) { flush(process) }
            if event.readiness != .writable { absorbInput(of: process) }
        }
    }

    private func takeLetters() {
        mailbox.takeAll(into: &letters)
        for letter in letters {
            switch letter {
            case .drain:
                logger.info("draining", metadata: ["attempts": "\(core.attemptCount)"])
                drainDeadline = now + configuration.drainTimeout
                core.absorb(.drainRequested, now: now, into: &actions)
                if case .warming = stage { leave() }
            case .stop:
                connector?.close(now: now)
                connector?.flush(now: now)
                stage = .ended
            }
        }
        letters.removeAll(keepingCapacity: true)
    }

    // MARK: The end

    private static let leaveTimeout = Interval.seconds(2)

    /// Executors are told to end by themselves, so that what their libraries do at exit is done.
    func leave() {
        stage = .leaving(deadline: now + Self.leaveTimeout)
        drainDeadline = .distantFuture
        for case let process? in processes where !process.isClosed {
            let body = process.output.tail.beginRecord(.shutdown)
            process.output.tail.endRecord(body)
        }
    }

    private func endWhenLeft() {
        if now >= drainDeadline {
            logger.warning("running attempts are killed: the drain has timed out")
            leave()
        }
        guard case .leaving(let deadline) = stage else { return }
        let isDrained = connector?.link.isDrained ?? true
        let isAlone = !processes.contains { $0 != nil && $0?.status == nil }
        guard now >= deadline || (isDrained && isAlone) else { return }
        connector?.close(now: now)
        connector?.flush(now: now)
        stage = .ended
    }

    /// No executor, and nothing that it started, outlives the loop.
    private func endProcesses() {
        for case let process? in processes { process.kill(because: nil) }
        processes.removeAll()
        endAllOrphans()
        mailbox.close()
    }
}

/// What the poller answers with: which life of which executor, and its socket or its end.
enum Token {
    static let mailbox = UInt64.max
    static let connector = UInt64.max - 1
    static let firstOfLoop = UInt64.max - 1

    static func socket(_ process: ExecutorProcess) -> UInt64 {
        UInt64(process.life) << 20 | UInt64(process.index.rawValue) << 1
    }
    static func end(_ process: ExecutorProcess) -> UInt64 { socket(process) | 1 }
    static func place(_ token: UInt64) -> Int { Int(token >> 1 & 0xffff) }
    static func life(_ token: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: token >> 20) }
    static func isEnd(_ token: UInt64) -> Bool { token & 1 == 1 }
}
