// One run: nodes, network and store under one clock, in one thread, from one seed.
//
// First anything may go wrong, and at each step nothing may be wrong ("safety"). Then everything is healed,
// clients submit nothing more, and within a bound all must have ended and every table be empty ("liveness").

import TaskModel

final class World {
    let options: SimulationOptions
    var random: RandomNumbers
    var faults: FaultPlan
    let setting: Setting
    var queue = EventQueue()
    private(set) var now = Instant.origin
    var coverage = Coverage()
    private(set) var hash = TraceHash()
    private(set) var steps = 0
    /// Turns of a node between two checks of its core's invariants, which look at everything.
    let checkInterval: Int
    private(set) var violation: Violation?
    private(set) var isHealed = false
    /// Since when nothing goes wrong; nil while something may.
    private(set) var calmSince: Instant?
    private(set) var referee: Referee?
    private(set) var isClosing = false
    private var deadline = Instant.distantFuture
    private var notes: [Note] = []
    private let trace: Trace

    // Set once, when the world is complete enough for them to know it.
    private var builtNetwork: Network?
    private var builtAuditor: Auditor?
    private var builtScheduler: SchedulerNode?
    private(set) var workers: [WorkerNode] = []
    private(set) var clients: [ClientNode] = []

    var network: Network { builtNetwork.built }
    var auditor: Auditor { builtAuditor.built }
    var scheduler: SchedulerNode { builtScheduler.built }

    private struct Note {
        let task: TaskID?
        let node: Int?
        let text: String
    }

    /// What is written down of a run.
    enum Trace {
        case off
        case everything
        /// What concerns this task, and nodes.
        case task(TaskID)
    }

    /// From the end of all faults to the end of all tasks: leases, starts of executors, and the work itself.
    private static let livenessBound = Interval.seconds(1_500)

    /// Events at one instant: far beyond what all nodes together do at once.
    private static let stepsOfInstantMax = 1_000_000
    private var stepsOfInstant = 0

    init(_ options: SimulationOptions, trace: Trace) {
        self.options = options
        self.trace = trace
        random = RandomNumbers(seed: options.seed)
        setting = Setting(nodes: options.nodes, random: &random)
        faults = FaultPlan(options.faults, nodes: options.nodes, random: &random)
        checkInterval = max(1, options.nodes / 8)
        if options.faults == .none { calmSince = .origin }
        build()
    }

    private func build() {
        let nodes = 1 + setting.workers.count + setting.clients
        builtNetwork = Network(world: self, nodes: nodes)
        builtAuditor = Auditor(world: self, nodes: nodes)
        let scheduler = SchedulerNode(0, world: self)
        scheduler.begin(setting)
        builtScheduler = scheduler
        for (number, offer) in setting.workers.enumerated() {
            workers.append(WorkerNode(1 + number, offer: offer, world: self))
        }
        for number in 0..<setting.clients {
            clients.append(ClientNode(1 + workers.count + number, world: self))
        }
        for node in 0..<nodes {
            self.node(node).clock.offset = random.interval(.seconds(1), .seconds(100_000))
            guard faults.has(.clockSkew) else { continue }
            coverage.count(.clockSkew)
            self.node(node).clock.drift = Int64(random.number(-50_000...50_000))
        }
        for worker in workers { begin(.workerStarts(worker: worker.index, life: 0)) }
        for client in clients { begin(.clientStarts(client: client.index, life: 0)) }
        planMishap()
    }

    private func begin(_ happening: Happening) {
        queue.plan(happening, at: now + random.interval(.zero, .milliseconds(30)))
    }

    // MARK: Who is who

    func isWorker(_ node: Int) -> Bool { node >= 1 && node <= workers.count }
    func worker(_ node: Int) -> WorkerNode? { isWorker(node) ? workers[node - 1] : nil }
    func client(_ node: Int) -> ClientNode { clients[node - 1 - workers.count] }
    func offer(_ node: Int) -> WorkerOffer { setting.workers[node - 1] }
    func slowness(of node: Int) -> Int64 { self.node(node).slowness }

    func node(_ index: Int) -> Node {
        if index == 0 { return scheduler }
        return isWorker(index) ? workers[index - 1] : client(index)
    }

    var sessionTasksMax: Int { referee == nil ? setting.sessionTasksMax : Int(Limits.sessionTasksMax) }

    func newSession() -> SessionID { SessionID(random.next() | 1) }

    // MARK: Faults

    /// Whether a fault strikes on this occasion.
    func strikes(_ fault: Fault) -> Bool {
        guard random.happens(faults.share(fault)) else { return false }
        coverage.count(fault)
        return true
    }

    func planMishap() {
        guard !faults.mishaps.isEmpty, !faults.isOver else { return }
        let pause = random.interval(.microseconds(1), faults.mishapInterval * 2)
        queue.plan(.mishap, at: now + pause)
    }

    func drainSomeWorker() {
        guard let session = random.element(of: workers).session else { return }
        note(nil) { "an operator drains \(session)" }
        scheduler.toDrain.append(session)
        scheduler.wake()
    }

    private func heal() {
        isHealed = true
        if options.faults != .none { calmSince = now }
        faults.isOver = true
        network.heal()
        note(nil) { "all faults are over" }
        for index in 0...(workers.count + clients.count) {
            node(index).slowness = 1
            node(index).resume()
        }
        deadline = now + Self.livenessBound
    }

    // MARK: Running

    /// Plays until everything has ended, or something is wrong.
    func play() {
        while violation == nil {
            if !isHealed, steps >= options.steps { heal() }
            if isHealed, steps % 16 == 0, hasEnded() { return }
            guard let (instant, happening) = queue.takeNext() else {
                return complain("nothing happens any more", auditor.someOpenTask)
            }
            stepsOfInstant = instant == now ? stepsOfInstant + 1 : 0
            if stepsOfInstant > Self.stepsOfInstantMax {
                return complain("a loop turns without end, and time stands still", auditor.someOpenTask)
            }
            now = instant
            if now > deadline { return complainOfDelay() }
            let fingerprint = happening.fingerprint
            hash.add(UInt64(bitPattern: now.nanoseconds))
            hash.add(fingerprint.kind << 56 ^ fingerprint.detail)
            steps += 1
            perform(happening)
        }
    }

    private func hasEnded() -> Bool {
        guard auditor.openTasks == 0, leftovers() == nil else { return false }
        if isClosing {
            auditor.conclude()
            return true
        }
        for client in clients where !client.isQuiet { return false }
        guard contestIsOver() else { return false }
        isClosing = true
        auditor.conclude()
        for client in clients { client.leave() }
        deadline = now + Self.livenessBound
        return violation != nil
    }

    /// The last part of a run: a contest, if the seed has one.
    private func contestIsOver() -> Bool {
        guard let contest = setting.contest else { return true }
        if let referee { return referee.isComplete }
        // What is cut off without knowing it finds out within its lease.
        guard let calmSince, now - calmSince > Limits.workerLease * 2 else { return false }
        if absentWorker != nil { return false }
        auditor.conclude()
        note(nil) { "a contest begins: \(contest)" }
        for worker in workers { worker.recover() }
        let referee = Referee(contest, world: self)
        self.referee = referee
        referee.begin()
        deadline = now + Self.livenessBound
        return false
    }

    private var absentWorker: WorkerNode? {
        workers.first { !$0.isFit || !auditor.knows($0.session) || !auditor.presence.isOne($0.index) }
    }

    private func leftovers() -> String? {
        if let left = scheduler.leftovers() { return left }
        for worker in workers { if let left = worker.leftovers() { return left } }
        return nil
    }

    private func complainOfDelay() {
        let seconds = Self.livenessBound.nanoseconds / 1_000_000_000
        if let task = auditor.someOpenTask {
            return complain("a task has not ended \(seconds) s after the last fault", task)
        }
        let left =
            leftovers() ?? absentWorker.map { "worker \($0.index) does not serve again: \($0.state)" }
            ?? "a client has not released what it had"
        complain("\(seconds) s after the last fault, \(left)", nil)
    }

    private func perform(_ happening: Happening) {
        switch happening {
        case .turn(let index):
            let node = node(index)
            if node.beginsTurn() { node.takeTurn() }
        case .arrival(let frame, let connection, let toScheduler):
            arrive(frame, over: connection, toScheduler: toScheduler)
        case .connectionLost(let connection):
            loseConnection(connection)
        case .toExecutor(let address, let request):
            workers[address.worker - 1].executor(address)?.take(request, of: address.life)
        case .fromExecutor(let address, let word):
            workers[address.worker - 1].executor(address)?.heard(word, of: address.life)
        case .runEnds(let address, let run):
            workers[address.worker - 1].executor(address)?.runEnds(run, of: address.life)
        case .clientActs(let index, let life):
            let client = client(index)
            if client.isRunning, client.life == life { client.act() }
        case .clientStarts(let index, let life):
            if client(index).life == life, !isClosing { client(index).start() }
        case .workerStarts(let index, let life):
            if workers[index - 1].life == life { workers[index - 1].start() }
        case .stored(let number):
            scheduler.stored(upTo: number)
        case .mishap:
            guard !faults.isOver else { return }
            mishap()
            planMishap()
        }
    }

    private func arrive(_ frame: Frame, over connection: Int, toScheduler: Bool) {
        if toScheduler {
            scheduler.inbox.append((frame, connection))
            return scheduler.wake()
        }
        let index = network.connections[connection].node
        if let worker = worker(index) {
            guard worker.uses(connection) else { return }
            worker.inbox.append((frame, connection))
            worker.wake()
        } else if client(index).uses(connection) {
            client(index).inbox.append((frame, connection))
            client(index).wake()
        }
    }

    private func loseConnection(_ connection: Int) {
        let index = network.connections[connection].node
        if let worker = worker(index) {
            guard worker.uses(connection) else { return }
            worker.lostConnections.append(connection)
            worker.wake()
        } else if client(index).uses(connection) {
            client(index).lostConnections.append(connection)
            client(index).wake()
        }
    }

    // MARK: Words

    func complain(_ promise: String, _ task: TaskID?) {
        if violation != nil { return }
        note(task) { "VIOLATION: \(promise)" }
        violation = Violation(promise: promise, task: task)
    }

    /// Something about a task, at a node, or both.
    func note(_ task: TaskID?, at node: Int? = nil, _ text: () -> String) {
        switch trace {
        case .off: return
        case .everything: break
        case .task(let wanted): if let task, task != wanted { return }
        }
        let microseconds = now.nanoseconds / 1_000
        let subject = task.map { " task \($0):" } ?? ""
        notes.append(Note(task: task, node: node, text: "\(microseconds) us\(subject) \(text())"))
    }

    /// What was noted; in the story of a task, what befell the nodes that had to do with it.
    var lines: [String] {
        guard case .task(let wanted) = trace else { return notes.map(\.text) }
        var isConcerned = [Bool](repeating: false, count: 1 + workers.count + clients.count)
        isConcerned[0] = true
        for note in notes where note.task == wanted { if let node = note.node { isConcerned[node] = true } }
        return notes.filter { note in note.node.map { isConcerned[$0] } ?? true }.map(\.text)
    }
}

extension Optional {
    /// For what is built in two steps, and never used between them.
    fileprivate var built: Wrapped {
        guard let value = self else { preconditionFailure("the world is not complete yet") }
        return value
    }
}
