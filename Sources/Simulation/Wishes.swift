// Resources and labels, in the simulator's own words: what workers offer, and what tasks ask for.

import TaskModel

/// Of each kind, in thousandths; memory in bytes. Compared and added here and not by the core's own
/// arithmetic, which is on trial.
struct Amounts: Hashable, BitwiseCopyable {
    enum Kind: Int, CaseIterable {
        case cpu, memory, gpu, custom
    }

    private var cpu: Int64 = 0
    private var memory: Int64 = 0
    private var gpu: Int64 = 0
    private var custom: Int64 = 0

    init(cpus: Int) { cpu = Int64(cpus) * 1_000 }

    subscript(kind: Kind) -> Int64 {
        get {
            switch kind {
            case .cpu: cpu
            case .memory: memory
            case .gpu: gpu
            case .custom: custom
            }
        }
        set {
            switch kind {
            case .cpu: cpu = newValue
            case .memory: memory = newValue
            case .gpu: gpu = newValue
            case .custom: custom = newValue
            }
        }
    }

    /// The first kind of which there is less here than in the other; nil if there is enough of all.
    func missing(for other: Amounts) -> Kind? {
        Kind.allCases.first { self[$0] < other[$0] }
    }

    mutating func add(_ other: Amounts) {
        for kind in Kind.allCases { self[kind] += other[kind] }
    }

    mutating func subtract(_ other: Amounts) {
        for kind in Kind.allCases { self[kind] -= other[kind] }
    }
}

/// What a task asks of its worker beside an executor of its kind.
struct Wish: Hashable, BitwiseCopyable {
    var amounts = Amounts(cpus: 1)
    /// Bits of labels that the worker must have, and must not have.
    var labels: UInt8 = 0
    var avoids: UInt8 = 0
    /// Rather where few of the same function and session are.
    var isSpread = false

    var hasLabels: Bool { labels | avoids != 0 }
}

extension Wish {
    /// Labels that workers have; nobody has the one beyond.
    private static let labelCount = 3
    private static let labelOfNobody: UInt8 = 1 << 3
    private static let gibibyte: Int64 = 1 << 30

    /// What a worker offers beside its slots.
    static func offer(slots: Int, isFirst: Bool, _ setting: Setting, _ random: inout RandomNumbers) -> (
        amounts: Amounts, labels: UInt8
    ) {
        var amounts = Amounts(cpus: slots)
        if setting.has(.scarceCpus) {
            // The first worker can run a plain task, or a seed might be about nothing else than refusals.
            amounts[.cpu] = Int64(random.number((isFirst ? 2 : 1)...(2 * slots + 2))) * 500
        }
        if setting.has(.resources) {
            amounts[.memory] = Int64(random.element(of: [0, 1, 4, 16])) * gibibyte
            amounts[.gpu] = Int64(random.element(of: [0, 1, 2, 4])) * 1_000
            amounts[.custom] = Int64(random.element(of: [0, 0, 1, 3])) * 1_000
        }
        let labels = setting.has(.labels) ? UInt8(random.below(1 << labelCount)) : 0
        return (amounts, labels)
    }

    /// Some wishes that a worker of the seed can fulfil, and perhaps one that none can.
    static func draw(
        for workers: [WorkerOffer], _ setting: Setting, _ random: inout RandomNumbers
    ) -> [Wish] {
        var wishes: [Wish] = []
        for _ in 0..<4 {
            let wish = fulfilled(by: random.element(of: workers), setting, &random)
            if wish != Wish() { wishes.append(wish) }
        }
        if setting.has(.unservable) {
            var wish = wishes.first ?? Wish()
            if random.happens(500) {
                wish.labels |= labelOfNobody
            } else {
                let kind = random.element(of: Amounts.Kind.allCases)
                wish.amounts[kind] =
                    (workers.map { $0.amounts[kind] }.max() ?? 0)
                    + (kind == .gpu ? 1_000 : random.element(of: [1, 1_000]))
            }
            wishes.append(wish)
        }
        return wishes
    }

    private static func fulfilled(
        by worker: WorkerOffer, _ setting: Setting, _ random: inout RandomNumbers
    ) -> Wish {
        var wish = Wish()
        if setting.has(.resources) {
            for kind in Amounts.Kind.allCases where worker.amounts[kind] > 0 && random.happens(500) {
                let all = worker.amounts[kind]
                // Nothing, a little, what two or one can have at once.
                wish.amounts[kind] = random.element(of: [0, all / 5, all / 2, all])
            }
        }
        if setting.has(.labels) {
            wish.labels = worker.labels & UInt8(random.below(1 << labelCount))
            wish.avoids = ~worker.labels & UInt8(random.below(1 << labelCount))
        }
        if setting.has(.spread) { wish.isSpread = random.happens(500) }
        return wish
    }
}
