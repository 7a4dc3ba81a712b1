// What can go wrong, by name. A seed switches each fault on or off ("swarm testing", Groce et al. 2012):
// a fault that is always there hides what only happens without it.

import TaskModel

package enum FaultLevel: String, CaseIterable, Sendable {
    case none, light, heavy
}

enum Fault: UInt8, CaseIterable, BitwiseCopyable {
    // Of frames.
    case loss, delay, reordering, duplication
    // Of connections.
    case partition, oneWayPartition, connectionCut
    // Of nodes.
    case workerCrash, clientCrash, longPause, slowNode, clockSkew
    /// A node with all that it has started, and everything there is at once: somebody closes the lid.
    case pauseWithExecutors, pauseOfAll
    // Of executors.
    case executorCrash, executorHang, executorStartFailure, executorBroken, memoryExceeded, poisonTask
    case executorPause
    /// A task that kills its worker.
    case poisonForWorkers
    /// A process that holds much memory is gone only some time after it was killed.
    case slowDeath
    // Of the store.
    case slowStore

    /// How often, in a thousand occasions, at the heavy level; a mishap's share among mishaps.
    fileprivate var heavyPerMille: Int {
        switch self {
        case .loss: 50
        case .delay: 40
        case .reordering: 150
        case .duplication: 80
        case .partition, .oneWayPartition, .connectionCut: 100
        case .workerCrash: 150
        case .clientCrash: 40
        case .longPause, .slowNode, .executorPause: 80
        case .pauseWithExecutors: 200
        case .pauseOfAll: 20
        case .clockSkew: 1_000
        case .executorCrash: 40
        case .executorHang: 5
        case .executorStartFailure: 150
        case .executorBroken, .memoryExceeded: 100
        case .poisonTask, .poisonForWorkers: 60
        case .slowDeath: 500
        case .slowStore: 1_000
        }
    }

    /// Those that befall a node at some moment, instead of a frame, a run or a start.
    static let mishaps: [Fault] = [
        .partition, .oneWayPartition, .connectionCut, .workerCrash, .clientCrash, .longPause,
        .pauseWithExecutors, .pauseOfAll, .slowNode, .executorBroken, .executorPause, .memoryExceeded,
    ]
}

/// Which faults one seed has, and how often.
struct FaultPlan {
    private var perMille = [Int](repeating: 0, count: Fault.allCases.count)
    /// Of the mishaps that this seed has, each as often as its share.
    private(set) var mishaps: [Fault] = []
    /// Mean time between two mishaps.
    private(set) var mishapInterval = Interval.distant
    /// The longest delay of a frame, and of the store.
    private(set) var delayMax = Interval.zero
    private(set) var storeDelayMax = Interval.zero
    /// Healed: nothing goes wrong any more.
    var isOver = false

    init(_ level: FaultLevel, nodes: Int, random: inout RandomNumbers) {
        let isHeavy: Bool
        switch level {
        case .none: return
        case .light: isHeavy = false
        case .heavy: isHeavy = true
        }
        for fault in Fault.allCases where random.happens(isHeavy ? 600 : 400) {
            let often = isHeavy ? fault.heavyPerMille : max(1, fault.heavyPerMille / 8)
            perMille[Int(fault.rawValue)] = often
        }
        for fault in Fault.mishaps where has(fault) {
            let share = max(1, perMille[Int(fault.rawValue)] / 10)
            mishaps += [Fault](repeating: fault, count: share)
        }
        let pause = random.element(of: [30, 300, 3_000]) * (isHeavy ? 1 : 4)
        mishapInterval = .microseconds(Int64(pause * 1_000 / max(1, nodes / 8)))
        delayMax = .milliseconds(random.element(of: isHeavy ? [5, 300, 3_000] : [5, 100]))
        storeDelayMax = .milliseconds(random.element(of: isHeavy ? [2, 50, 2_000] : [2, 50]))
    }

    func has(_ fault: Fault) -> Bool { !isOver && perMille[Int(fault.rawValue)] > 0 }
    func share(_ fault: Fault) -> Int { isOver ? 0 : perMille[Int(fault.rawValue)] }
}

extension Interval {
    static let distant = Interval(nanoseconds: .max)
}
