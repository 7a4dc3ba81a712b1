// Which worker gets a task: the one with the least to do among those that meet its requirement.
//
// This is the whole of the strategy. The core tells it which workers exist and how loaded each one is, and
// asks `choose` for the next task and `victim` for the worker from which to take work back. Another strategy
// replaces this struct and nothing else.
//
// Ten thousand workers must cost no more than one, so nothing here walks the workers. Workers that meet the
// same requirements form a *class* (a cluster has few), and each class keeps its workers in buckets by
// level: levels below `fullLevels` have a free slot, ordered by how many; above, all slots are busy and the
// worker is ordered by the work that it holds ahead; one that may hold nothing more is in no bucket. Finding
// the best bucket is a search in two words, and workers of one bucket take turns.
// Workers that hold more than they run lie in a second set of buckets, by the binary logarithm of how much.

import TaskModel

/// What placement knows of a worker.
struct WorkerLoad: BitwiseCopyable {
    var slots: UInt32
    var held: UInt32
    var weight: UInt32
    /// Attempts that could be taken back.
    var excess: UInt32
}

struct LeastLoadedPlacement: ~Copyable {
    private static let freeLevels: UInt32 = 16
    private static let aheadLevels: UInt32 = 64
    private static let levels = freeLevels + aheadLevels
    private static let excessLevels: UInt32 = 20

    private struct Member: BitwiseCopyable {
        var memberOf = UInt32.none
        var slots: UInt32 = 0
        var freeSlots: UInt32 = 0
    }

    private struct WorkerClass {
        var requirements: [UInt32]
        var workers: UInt32 = 0
        var slots: UInt32 = 0
        var freeSlots: UInt32 = 0
        /// A bit per level that has a worker, in two words, and the same for levels of excess.
        var low: UInt64 = 0
        var high: UInt64 = 0
        var excess: UInt64 = 0
    }

    private var classes: [WorkerClass] = []
    private var classOf: [[UInt32]: UInt32] = [:]
    private var members: [Member] = []
    private var openWorkers = WorkerBuckets()
    private var excessWorkers = WorkerBuckets()
    /// Per requirement, the classes that meet it.
    private var providers: [[UInt32]] = []
    private(set) var freeSlots = 0
    /// Workers that are not removed.
    private(set) var workerCount = 0

    /// Workers that may be given something, and those that may be asked for something back.
    var openCount: Int { openWorkers.count }
    var excessCount: Int { excessWorkers.count }

    // MARK: Members

    mutating func add(_ worker: UInt32, provides: [RequirementID], load: WorkerLoad) {
        while members.count <= Int(worker) { members.append(Member()) }
        var key: [UInt32] = []
        for requirement in provides.sorted() where key.last != requirement.rawValue {
            key.append(requirement.rawValue)
        }
        let memberOf = classOf[key] ?? makeClass(key)
        members[Int(worker)] = Member(memberOf: memberOf, slots: load.slots)
        classes[Int(memberOf)].workers += 1
        classes[Int(memberOf)].slots += load.slots
        workerCount += 1
        update(worker, load)
    }

    mutating func remove(_ worker: UInt32) {
        let memberOf = members[Int(worker)].memberOf
        guard memberOf != .none else { return }
        moveOpen(worker, to: .none)
        moveExcess(worker, to: .none)
        setFreeSlots(worker, 0)
        classes[Int(memberOf)].workers -= 1
        workerCount -= 1
        classes[Int(memberOf)].slots -= members[Int(worker)].slots
        members[Int(worker)] = Member()
    }

    /// What a worker provides, in order.
    func requirements(of worker: UInt32) -> [UInt32] {
        let memberOf = members[Int(worker)].memberOf
        return memberOf == .none ? [] : classes[Int(memberOf)].requirements
    }

    /// Workers that meet the requirement and are not removed.
    func providerCount(_ requirement: UInt32) -> UInt32 {
        guard requirement < providers.count else { return 0 }
        var count: UInt32 = 0
        for provider in providers[Int(requirement)] { count += classes[Int(provider)].workers }
        return count
    }

    /// Whether a worker that is not removed meets the requirement, full or not.
    func isServed(_ requirement: UInt32) -> Bool {
        guard requirement < providers.count else { return false }
        for provider in providers[Int(requirement)] where classes[Int(provider)].workers > 0 { return true }
        return false
    }

    /// Slots of these workers.
    func slots(_ requirement: UInt32) -> UInt32 {
        guard requirement < providers.count else { return 0 }
        var count: UInt32 = 0
        for provider in providers[Int(requirement)] { count += classes[Int(provider)].slots }
        return count
    }

    func provides(_ worker: UInt32, _ requirement: UInt32) -> Bool {
        let memberOf = members[Int(worker)].memberOf
        return memberOf != .none && classMeets(memberOf, requirement)
    }

    private func classMeets(_ memberOf: UInt32, _ requirement: UInt32) -> Bool {
        guard requirement < providers.count else { return false }
        for provider in providers[Int(requirement)] where provider == memberOf { return true }
        return false
    }

    private mutating func makeClass(_ key: [UInt32]) -> UInt32 {
        let made = UInt32(classes.count)
        classes.append(WorkerClass(requirements: key))
        classOf[key] = made
        openWorkers.addBuckets(Int(Self.levels))
        excessWorkers.addBuckets(Int(Self.excessLevels))
        for requirement in key {
            while providers.count <= Int(requirement) { providers.append([]) }
            providers[Int(requirement)].append(made)
        }
        return made
    }

    // MARK: Load

    mutating func update(_ worker: UInt32, _ load: WorkerLoad) {
        let free = load.held < load.slots ? load.slots - load.held : 0
        setFreeSlots(worker, free)
        moveOpen(worker, to: Self.level(load))
        moveExcess(worker, to: Self.excessLevel(load.excess))
    }

    /// The bucket of a worker, or none if it may hold nothing more.
    private static func level(_ load: WorkerLoad) -> UInt32 {
        if load.held < load.slots { return load.held * freeLevels / load.slots }
        let heldMax = load.slots * (1 + UInt32(Limits.prefetchPerSlotMax))
        let weightMax = load.slots * Estimates.unitsPerSlot
        guard load.weight < weightMax, load.held < heldMax else { return .none }
        return freeLevels + load.weight * aheadLevels / weightMax
    }

    private static func excessLevel(_ excess: UInt32) -> UInt32 {
        excess == 0 ? .none : min(UInt32(31 - excess.leadingZeroBitCount), excessLevels - 1)
    }

    // MARK: Choosing

    /// The worker for the next task of this requirement; none if every one is full.
    /// - freeSlotOnly: it must not wait behind another task.
    func choose(_ requirement: UInt32, freeSlotOnly: Bool) -> UInt32 {
        guard requirement < providers.count else { return .none }
        var best = UInt32.none
        var bestLevel = freeSlotOnly ? Self.freeLevels : Self.levels
        for provider in providers[Int(requirement)] {
            let level = firstLevel(provider)
            if level < bestLevel {
                bestLevel = level
                best = openWorkers.first(provider * Self.levels + level)
            }
        }
        return best
    }

    private func firstLevel(_ provider: UInt32) -> UInt32 {
        let low = classes[Int(provider)].low
        if low != 0 { return UInt32(low.trailingZeroBitCount) }
        let high = classes[Int(provider)].high
        return high != 0 ? UInt32(64 + high.trailingZeroBitCount) : Self.levels
    }

    var classCount: UInt32 { UInt32(classes.count) }
    func freeSlots(ofClass thief: UInt32) -> UInt32 { classes[Int(thief)].freeSlots }

    /// The worker of a class that has the most to give back; none if no worker has.
    func victim(ofClass owner: UInt32) -> UInt32 {
        let excess = classes[Int(owner)].excess
        guard excess != 0 else { return .none }
        return excessWorkers.first(owner * Self.excessLevels + UInt32(63 - excess.leadingZeroBitCount))
    }

    /// Whether workers of this class could run a task with this requirement.
    func canRun(_ requirement: UInt32, ofClass thief: UInt32) -> Bool { classMeets(thief, requirement) }

    // MARK: Buckets

    private mutating func setFreeSlots(_ worker: UInt32, _ free: UInt32) {
        let old = members[Int(worker)].freeSlots
        members[Int(worker)].freeSlots = free
        freeSlots += Int(free) - Int(old)
        let memberOf = Int(members[Int(worker)].memberOf)
        classes[memberOf].freeSlots = classes[memberOf].freeSlots + free - old
    }

    private mutating func moveOpen(_ worker: UInt32, to level: UInt32) {
        let memberOf = members[Int(worker)].memberOf
        let base = memberOf * Self.levels
        let (old, new) = (openWorkers.bucket(of: worker), level == .none ? .none : base + level)
        guard old != new else { return }
        openWorkers.move(worker, to: new)
        if old != .none, openWorkers.first(old) == .none { setOpen(memberOf, old - base, false) }
        if new != .none { setOpen(memberOf, level, true) }
    }

    private mutating func setOpen(_ memberOf: UInt32, _ level: UInt32, _ isSet: Bool) {
        let bit: UInt64 = 1 << UInt64(level % 64)
        if level < 64 {
            if isSet { classes[Int(memberOf)].low |= bit } else { classes[Int(memberOf)].low &= ~bit }
        } else {
            if isSet { classes[Int(memberOf)].high |= bit } else { classes[Int(memberOf)].high &= ~bit }
        }
    }

    private mutating func moveExcess(_ worker: UInt32, to level: UInt32) {
        let memberOf = members[Int(worker)].memberOf
        let base = memberOf * Self.excessLevels
        let (old, new) = (excessWorkers.bucket(of: worker), level == .none ? .none : base + level)
        guard old != new else { return }
        excessWorkers.move(worker, to: new)
        if old != .none, excessWorkers.first(old) == .none {
            classes[Int(memberOf)].excess &= ~(1 << UInt64(old - base))
        }
        if new != .none { classes[Int(memberOf)].excess |= 1 << UInt64(level) }
    }
}
