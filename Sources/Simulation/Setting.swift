// What one seed is about: how large, how fast, and what its users do.

import SchedulerCore
import SessionCore
import TaskModel

/// What clients and operators may do; a seed switches each on or off.
enum Feature: UInt8, CaseIterable, BitwiseCopyable {
    case swiftTasks, graphs, failures, retries, notIdempotent, priorities, timeouts, stubborn
    case backoff, deadlines
    case cancels, weakCancels, earlyRelease, duplicates, overrun, sessionChanges, drains, smallWindows
    case resources, scarceCpus, labels, spread, unservable, contest
    case largeValues, initializers, functionsForgotten
}

struct Setting {
    private var features: [Bool]
    private(set) var workers: [WorkerOffer] = []
    /// What some tasks ask for, beside an executor.
    private(set) var wishes: [Wish] = []
    /// What follows when everything else has ended.
    private(set) var contest: Contest?
    let strategy: PlacementStrategy
    let unservableGrace: Interval
    let clients: Int
    /// Unfinished tasks that a client has at most, and that the scheduler allows it.
    let tasksAtOnce: Int
    let sessionTasksMax: Int
    /// Mean time between two things that a client does.
    let tempo: Interval
    /// Of functions, by number.
    let durations: [Interval]
    var policy = SessionPolicy()
    /// Short ones as well, so that many pauses and partitions are longer.
    let workerLease: Interval
    let clientLease: Interval
    /// How long a worker without its scheduler lets run what runs.
    let giveUpAfter: Interval
    /// Steps in which the scheduler drops what a closed session had.
    let dropsPerTurnMax: Int
    /// What each worker may hold of values.
    let heldValuesBytesMax: Int

    init(nodes: Int, random: inout RandomNumbers) {
        features = Feature.allCases.map { _ in random.happens(500) }
        strategy = random.element(of: PlacementStrategy.allCases)
        unservableGrace = random.element(of: [.milliseconds(300), .seconds(3), Limits.unservableGrace])
        let count = nodes <= 8 ? random.number(1...nodes) : nodes
        let isContest = features[Int(Feature.contest.rawValue)] && nodes <= 8 && random.happens(600)
        clients = nodes <= 8 ? random.number((isContest ? 2 : 1)...3) : max(3, nodes / 20)
        let perClient = max(1, count / clients)
        tasksAtOnce = random.element(of: [3, 12, 40]) * max(1, perClient / 2)
        let isOverrun = features[Int(Feature.overrun.rawValue)] && random.happens(300)
        sessionTasksMax = isOverrun ? tasksAtOnce * 2 / 3 + 1 : 100_000
        let tempos = nodes <= 8 ? [200, 3_000, 40_000, 400_000] : [200, 3_000, 20_000]
        let tempo = Interval.microseconds(Int64(random.element(of: tempos)))
        self.tempo = Interval(nanoseconds: tempo.nanoseconds / Int64(perClient))
        let scales: [Int64] = [20, 200, 1_500, 12_000, 80_000, 400_000]
        durations = (0..<Workload.functions).map { _ in .microseconds(random.element(of: scales)) }
        dropsPerTurnMax = random.element(of: [1, 7, Limits.dropsPerTurnMax])
        workerLease = random.element(of: [Limits.workerLease, .milliseconds(1_000), .milliseconds(300)])
        clientLease = random.element(of: [Limits.clientLease, .milliseconds(900), .milliseconds(300)])
        giveUpAfter = random.element(of: [.milliseconds(100), .seconds(3), Limits.giveUpAfter])
        heldValuesBytesMax = random.element(of: [1_000_000, 8_000_000, Limits.heldValuesBytesMax])
        let shortest = min(workerLease, clientLease).nanoseconds / 3
        policy.heartbeat = min(policy.heartbeat, Interval(nanoseconds: shortest))
        if has(.smallWindows) {
            policy.unacknowledgedFramesMax = random.element(of: [2, 5, 20])
            policy.acknowledgeFrames = random.element(of: [1, 4])
        }
        drawWorkers(count, &random)
        if isContest { contest = Contest(self, &random) }
    }

    private mutating func drawWorkers(_ count: Int, _ random: inout RandomNumbers) {
        for number in 0..<count {
            let slots = random.element(of: [1, 1, 2, 3, 4, 8])
            let kinds = number == 0 ? 0 : random.below(4)
            let spares = random.below(2)
            let (amounts, labels) = Wish.offer(slots: slots, isFirst: number == 0, self, &random)
            workers.append(
                WorkerOffer(
                    slots: slots, python: kinds != 1, swift: kinds != 2, spares: spares, amounts: amounts,
                    labels: labels))
        }
        wishes = Wish.draw(for: workers, self, &random)
    }

    func has(_ feature: Feature) -> Bool { features[Int(feature.rawValue)] }

    var words: String {
        let names = Feature.allCases.filter { has($0) }.map { "\($0)" }.joined(separator: " ")
        return "\(workers.count) workers, \(clients) clients, a step of a client each "
            + "\(tempo.nanoseconds / 1_000) us, \(strategy.rawValue); features: \(names)"
            + (contest.map { ", \($0.kind)" } ?? "")
    }
}
