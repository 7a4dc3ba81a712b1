// A cluster in virtual time around the real core of the scheduler.
//
// Values go from the worker that made them to the scheduler, which keeps them, and from there to the workers
// that need them, as in the product. Each machine has one connection of `Network.bytesPerSecond` in each
// direction; large messages take turns on it, and what is small passes them unless it goes the same way.

import SchedulerCore
import TaskModel

struct Network {
    /// 10 Gbit/s.
    static let bytesPerSecond = 1.25e9
    static let latency = Interval.microseconds(50)
    /// Smaller messages do not take turns.
    static let smallBytes: UInt64 = 64 << 10
    static let headBytes: UInt64 = 100

    private(set) var bytesToWorkers: UInt64 = 0
    private(set) var bytesToScheduler: UInt64 = 0
    private var schedulerOut = Instant.origin
    private var schedulerIn = Instant.origin
    private var workerOut: [Instant]
    private var workerIn: [Instant]
    /// When the last message of each way arrives: one connection keeps its order.
    private var lastToWorker: [Instant]
    private var lastToScheduler: [Instant]

    init(workers: Int) {
        workerOut = [Instant](repeating: .origin, count: workers)
        workerIn = workerOut
        lastToWorker = workerOut
        lastToScheduler = workerOut
    }

    /// When a message to a worker arrives.
    mutating func send(_ bytes: UInt64, toWorker worker: Int, at now: Instant) -> Instant {
        bytesToWorkers += bytes
        let end = Self.transfer(bytes + Self.headBytes, now, &schedulerOut, &workerIn[worker])
        lastToWorker[worker] = max(lastToWorker[worker], end + Self.latency)
        return lastToWorker[worker]
    }

    mutating func send(_ bytes: UInt64, fromWorker worker: Int, at now: Instant) -> Instant {
        bytesToScheduler += bytes
        let end = Self.transfer(bytes + Self.headBytes, now, &workerOut[worker], &schedulerIn)
        lastToScheduler[worker] = max(lastToScheduler[worker], end + Self.latency)
        return lastToScheduler[worker]
    }

    private static func transfer(
        _ bytes: UInt64, _ now: Instant, _ out: inout Instant, _ into: inout Instant
    ) -> Instant {
        let takes = Interval(nanoseconds: Int64(Double(bytes) / bytesPerSecond * 1e9))
        if bytes < smallBytes { return now + takes }
        let end = max(now, max(out, into)) + takes
        out = end
        into = end
        return end
    }
}

/// What one strategy did with one graph.
struct Measure {
    var makespan = Interval.zero
    /// Of values, for the tasks that depend on them.
    var bytesToWorkers: UInt64 = 0
    var decisions: UInt64 = 0
    /// Real time that the core took for all of its work.
    var coreTime = Duration.zero
}

struct Cluster: ~Copyable {
    private struct Attempt {
        let task: TaskSlot
        let number: UInt32
        let node: Int
    }

    private struct Worker {
        let slot: WorkerSlot
        var running = 0
        var queue: [Attempt] = []
        /// Of values that were made here and are held.
        var made: [TaskSlot: UInt64] = [:]
        var madeBytes: UInt64 = 0
    }

    private enum Happening {
        case assigned(worker: Int, Attempt)
        case ended(worker: Int, Attempt)
        case retractAsked(worker: Int, Attempt)
        case forgotten(worker: Int, TaskSlot)
        case started(worker: Int, Attempt)
        case reported(worker: Int, Attempt, isHeld: Bool)
        case returned(worker: Int, Attempt)
    }

    private struct Entry: Comparable {
        let at: Instant
        let number: UInt64
        let happening: Happening

        static func < (left: Entry, right: Entry) -> Bool {
            (left.at, left.number) < (right.at, right.number)
        }
        static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
    }

    private let graph: Graph
    private let slots: Int
    private var scheduler = Scheduler()
    private var session: SessionSlot
    private var workers: [Worker] = []
    private var network: Network
    private var queue = Heap<Entry>()
    private var planned: UInt64 = 0
    private var now = Instant.origin
    private var actions: [Action] = []
    private var recorded: UInt64 = 0
    private var values: [TaskSlot] = []
    private var unfinished: Int
    private var measure = Measure()

    /// Runs the graph to its end.
    static func run(_ graph: Graph, workers: Int, slots: Int, _ strategy: PlacementStrategy) -> Measure {
        var cluster = Cluster(graph, workers: workers, slots: slots, strategy)
        cluster.play()
        return cluster.measure
    }

    private init(_ graph: Graph, workers count: Int, slots: Int, _ strategy: PlacementStrategy) {
        self.graph = graph
        self.slots = slots
        network = Network(workers: count)
        unfinished = graph.nodes.count
        scheduler.strategy = strategy
        session = scheduler.openSession(SessionID(1), tasksMax: UInt32(graph.nodes.count))
        for number in 0..<count {
            workers.append(
                Worker(
                    slot: scheduler.openWorker(
                        SessionID(UInt64(2 + number)), slots: UInt32(slots), provides: [RequirementID(0)])))
        }
    }

    private mutating func play() {
        let begun = ContinuousClock.now
        submitAll()
        decide()
        measure.coreTime += ContinuousClock.now - begun
        while unfinished > 0, let entry = queue.popFirst() {
            now = entry.at
            handle(entry.happening)
            while let next = queue.first, next.at == now {
                _ = queue.popFirst()
                handle(next.happening)
            }
            timed { $0.decide() }
        }
        precondition(unfinished == 0, "\(graph.name): \(unfinished) tasks never end")
        measure.makespan = now - .origin
        measure.bytesToWorkers = network.bytesToWorkers
        measure.decisions = scheduler.status().counters.assigned
    }

    /// As a client that holds the result only.
    private mutating func submitAll() {
        let sinks = graph.sinks
        for (index, node) in graph.nodes.enumerated() {
            _ = scheduler.submit(
                session, sequence: UInt64(index + 1), function: FunctionKey(node.kind),
                requirement: RequirementID(0), options: TaskOptions(),
                dependencies: node.inputs.map { UInt64($0 + 1) }, now: now, into: &actions)
        }
        for index in graph.nodes.indices where !sinks[index] {
            scheduler.absorb(
                .released(session, first: UInt64(index + 1), count: 1), now: now, into: &actions)
        }
    }

    private mutating func timed(_ body: (inout Cluster) -> Void) {
        let begun = ContinuousClock.now
        body(&self)
        measure.coreTime += ContinuousClock.now - begun
    }

    private mutating func plan(_ happening: Happening, at instant: Instant) {
        planned += 1
        queue.push(Entry(at: instant, number: planned, happening: happening))
    }

    // MARK: The scheduler

    private mutating func decide() {
        runActions()
        scheduler.decide(now: now, into: &actions)
        runActions()
    }

    private mutating func runActions() {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            var last = recorded
            for action in batch { perform(action, &last) }
            guard last > recorded else { continue }
            recorded = last
            scheduler.absorb(.recorded(upTo: last), now: now, into: &actions)
        }
    }

    private mutating func perform(_ action: Action, _ last: inout UInt64) {
        switch action {
        case .record(let number, _): last = number
        case .assign(let task, let number, let slot): assign(task, number, slot)
        case .retract(let task, let number, let slot):
            let attempt = Attempt(task: task, number: number, node: node(task))
            let arrival = network.send(0, toWorker: Int(slot.index), at: now)
            plan(.retractAsked(worker: Int(slot.index), attempt), at: arrival)
        case .blame: break
        case .dropValue(let task, let slot):
            let arrival = network.send(0, toWorker: Int(slot.index), at: now)
            plan(.forgotten(worker: Int(slot.index), task), at: arrival)
        case .accept, .stop, .conclude, .deliver, .notifyStarted, .forget, .forgetSession, .drain:
            break
        }
    }

    private func node(_ task: TaskSlot) -> Int { Int(scheduler.id(of: task).sequence) - 1 }

    private mutating func assign(_ task: TaskSlot, _ number: UInt32, _ slot: WorkerSlot) {
        let attempt = Attempt(task: task, number: number, node: node(task))
        scheduler.dependencies(of: task, into: &values)
        var bytes: UInt64 = 0
        for value in values {
            switch scheduler.route(value, to: slot) {
            case .reference: break
            case .ahead, .withTask: bytes += UInt64(graph.nodes[node(value)].bytes)
            }
        }
        let arrival = network.send(bytes, toWorker: Int(slot.index), at: now)
        plan(.assigned(worker: Int(slot.index), attempt), at: arrival)
    }

    // MARK: The workers

    private mutating func handle(_ happening: Happening) {
        switch happening {
        case .assigned(let worker, let attempt):
            workers[worker].queue.append(attempt)
            start(worker)
        case .ended(let worker, let attempt):
            workers[worker].running -= 1
            start(worker)
            report(attempt, of: worker)
        case .retractAsked(let worker, let attempt):
            let place = workers[worker].queue.firstIndex { $0.task == attempt.task }
            guard let place else { return }
            workers[worker].queue.remove(at: place)
            plan(.returned(worker: worker, attempt), at: network.send(0, fromWorker: worker, at: now))
        case .forgotten(let worker, let task):
            workers[worker].madeBytes -= workers[worker].made.removeValue(forKey: task) ?? 0
        case .started(let worker, let attempt):
            timed {
                $0.scheduler.absorb(
                    .attemptStarted(attempt.task, attempt: attempt.number, by: $0.workers[worker].slot),
                    now: $0.now, into: &$0.actions)
            }
        case .reported(let worker, let attempt, let isHeld):
            timed { $0.finish(attempt, of: worker, isHeld: isHeld) }
        case .returned(let worker, let attempt):
            timed {
                $0.scheduler.absorb(
                    .attemptReturned(attempt.task, attempt: attempt.number, by: $0.workers[worker].slot),
                    now: $0.now, into: &$0.actions)
            }
        }
    }

    private mutating func start(_ worker: Int) {
        while workers[worker].running < slots, !workers[worker].queue.isEmpty {
            let attempt = workers[worker].queue.removeFirst()
            workers[worker].running += 1
            let duration = graph.nodes[attempt.node].duration
            plan(.ended(worker: worker, attempt), at: now + duration)
            guard duration > Limits.startedReportAfter else { continue }
            plan(.started(worker: worker, attempt), at: now + Limits.startedReportAfter + Network.latency)
        }
    }

    private mutating func report(_ attempt: Attempt, of worker: Int) {
        let bytes = UInt64(graph.nodes[attempt.node].bytes)
        let isHeld =
            bytes >= Limits.heldValueBytesMin
            && workers[worker].madeBytes + bytes <= UInt64(Limits.heldValuesBytesMax / 2)
        if isHeld {
            workers[worker].made[attempt.task] = bytes
            workers[worker].madeBytes += bytes
        }
        let arrival = network.send(bytes, fromWorker: worker, at: now)
        plan(.reported(worker: worker, attempt, isHeld: isHeld), at: arrival)
    }

    private mutating func finish(_ attempt: Attempt, of worker: Int, isHeld: Bool) {
        let node = graph.nodes[attempt.node]
        let verdict = scheduler.finish(
            AttemptReport(
                task: attempt.task, attempt: attempt.number, worker: workers[worker].slot, status: .value,
                reason: .none, codec: .pickle, ranMicroseconds: node.duration.wireMicroseconds,
                valueBytes: node.bytes, isHeld: isHeld),
            now: now, into: &actions)
        precondition(verdict == .committed, "each attempt is reported once")
        unfinished -= 1
    }
}

/// A binary heap, the least first.
struct Heap<Element: Comparable> {
    private var elements: [Element] = []

    var first: Element? { elements.first }

    mutating func push(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0, elements[child] < elements[(child - 1) / 2] {
            elements.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popFirst() -> Element? {
        guard let least = elements.first, let last = elements.popLast() else { return nil }
        guard !elements.isEmpty else { return least }
        elements[0] = last
        var parent = 0
        while true {
            var next = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < elements.count && elements[child] < elements[next] {
                next = child
            }
            if next == parent { return least }
            elements.swapAt(parent, next)
            parent = next
        }
    }
}
