import SchedulerCore
import TaskModel

/// Plays clients, workers and the store against one scheduler, all from one seed. Some kinds of events are
/// left out for some seeds, so that rare combinations are not drowned by common ones.
struct RandomDriver: ~Copyable {
    private struct Held {
        let task: TaskSlot
        let attempt: UInt32
        var isRunning = false
        var isStopped = false
        var isRetracted = false
    }

    private struct Worker {
        let slot: WorkerSlot
        let slots: Int
        var held: [Held] = []
    }

    private struct Session {
        let slot: SessionSlot
        let id: SessionID
        var watermark: UInt64 = 0
        var tasks: [TaskSlot] = []
    }

    private enum Step: CaseIterable {
        case submit, submitAgain, decide, run, finish, giveBack, cancel, release, record, openWorker,
            loseWorker
        case returnWorker, drainWorker, openSession, closeSession, repeatReport, learn, pause
    }

    private static let requirements = 3
    /// How often each step is taken, in the order of the cases.
    private static let weights = [22, 2, 20, 8, 20, 4, 3, 4, 8, 2, 1, 1, 1, 1, 1, 2, 1, 1]

    private var random: RandomNumbers
    private var scheduler = Scheduler()
    private(set) var auditor = Auditor()
    private var now = Instant.origin
    private var actions: [Action] = []
    private var workers: [Worker] = []
    /// Taken for dead, and not back.
    private var gone: [WorkerSlot] = []
    private var sessions: [Session] = []
    private var oldReports: [AttemptReport] = []
    private var refined: Set<UInt32> = []
    private var opened: UInt64 = 0
    private var lot: [Step] = []
    private(set) var story: [String] = []

    var counters: Counters { scheduler.status().counters }

    init(seed: UInt64) {
        random = RandomNumbers(seed: seed)
        if random.percent(50) { scheduler.dropsPerTurnMax = 1 + random.below(20) }
        scheduler.strategy = PlacementStrategy.allCases[Int(seed / 2) % PlacementStrategy.allCases.count]
        if seed % 3 == 0 { scheduler.unservableGrace = .milliseconds(20) }
        if random.percent(50) {
            scheduler.sentValueBytesMax = 1_000_000
            auditor.values.sentBytesMax = 1_000_000
        }
        if seed % 7 == 0 { scheduler.unservableGrace = .zero }
        for (step, weight) in zip(Step.allCases, Self.weights) {
            let isEssential = step == .submit || step == .decide || step == .finish || step == .record
            if isEssential || random.percent(80) { lot += [Step](repeating: step, count: weight) }
        }
    }

    /// Faults and all, then peace, in which everything must end. Stops at the first complaint.
    mutating func play(steps: Int) {
        openSession()
        openWorker()
        for _ in 0..<steps where auditor.complaints.isEmpty {
            now = now + .microseconds(Int64(random.below(3_000)))
            if let step = random.element(of: lot) { take(step) }
            settle()
        }
        if auditor.complaints.isEmpty { makePeace() }
    }

    private mutating func take(_ step: Step) {
        switch step {
        case .submit: submit()
        case .submitAgain: submitAgain()
        case .decide: decide()
        case .run: run()
        case .finish: finish()
        case .giveBack: giveBack()
        case .cancel: cancel()
        case .release: release()
        case .record: record(all: random.percent(50))
        case .openWorker: if workers.count < 6 { openWorker() }
        case .loseWorker: loseWorker()
        case .returnWorker: returnWorker()
        case .drainWorker: drainWorker()
        case .openSession: if sessions.count < 4 { openSession() }
        case .closeSession: closeSession()
        case .repeatReport: if let report = random.element(of: oldReports) { deliver(report) }
        case .pause: now = now + .milliseconds(Int64(random.below(40_000)))
        case .learn: scheduler.forgetFunction(FunctionKey(UInt32(random.below(4))))
        }
    }

    // MARK: Clients

    private mutating func openSession() {
        opened += 1
        let id = SessionID(0xc000 + opened)
        let slot = scheduler.openSession(id, tasksMax: random.percent(20) ? 8 : 10_000)
        sessions.append(Session(slot: slot, id: id))
    }

    private mutating func closeSession() {
        guard !sessions.isEmpty else { return }
        let session = sessions.remove(at: random.below(sessions.count))
        auditor.closed(session.id)
        scheduler.closeSession(session.slot, now: now, into: &actions)
    }

    private mutating func submit() {
        guard !sessions.isEmpty else { return }
        let which = random.below(sessions.count)
        for _ in 0...random.below(6) {
            sessions[which].watermark += 1
            let sequence = sessions[which].watermark
            var dependencies: [UInt64] = []
            if sequence > 1, random.percent(40) {
                for _ in 0...random.below(4) {
                    dependencies.append(sequence - 1 - UInt64(random.below(min(Int(sequence) - 1, 12))))
                }
            }
            let needsNeutral = random.percent(25)
            let options = TaskOptions(
                retries: UInt16(random.below(3)), idempotent: random.percent(80), needsNeutral: needsNeutral,
                priority: random.percent(15) ? Int8(random.below(9) - 4) : 0,
                backoffMilliseconds: random.percent(50) ? UInt32(1 + random.below(20)) : 0,
                backoffMaxMilliseconds: random.percent(20) ? UInt32(1 + random.below(40)) : 0,
                deadlineMilliseconds: random.percent(8) ? UInt32(1 + random.below(400)) : 0)
            let requirement = requirement()
            var producers: [TaskSlot] = []
            for dependency in dependencies {
                if let slot = scheduler.task(sessions[which].slot, sequence: dependency) {
                    producers.append(slot)
                }
            }
            let admission = scheduler.submit(
                sessions[which].slot, sequence: sequence, function: FunctionKey(UInt32(random.below(4))),
                requirement: RequirementID(requirement), options: options, dependencies: dependencies,
                now: now,
                into: &actions)
            guard case .admitted(let slot) = admission else { continue }
            let id = TaskID(session: sessions[which].id, sequence: sequence)
            auditor.admitted(
                slot, id, dependencies: producers, options: options, requirement: requirement, now: now)
            sessions[which].tasks.append(slot)
            settle()
        }
    }

    private mutating func submitAgain() {
        guard let session = random.element(of: sessions), session.watermark > 0 else { return }
        let sequence = 1 + UInt64(random.below(Int(session.watermark)))
        let answer = scheduler.submit(
            session.slot, sequence: sequence, function: FunctionKey(0), requirement: RequirementID(0),
            options: TaskOptions(), dependencies: [], now: now, into: &actions)
        if answer != .duplicate { auditor.complain("\(sequence) was accepted twice") }
    }

    private mutating func cancel() {
        guard let session = random.element(of: sessions), let task = random.element(of: session.tasks) else {
            return
        }
        let alsoRunning = random.percent(50)
        auditor.cancelled(task, alsoRunning: alsoRunning)
        scheduler.absorb(.cancelRequested(task, alsoRunning: alsoRunning), now: now, into: &actions)
    }

    private mutating func release() {
        guard let session = random.element(of: sessions), session.watermark > 0 else { return }
        let first = 1 + UInt64(random.below(Int(session.watermark)))
        release(session, first: first, count: UInt64(1 + random.below(5)))
    }

    private mutating func release(_ session: Session, first: UInt64, count: UInt64) {
        for slot in session.tasks {
            guard let record = auditor.tasks[slot], record.id.sequence >= first,
                record.id.sequence - first < count
            else { continue }
            auditor.released(slot)
        }
        scheduler.absorb(.released(session.slot, first: first, count: count), now: now, into: &actions)
    }

    private mutating func record(all: Bool) {
        guard auditor.lastNumber > auditor.recordedUpTo else { return }
        let missing = Int(auditor.lastNumber - auditor.recordedUpTo)
        let number = auditor.recordedUpTo + UInt64(all ? missing : 1 + random.below(missing))
        auditor.recorded(number)
        scheduler.absorb(.recorded(upTo: number), now: now, into: &actions)
    }
}

// MARK: Workers

extension RandomDriver {
    private mutating func openWorker() {
        let slots = 1 + random.below(4)
        var provides: [RequirementID] = []
        for requirement in 0..<Self.requirements where random.percent(60) {
            provides.append(RequirementID(UInt32(requirement)))
        }
        openWorker(slots: slots, provides: provides)
    }

    private mutating func openWorker(slots: Int, provides: [RequirementID]) {
        var resources = Resources(cpu: UInt64(slots) * [500, 1_000, 1_000, 2_000][random.below(4)])
        resources[Resources.memory] = 1_000
        resources[Resources.gpu] = UInt64(random.below(4)) * 1_000
        resources[Resources.firstCustom] = UInt64(random.below(2)) * 1_000
        openWorker(slots: slots, provides: provides, resources, labels: random.percent(50) ? [0] : [])
    }

    private mutating func openWorker(
        slots: Int, provides: [RequirementID], _ resources: Resources, labels: [UInt32]
    ) {
        opened += 1
        let slot = scheduler.openWorker(
            SessionID(0xe000 + opened), slots: UInt32(slots), provides: provides, resources: resources,
            labels: labels)
        auditor.opened(
            slot,
            AuditedWorker(
                slots: slots, provides: Set(provides.map(\.rawValue)), resources: resources,
                labels: Set(labels)))
        workers.append(Worker(slot: slot, slots: slots))
    }

    /// A base, or one of the refinements, which come into being when they are first asked for.
    private mutating func requirement() -> UInt32 {
        let base = UInt32(random.below(Self.requirements))
        guard random.percent(30) else { return base }
        let which = random.below(11)
        let requirement = UInt32(Self.requirements * (1 + which)) + base
        guard refined.insert(requirement).inserted else { return requirement }
        var demand = Demand(base: RequirementID(base))
        switch which {
        case 0: demand.resources[Resources.cpu] = 2_000
        case 1: demand.resources[Resources.cpu] = 500
        case 2: demand.resources[Resources.gpu] = 1_000
        case 3: demand.resources[Resources.memory] = 600
        case 4: demand.resources[Resources.firstCustom] = 1_000
        case 5: demand.labels = [0]
        case 6: demand.isSpread = true
        case 7: demand.resources[Resources.gpu] = 600
        case 8: demand.resources[Resources.gpu] = 300
        case 9:
            demand.resources[Resources.gpu] = 2_000
            demand.resources[Resources.cpu] = 0
        default: demand.avoids = [0]
        }
        scheduler.refine(RequirementID(requirement), demand)
        auditor.defined(requirement, demand)
        return requirement
    }

    private mutating func loseWorker() {
        guard !workers.isEmpty else { return }
        let worker = workers.remove(at: random.below(workers.count))
        let farewell: Farewell = random.percent(50) ? .gone : random.percent(50) ? .silent : .closed
        auditor.closed(worker.slot, farewell)
        scheduler.closeWorker(worker.slot, farewell, now: now, into: &actions)
        if farewell == .gone { gone.append(worker.slot) }
    }

    /// One that was taken for dead joins again.
    private mutating func returnWorker() {
        guard !gone.isEmpty else { return }
        let worker = gone.remove(at: random.below(gone.count))
        auditor.cameBack(worker)
        scheduler.absorb(.workerReturned(worker), now: now, into: &actions)
    }

    private mutating func drainWorker() {
        guard let worker = random.element(of: workers) else { return }
        auditor.drained(worker.slot)
        if random.percent(50) {
            scheduler.drainWorker(worker.slot, into: &actions)
        } else {
            scheduler.absorb(.workerDraining(worker.slot), now: now, into: &actions)
        }
    }

    /// Fills a worker's slots from its queue, and says so of some.
    private mutating func run() {
        guard !workers.isEmpty else { return }
        let which = random.below(workers.count)
        for index in workers[which].held.indices.prefix(workers[which].slots) {
            workers[which].held[index].isRunning = true
            guard random.percent(30) else { continue }
            let held = workers[which].held[index]
            let event = Event.attemptStarted(held.task, attempt: held.attempt, by: workers[which].slot)
            scheduler.absorb(event, now: now, into: &actions)
        }
    }

    private mutating func finish() {
        guard !workers.isEmpty else { return }
        let which = random.below(workers.count)
        guard !workers[which].held.isEmpty else { return }
        let position = random.below(min(workers[which].held.count, workers[which].slots))
        let held = workers[which].held.remove(at: position)
        let ends: [(OutcomeStatus, OutcomeReason)] = [
            (.exception, .none), (.exception, .none), (.exception, .none), (.exception, .notSerializable),
            (.lost, .executorCrashed),
            (.lost, .memoryLimit),
            (.lost, .workerLost), (.timedOut, .executionTimeout), (.cancelled, .clientRequest),
        ]
        var end: (OutcomeStatus, OutcomeReason) = (.value, .none)
        if random.percent(25) { end = ends[random.below(ends.count)] }
        if held.isStopped, random.percent(70) { end = (.cancelled, .clientRequest) }
        let report = AttemptReport(
            task: held.task, attempt: held.attempt, worker: workers[which].slot, status: end.0, reason: end.1,
            codec: random.percent(60) ? .pickle : .neutral, isRetryable: random.percent(85),
            ranMicroseconds: UInt32([5, 50, 1_000, 20_000, 400_000][random.below(5)]),
            valueBytes: [10, 5_000, 60_000, 900_000][random.below(4)],
            isHeld: end.0 == .value && random.percent(50))
        if oldReports.count < 20 { oldReports.append(report) }
        deliver(report)
    }

    private mutating func deliver(_ report: AttemptReport) {
        // The server answers for tasks that the scheduler does not know.
        if report.isHeld, scheduler.isCurrent(report.task), auditor.openWorkers[report.worker] != nil {
            auditor.values.keeps(report)
        }
        let verdict = scheduler.finish(report, now: now, into: &actions)
        auditor.finished(report, verdict, now: now)
    }

    private mutating func decide() {
        scheduler.decide(now: now, into: &actions)
        auditor.decided(now: now)
    }

    /// Answers retractions, and sometimes gives back what nobody asked for.
    private mutating func giveBack() {
        guard !workers.isEmpty else { return }
        let which = random.below(workers.count)
        let all = random.percent(10)
        for held in workers[which].held where !held.isRunning && (held.isRetracted || held.isStopped || all) {
            workers[which].held.removeAll { $0.task == held.task && $0.attempt == held.attempt }
            auditor.returned(held.task, held.attempt, by: workers[which].slot)
            let event = Event.attemptReturned(held.task, attempt: held.attempt, by: workers[which].slot)
            scheduler.absorb(event, now: now, into: &actions)
            settle()
        }
    }
}

// MARK: Effects

extension RandomDriver {
    /// Carries out what the scheduler asks for, with every eye on it.
    private mutating func settle() {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            for action in batch { perform(action) }
        }
        if let violation = scheduler.checkInvariants() { auditor.complain("\(violation)") }
    }

    private mutating func perform(_ action: Action) {
        story.append("\(action)")
        var source: TaskSlot?
        switch action {
        case .assign(let task, let attempt, let worker):
            if scheduler.snapshot(of: task) != nil { source = scheduler.conversionSource(of: task) }
            if scheduler.isCurrent(task) {
                var values: [TaskSlot] = []
                scheduler.dependencies(of: task, into: &values)
                for value in values {
                    auditor.values.travels(value, to: worker, scheduler.route(value, to: worker))
                }
            }
            change(worker) { $0.append(Held(task: task, attempt: attempt)) }
        case .retract(let task, let attempt, let worker):
            change(worker) { list in
                for index in list.indices where list[index].task == task && list[index].attempt == attempt {
                    list[index].isRetracted = true
                }
            }
        case .stop(let task, let attempt, let worker):
            change(worker) { list in
                for index in list.indices where list[index].task == task && list[index].attempt == attempt {
                    list[index].isStopped = true
                }
            }
        case .conclude(let task, _, _, _):
            if scheduler.isCurrent(task) { source = scheduler.conversionSource(of: task) }
        case .forgetSession(let worker, let session):
            let records = auditor.tasks
            change(worker) { $0.removeAll { records[$0.task]?.id.session == session } }
        case .record, .accept, .deliver, .notifyStarted, .forget, .drain, .dropValue, .blame:
            break
        }
        auditor.saw(action, conversionOf: source)
        if case .assign(let task, _, let worker) = action {
            auditor.gave(scheduler.devices(of: task), of: worker, to: task)
        }
    }

    private mutating func change(_ worker: WorkerSlot, _ body: (inout [Held]) -> Void) {
        for index in workers.indices where workers[index].slot == worker { body(&workers[index].held) }
    }

    /// No more faults: workers that can run everything, a store that confirms, and clients that let go.
    private mutating func makePeace() {
        var plenty = Resources(cpu: 4_000)
        plenty[Resources.memory] = 1_000
        plenty[Resources.gpu] = 2_000
        plenty[Resources.firstCustom] = 1_000
        for labels in [[0], []] as [[UInt32]] {
            openWorker(
                slots: 4, provides: (0..<Self.requirements).map { RequirementID(UInt32($0)) }, plenty,
                labels: labels)
        }
        var rounds = 0
        while rounds < 2_000, auditor.complaints.isEmpty {
            rounds += 1
            decide()
            record(all: true)
            settle()
            var isIdle = auditor.lastNumber == auditor.recordedUpTo
            for which in workers.indices {
                while let held = workers[which].held.first {
                    isIdle = false
                    workers[which].held.removeFirst()
                    deliver(
                        AttemptReport(
                            task: held.task, attempt: held.attempt, worker: workers[which].slot,
                            status: held.isStopped ? .cancelled : .value, reason: .none, codec: .neutral,
                            ranMicroseconds: 10))
                    settle()
                }
            }
            guard isIdle else { continue }
            // Only time can bring on what is left.
            guard let wakeUp = scheduler.wakeUp else { break }
            now = max(now, wakeUp)
        }
        auditor.concludeStory()
        for session in sessions { release(session, first: 1, count: .max) }
        settle()
        auditor.values.conclude()
        let status = scheduler.status()
        if status.waiting + status.ready + status.held + status.kept != 0 {
            auditor.complain("something is kept that nobody needs: \(status)")
        }
    }
}
