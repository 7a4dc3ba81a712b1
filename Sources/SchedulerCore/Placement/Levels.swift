// How a worker's load becomes its place in the buckets. O(1) per change of load.

import TaskModel

/// How full a worker may be that a task is given to.
enum Reach: BitwiseCopyable {
    /// It must not wait behind another task.
    case freeSlot
    /// It may be held ahead.
    case ahead
    /// It overtakes what is held ahead, so a full worker is soon enough.
    case full

    /// The first level that is too high.
    var levelsEnd: UInt32 {
        switch self {
        case .freeSlot: Placement.freeLevels
        case .ahead: Placement.fullLevel
        case .full: Placement.levels
        }
    }
}

extension Placement {
    static var freeLevels: UInt32 { 16 }
    static var aheadLevels: UInt32 { 64 }
    /// Full, but for what overtakes what is held ahead there.
    static var fullLevel: UInt32 { freeLevels + aheadLevels }
    static var levels: UInt32 { fullLevel + 1 }
    static var excessLevels: UInt32 { 20 }

    /// Workers that may be given something, and those that may be asked for something back.
    var openCount: Int { openWorkers.count + (indexes.first?.count ?? 0) }
    var excessCount: Int { excessWorkers.count }

    mutating func update(_ worker: UInt32, _ load: WorkerLoad) {
        members[Int(worker)].load = load
        let member = members[Int(worker)]
        var free = load.held < load.slots ? load.slots - load.held : 0
        var level = Self.level(load)
        if member.isCounted {
            let plainTasks = left(worker)[Resources.cpu] / Resources.plain[Resources.cpu]
            free = min(free, UInt32(clamping: plainTasks))
            if free == 0 { level = .none }
        }
        if member.reservedFor != .none {
            free = 0
            level = .none
        }
        if !indexes.isEmpty { updateIndexes(worker) }
        setFreeSlots(worker, free)
        moveOpen(worker, to: level)
        moveExcess(worker, to: Self.excessLevel(load.excess))
    }

    /// The level of a worker, or none if it may hold nothing more.
    private static func level(_ load: WorkerLoad) -> UInt32 {
        if load.held < load.slots { return load.held * freeLevels / load.slots }
        let heldMax = load.slots * (1 + UInt32(Limits.prefetchPerSlotMax))
        let weightMax = load.slots * Estimates.unitsPerSlot
        if load.weight < weightMax, load.held < heldMax {
            return freeLevels + load.weight * aheadLevels / weightMax
        }
        // One more for each slot.
        let isOpen = load.weight < weightMax + load.slots * Estimates.weightOfUnknown
        return isOpen && load.held < heldMax + load.slots ? fullLevel : .none
    }

    private static func excessLevel(_ excess: UInt32) -> UInt32 {
        excess == 0 ? .none : min(UInt32(31 - excess.leadingZeroBitCount), excessLevels - 1)
    }

    // MARK: Buckets

    mutating func setFreeSlots(_ worker: UInt32, _ free: UInt32) {
        let old = members[Int(worker)].freeSlots
        members[Int(worker)].freeSlots = free
        freeSlots += Int(free) - Int(old)
        let memberOf = Int(members[Int(worker)].memberOf)
        classes[memberOf].freeSlots = classes[memberOf].freeSlots + free - old
    }

    mutating func moveOpen(_ worker: UInt32, to level: UInt32) {
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

    /// The lowest level of a class that has a worker; `levels` if none has.
    func firstLevel(_ provider: UInt32) -> UInt32 {
        let low = classes[Int(provider)].low
        if low != 0 { return UInt32(low.trailingZeroBitCount) }
        let high = classes[Int(provider)].high
        return high != 0 ? UInt32(64 + high.trailingZeroBitCount) : Self.levels
    }

    mutating func moveExcess(_ worker: UInt32, to level: UInt32) {
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

    /// The worker of a class that has the most to give back; none if no worker has.
    func victim(ofClass owner: UInt32) -> UInt32 {
        let excess = classes[Int(owner)].excess
        guard excess != 0 else { return .none }
        return excessWorkers.first(owner * Self.excessLevels + UInt32(63 - excess.leadingZeroBitCount))
    }
}
