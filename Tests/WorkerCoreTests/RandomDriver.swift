import TaskModel
import WorkerCore

/// Drives a worker with random events, plays its executors, and audits what the worker does: every attempt
/// ends exactly once, no slot runs two, what an executor has begun is not begun again.
struct RandomDriver: ~Copyable {
    private struct Held {
        let id: AttemptID
        let kind: ExecutorKind
        let devices: UInt64
        var executor: Int?
        var wasBegun = false
        /// The stop that its executor was told of.
        var isStopped = false
    }

    private enum Life { case none, starting, alive, killed }

    private var random: SplitMix64
    private var core: WorkerStateMachine
    private var now = Instant.origin
    private var actions: [Action] = []
    private var functions: [FunctionSlot] = []
    private var held: [AttemptSlot: Held] = [:]
    private var lives: [Life]
    /// What each executor was sent and has not answered; it has begun with the first.
    private var pipelines: [[AttemptSlot]]
    private var nextSequence: UInt64 = 0
    private var isDraining = false
    private(set) var ended = 0
    private(set) var violation: String?

    private let shape: WorkerShape
    /// The devices of what each process was sent.
    private var devices: [Set<UInt64>]

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        shape = WorkerShape(
            slots: Int(random.below(4)) + 1, python: true, swift: random.below(2) == 0,
            spares: Int(random.below(3)), devices: [0, 0, 1, 3][Int(random.below(4))])
        core = WorkerStateMachine(shape)
        lives = Array(repeating: .none, count: core.executorCount)
        pipelines = Array(repeating: [], count: core.executorCount)
        devices = Array(repeating: [], count: core.executorCount)
        for _ in 0..<3 { functions.append(core.addFunction()) }
        core.start(now: now, into: &actions)
    }

    mutating func run(steps: Int) {
        var left = steps
        while left > 0, violation == nil {
            // A turn takes all the facts that wait.
            for _ in 0...random.below(4) { step() }
            left -= 1
            turn()
        }
        calmDown()
    }

    private mutating func turn() {
        core.decide(now: now, into: &actions)
        for action in actions { perform(action) }
        actions = []
        core.checkInvariants()
        audit()
    }

    /// Faults stop; everything has to end.
    private mutating func calmDown() {
        for _ in 0..<10_000 where violation == nil && !held.isEmpty {
            for executor in lives.indices { advance(executor, honest: true) }
            now = now + .milliseconds(100)
            turn()
        }
        if violation == nil, !held.isEmpty { violation = "\(held.count) attempts never ended" }
    }

    private mutating func step() {
        now = now + .microseconds(Int64(random.below(2_000)))
        switch random.below(24) {
        case 0...7: admit()
        case 8...17: advance(Int(random.below(UInt64(lives.count))), honest: random.below(20) != 0)
        case 18: event { .retractRequested($0) }
        case 19: event { .cancelRequested($0) }
        case 20: crash()
        case 21:
            if random.below(20) == 0 { absorb(.sessionForgotten(SessionID(random.below(3)))) }
        case 22:
            if random.below(40) == 0 { absorb(.expelled) }
        default:
            if random.below(200) == 0 { absorb(.drainRequested) }
            now = now + .milliseconds(Int64(random.below(200)))
        }
    }

    private mutating func absorb(_ event: Event) { core.absorb(event, now: now, into: &actions) }

    private mutating func event(_ make: (AttemptSlot) -> Event) {
        let slots = held.keys.sorted { $0.index < $1.index }
        guard !slots.isEmpty else { return }
        absorb(make(slots[Int(random.below(UInt64(slots.count)))]))
    }

    private mutating func admit() {
        for _ in 0...random.below(6) {
            nextSequence += 1
            let task = TaskID(session: SessionID(random.below(3)), sequence: nextSequence)
            let kind: ExecutorKind = shape.swift && random.below(3) == 0 ? .swift : .python
            let order = AttemptOrder(
                id: AttemptID(task: task, number: 1), function: functions[Int(random.below(3))], kind: kind,
                timeout: random.below(4) == 0 ? .milliseconds(20) : nil, grace: .milliseconds(10),
                rank: random.below(3) == 0 ? Int8(random.below(5)) : 0,
                devices: random.below(2) == 0 ? random.below(1 << UInt64(shape.devices)) : 0,
                isCounted: random.below(4) == 0)
            guard let slot = core.admit(order) else { return fail("a new attempt was not admitted") }
            if held[slot] != nil { return fail("a place was given out twice") }
            held[slot] = Held(id: order.id, kind: kind, devices: order.devices)
        }
    }

    // MARK: Executors

    private mutating func advance(_ executor: Int, honest: Bool) {
        let index = ExecutorIndex(executor)
        switch lives[executor] {
        case .none: break
        case .starting:
            lives[executor] = honest ? .alive : .none
            absorb(honest ? .executorReady(index) : .executorDied(index))
        case .killed:
            lives[executor] = .none
            pipelines[executor] = []
            absorb(.executorDied(index))
        case .alive:
            if !honest {
                return absorb(random.below(2) == 0 ? .executorBroke(index) : .memoryExceeded(index))
            }
            finishFirst(executor)
        }
    }

    private mutating func crash() {
        let executor = Int(random.below(UInt64(lives.count)))
        guard lives[executor] == .alive || lives[executor] == .killed else { return }
        lives[executor] = .none
        pipelines[executor] = []
        absorb(.executorDied(ExecutorIndex(executor)))
    }

    private mutating func finishFirst(_ executor: Int) {
        guard let slot = pipelines[executor].first, let attempt = held[slot] else { return }
        pipelines[executor].removeFirst()
        let status: OutcomeStatus = attempt.isStopped ? .exception : .value
        let ran = Interval.microseconds(Int64(random.below(400)))
        let finished = core.finish(
            attempt.id, status: status, ran: ran, by: ExecutorIndex(executor), now: now, into: &actions)
        guard let finished else { return fail("an outcome of \(attempt.id) was not taken") }
        if finished.slot != slot { fail("the outcome of another attempt was taken") }
        end(slot)
        begin(executor)
    }

    private mutating func begin(_ executor: Int) {
        guard let slot = pipelines[executor].first else { return }
        if held[slot]?.wasBegun == true { fail("an attempt was begun twice") }
        held[slot]?.wasBegun = true
    }

    // MARK: What the worker does

    private mutating func perform(_ action: Action) {
        switch action {
        case .start(let executor):
            if lives[executor.int] != .none { fail("an executor that lives was started") }
            lives[executor.int] = .starting
            devices[executor.int] = []
        case .send(let slot, let executor, let some):
            devices[executor.int].insert(some)
            if devices[executor.int].count > 1 { fail("a process served two sets of devices") }
            if some != held[slot]?.devices { fail("the devices of another attempt were sent") }
            if lives[executor.int] != .alive { fail("sent to an executor that is not ready") }
            if held[slot] == nil || held[slot]?.wasBegun == true { fail("sent what was begun or has ended") }
            if held[slot]?.kind != core.kind(of: executor) { fail("sent to an executor of another kind") }
            held[slot]?.executor = executor.int
            pipelines[executor.int].append(slot)
            if pipelines[executor.int].count == 1 { begin(executor.int) }
        case .retract(let slot, let executor):
            retract(slot, executor)
        case .stop(let slot, let executor, _):
            if pipelines[executor.int].first == slot, random.below(3) != 0 { held[slot]?.isStopped = true }
        case .look(let slot, let executor):
            look(slot, executor)
        case .retire(let executor):
            if !pipelines[executor.int].isEmpty { fail("an executor that has something to do was retired") }
            if lives[executor.int] != .none { lives[executor.int] = .killed }
        case .kill(let executor):
            // It may have died by itself meanwhile.
            if lives[executor.int] != .none { lives[executor.int] = .killed }
        case .reportStarted(let slot):
            if held[slot] == nil { fail("reported what has ended") }
        case .giveBack(let slot):
            if held[slot]?.wasBegun == true { fail("gave back what was begun") }
            end(slot)
        case .conclude(let slot, _, _, _), .forget(let slot):
            end(slot)
        case .leave:
            if !held.isEmpty { fail("left with attempts") }
            isDraining = true
        }
    }

    /// The executor answers at once, if it has not begun; sometimes the question comes too late.
    private mutating func retract(_ slot: AttemptSlot, _ executor: ExecutorIndex) {
        guard let place = pipelines[executor.int].firstIndex(of: slot), place > 0, random.below(4) != 0,
            lives[executor.int] == .alive
        else { return }
        pipelines[executor.int].remove(at: place)
        held[slot]?.executor = nil
        // The worker hears of it in its next turn.
        core.absorb(.attemptReturned(slot, by: executor), now: now, into: &later)
        for action in later { perform(action) }
        later = []
    }

    private mutating func look(_ slot: AttemptSlot, _ executor: ExecutorIndex) {
        if pipelines[executor.int].first != slot { fail("looked for what is not next") }
        core.absorb(.looked(slot, executor, .attempt), now: now, into: &later)
        if !later.isEmpty { fail("an attempt that runs was held against its executor") }
    }

    private var later: [Action] = []

    private mutating func end(_ slot: AttemptSlot) {
        if held.removeValue(forKey: slot) == nil { fail("an attempt ended twice") }
        for executor in pipelines.indices { pipelines[executor].removeAll { $0 == slot } }
        ended += 1
    }

    private mutating func audit() {
        for slot in 0..<shape.slots where shape.swift {
            let kinds = [2 * slot, 2 * slot + 1].filter { lives[$0] == .alive && !pipelines[$0].isEmpty }
            if kinds.count > 1, shape.spares == 0 { fail("slot \(slot) runs two attempts") }
        }
    }

    private mutating func fail(_ text: String) { violation = violation ?? text }
}

/// Sebastiano Vigna's generator: small, and the same on every machine.
struct SplitMix64 {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
}
