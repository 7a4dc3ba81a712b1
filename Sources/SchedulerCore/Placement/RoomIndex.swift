// Workers with a free slot, by how much of one kind of resource they have left: where to look for a worker
// with room for a task that takes more, or other, than one cpu.
//
// Level n holds the workers with 2^n - 1 to 2^(n+1) - 2 left, so a level above that of the amount asked for
// surely has enough of this kind. An index is made when the first task asks for its kind; a cluster in which
// nobody asks for resources pays nothing.

struct RoomIndex {
    static let levels: UInt32 = 64

    let kind: Int
    private var workers = WorkerBuckets()
    /// Per class, a bit per level that has a worker.
    private var masks: [UInt64] = []

    init(kind: Int) { self.kind = kind }

    /// Workers with a free slot.
    var count: Int { workers.count }

    static func level(_ amount: UInt64) -> UInt32 { UInt32(63 - (amount + 1).leadingZeroBitCount) }

    mutating func addClasses(upTo count: Int) {
        while masks.count < count {
            masks.append(0)
            workers.addBuckets(Int(Self.levels))
        }
    }

    /// - Parameter level: none if it has no free slot.
    mutating func move(_ worker: UInt32, of memberOf: UInt32, to level: UInt32) {
        let base = memberOf * Self.levels
        let (old, new) = (workers.bucket(of: worker), level == .none ? .none : base + level)
        guard old != new else { return }
        workers.move(worker, to: new)
        if old != .none, workers.first(old) == .none { masks[Int(memberOf)] &= ~(1 << UInt64(old - base)) }
        if new != .none { masks[Int(memberOf)] |= 1 << UInt64(level) }
    }

    /// Levels of a class that may have enough, as bits.
    func levels(of memberOf: UInt32, from amount: UInt64) -> UInt64 {
        masks[Int(memberOf)] & ~((1 << UInt64(Self.level(amount))) - 1)
    }

    func first(_ memberOf: UInt32, _ level: UInt32) -> UInt32 {
        workers.first(memberOf * Self.levels + level)
    }

    func next(_ worker: UInt32) -> UInt32 { workers.next(worker) }
}
