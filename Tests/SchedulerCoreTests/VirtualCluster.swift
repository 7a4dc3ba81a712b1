import SchedulerCore
import TaskModel

/// Clients, a scheduler and workers in virtual time: tasks run exactly as long as their function says, one
/// per slot, by rank and then in the order in which they came. Messages take no time.
struct VirtualCluster: ~Copyable {
    /// What one session had.
    struct Usage {
        var ran = Interval.zero
        var finished = 0
    }

    private struct Attempt {
        let task: TaskSlot
        let number: UInt32
        let session: SessionID
        let function: Int
        let rank: Int8
        var overtaken: UInt8 = 0
        var end: Instant?

        func isOvertaken(by other: Int8) -> Bool {
            end == nil && rank < other && overtaken < Limits.overtakenMax
        }
    }

    private struct Worker {
        let slot: WorkerSlot
        let slots: Int
        var held: [Attempt] = []
    }

    var scheduler = Scheduler()
    private(set) var now = Instant.origin
    private(set) var usage: [SessionID: Usage] = [:]
    /// When tasks ended, by session and sequence.
    private(set) var ends: [TaskID: Instant] = [:]
    private var actions: [Action] = []
    private var recorded: UInt64 = 0
    private var workers: [Worker] = []
    private var watermarks: [UInt64] = []
    private var functionOf: [TaskSlot: Int] = [:]
    private let lengths: [Interval]
    private let isOneFunction: Bool

    /// - Parameters:
    ///   - lengths: how long tasks of each function run.
    ///   - isOneFunction: the scheduler takes them all for the same one, with other arguments.
    init(lengths: [Interval], isOneFunction: Bool = false) {
        self.lengths = lengths
        self.isOneFunction = isOneFunction
    }

    mutating func openWorker(slots: Int, provides: [UInt32] = [0]) {
        let id = SessionID(0xe000 + UInt64(workers.count))
        let slot = scheduler.openWorker(
            id, slots: UInt32(slots), provides: provides.map { RequirementID($0) })
        workers.append(Worker(slot: slot, slots: slots))
    }

    mutating func openSession() -> SessionSlot {
        watermarks.append(0)
        return scheduler.openSession(SessionID(UInt64(watermarks.count)), tasksMax: 2_000_000)
    }

    /// The id of the last one.
    @discardableResult
    mutating func submit(
        _ session: SessionSlot, _ count: Int, function: Int, needs: UInt32 = 0, priority: Int8 = 0,
        idempotent: Bool = true
    ) -> TaskID {
        let id = scheduler.id(of: session)
        for _ in 0..<count {
            watermarks[Int(id.rawValue) - 1] += 1
            let admission = scheduler.submit(
                session, sequence: watermarks[Int(id.rawValue) - 1],
                function: FunctionKey(isOneFunction ? 0 : UInt32(function)),
                requirement: RequirementID(needs),
                options: TaskOptions(idempotent: idempotent, priority: priority), dependencies: [], now: now,
                into: &actions)
            if case .admitted(let task) = admission { functionOf[task] = function }
        }
        return TaskID(session: id, sequence: watermarks[Int(id.rawValue) - 1])
    }

    /// Time passes.
    mutating func run(for interval: Interval) {
        let end = now + interval
        decide()
        while let next = nextEnd(), next <= end {
            now = next
            finishWhatEnds()
            decide()
        }
        now = end
    }

    /// Ready tasks of the whole cluster.
    var ready: Int { scheduler.status().ready }

    private func nextEnd() -> Instant? {
        var next: Instant?
        for worker in workers {
            for attempt in worker.held { if let end = attempt.end { next = min(next ?? end, end) } }
        }
        return next
    }

    private mutating func finishWhatEnds() {
        for index in workers.indices {
            while let place = workers[index].held.firstIndex(where: { $0.end == now }) {
                let attempt = workers[index].held.remove(at: place)
                let length = lengths[attempt.function]
                let ran = usage[attempt.session, default: Usage()].ran + length
                usage[attempt.session, default: Usage()].ran = ran
                usage[attempt.session, default: Usage()].finished += 1
                ends[scheduler.id(of: attempt.task)] = now
                functionOf[attempt.task] = nil
                _ = scheduler.finish(
                    AttemptReport(
                        task: attempt.task, attempt: attempt.number, worker: workers[index].slot,
                        status: .value, reason: .none, codec: .neutral,
                        ranMicroseconds: length.wireMicroseconds), now: now, into: &actions)
            }
        }
    }

    private mutating func decide() {
        scheduler.decide(now: now, into: &actions)
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            for action in batch { perform(action) }
            scheduler.absorb(.recorded(upTo: recorded), now: now, into: &actions)
        }
        for index in workers.indices { startWhatFits(index) }
    }

    private mutating func startWhatFits(_ index: Int) {
        for place in workers[index].held.indices.prefix(workers[index].slots)
        where workers[index].held[place].end == nil {
            workers[index].held[place].end = now + lengths[workers[index].held[place].function]
        }
    }

    private mutating func perform(_ action: Action) {
        switch action {
        case .record(let number, _): recorded = number
        case .assign(let task, let attempt, let worker):
            guard let function = functionOf[task] else { return }
            let session = scheduler.id(of: task).session
            for index in workers.indices where workers[index].slot == worker {
                let rank = scheduler.rank(of: task)
                var place = workers[index].held.count
                while place > 0, workers[index].held[place - 1].isOvertaken(by: rank) {
                    place -= 1
                    workers[index].held[place].overtaken += 1
                }
                workers[index].held.insert(
                    Attempt(
                        task: task, number: attempt, session: session, function: function, rank: rank),
                    at: place)
            }
        case .retract(let task, let attempt, let worker):
            for index in workers.indices where workers[index].slot == worker {
                guard let place = workers[index].held.firstIndex(where: { $0.task == task }),
                    workers[index].held[place].end == nil
                else { continue }
                workers[index].held.remove(at: place)
                scheduler.absorb(
                    .attemptReturned(task, attempt: attempt, by: worker), now: now, into: &actions)
            }
        case .deliver(let task):
            let id = scheduler.id(of: task)
            guard let session = scheduler.session(id.session) else { return }
            scheduler.absorb(
                .released(session, first: id.sequence, count: 1), now: now, into: &actions)
        case .accept, .stop, .conclude, .notifyStarted, .forget, .forgetSession, .drain, .dropValue,
            .blame:
            break
        }
    }
}
