// What placement knows of the workers: who can run what, how loaded each one is, and what each has left.
//
// Ten thousand workers must cost no more than one, so nothing here walks the workers. Workers that serve the
// same requirements form a *class* (a cluster has few), and each class keeps its workers in buckets by
// level: levels below `freeLevels` have a free slot, ordered by how many; above, all slots are busy and the
// worker is ordered by the work that it holds ahead; at the last one it is full, but for what overtakes that;
// one that may hold nothing more is in no bucket. Finding the best bucket is a search in two words, and
// workers of one bucket take turns.
// Workers that hold more than they run lie in a second set of buckets, by the binary logarithm of how much.
//
// Resources: at most `slots` attempts run on a worker, and what they take together never exceeds what it
// has. While a worker holds plain tasks only, and has a cpu for each slot, that follows from its slots, and
// it may hold work ahead. Otherwise it is *counted*: it holds only what it can run at once.
//
// Where to find what: Levels (how load becomes a level), Strategy (which worker), RoomSearch (workers with
// room for a task that is not plain), Devices (which gpus), TakingBack.

import TaskModel

/// What the core knows of a worker's load.
struct WorkerLoad: BitwiseCopyable {
    var slots: UInt32
    var held: UInt32
    var weight: UInt32
    /// Attempts that could be taken back.
    var excess: UInt32
}

struct Placement: ~Copyable {
    struct Member: BitwiseCopyable {
        var memberOf = UInt32.none
        var load = WorkerLoad(slots: 0, held: 0, weight: 0, excess: 0)
        /// As counted in its class.
        var freeSlots: UInt32 = 0
        /// Attempts held that are not plain.
        var special: UInt32 = 0
        /// It has fewer cpus than slots.
        var isTight = false
        /// The requirement for which it is kept free, or none.
        var reservedFor = UInt32.none
        /// The requirement for which it was kept free last, until it is given another's task; or none.
        var lastKeptFor = UInt32.none

        var isCounted: Bool { isTight || special > 0 }
    }

    struct Room: BitwiseCopyable {
        var total = Resources()
        /// By attempts that are not plain; of gpus, see `countDevices`.
        var taken = Resources()
    }

    struct WorkerClass {
        var requirements: [UInt32]
        var workers: UInt32 = 0
        var slots: UInt32 = 0
        var freeSlots: UInt32 = 0
        /// A bit per level that has a worker, in two words, and the same for levels of excess.
        var low: UInt64 = 0
        var high: UInt64 = 0
        var excess: UInt64 = 0
    }

    struct Reservation: BitwiseCopyable {
        var requirement: UInt32
        var worker: UInt32
    }

    var classes: [WorkerClass] = []
    private var freeClasses: [UInt32] = []
    private var classOf: [[UInt32]: UInt32] = [:]
    /// Per requirement, the classes that serve it.
    private(set) var providers: [[UInt32]] = []
    var members: [Member] = []
    var rooms: [Room] = []
    var devices = DeviceTable()
    private var offers: [Offer?] = []
    var openWorkers = WorkerBuckets()
    var excessWorkers = WorkerBuckets()
    /// The workers of each class.
    var classWorkers = WorkerBuckets()
    /// One per kind of resource that was ever asked for.
    var indexes: [RoomIndex] = []
    var indexOfKind = [Int?](repeating: nil, count: Limits.resourceKindsMax)
    var reservations: [Reservation] = []
    var hasFreed = false
    /// The worker that was chosen last because it was kept free, until it holds the attempt; or none.
    var servedByReservation = UInt32.none
    var freeSlots = 0
    /// Workers that are not removed.
    private(set) var workerCount = 0

    // MARK: Members

    mutating func add(
        _ worker: UInt32, _ offer: Offer, _ demands: borrowing Demands, load: WorkerLoad
    ) {
        while members.count <= Int(worker) {
            members.append(Member())
            rooms.append(Room())
            offers.append(nil)
        }
        let cpu = Resources.plain[Resources.cpu]
        members[Int(worker)] = Member(load: load)
        members[Int(worker)].isTight = offer.resources[Resources.cpu] < UInt64(load.slots) * cpu
        rooms[Int(worker)] = Room(total: offer.resources)
        offers[Int(worker)] = offer
        devices.open(worker, gpus: offer.resources[Resources.gpu])
        workerCount += 1
        enter(worker, classServing(offer.served(demands)))
    }

    mutating func remove(_ worker: UInt32) {
        guard members[Int(worker)].memberOf != .none else { return }
        cancelReservation(of: worker)
        leaveClass(worker)
        workerCount -= 1
    }

    /// A requirement has become known: workers that serve it form classes of their own. O(workers).
    mutating func serve(_ requirement: UInt32, _ demands: borrowing Demands) {
        var movedTo = [UInt32](repeating: .none, count: classes.count)
        for index in members.indices where members[index].memberOf != .none {
            let (worker, old) = (UInt32(index), members[index].memberOf)
            guard let offer = offers[index], offer.serves(requirement, demands) else { continue }
            if movedTo[Int(old)] == .none {
                movedTo[Int(old)] = classServing((classes[Int(old)].requirements + [requirement]).sorted())
            }
            leaveClass(worker)
            enter(worker, movedTo[Int(old)])
        }
    }

    /// It can run more than before.
    mutating func extend(_ worker: UInt32, provides base: UInt32, _ demands: borrowing Demands) {
        guard var offer = offers[Int(worker)], !offer.provides.contains(base) else { return }
        offer.provides.append(base)
        offer.provides.sort()
        offers[Int(worker)] = offer
        leaveClass(worker)
        enter(worker, classServing(offer.served(demands)))
    }

    private mutating func enter(_ worker: UInt32, _ memberOf: UInt32) {
        members[Int(worker)].memberOf = memberOf
        classes[Int(memberOf)].workers += 1
        classes[Int(memberOf)].slots += members[Int(worker)].load.slots
        classWorkers.move(worker, to: memberOf)
        update(worker, members[Int(worker)].load)
    }

    private mutating func leaveClass(_ worker: UInt32) {
        let memberOf = members[Int(worker)].memberOf
        moveOpen(worker, to: .none)
        moveExcess(worker, to: .none)
        setFreeSlots(worker, 0)
        for position in indexes.indices { indexes[position].move(worker, of: memberOf, to: .none) }
        classWorkers.move(worker, to: .none)
        classes[Int(memberOf)].workers -= 1
        classes[Int(memberOf)].slots -= members[Int(worker)].load.slots
        members[Int(worker)].memberOf = .none
        if classes[Int(memberOf)].workers == 0 { freeClass(memberOf) }
    }

    // MARK: Classes

    private mutating func classServing(_ requirements: [UInt32]) -> UInt32 {
        if let known = classOf[requirements] { return known }
        let made: UInt32
        if let free = freeClasses.popLast() {
            made = free
            classes[Int(made)] = WorkerClass(requirements: requirements)
        } else {
            made = UInt32(classes.count)
            classes.append(WorkerClass(requirements: requirements))
            openWorkers.addBuckets(Int(Self.levels))
            excessWorkers.addBuckets(Int(Self.excessLevels))
            classWorkers.addBuckets(1)
            for position in indexes.indices { indexes[position].addClasses(upTo: classes.count) }
        }
        classOf[requirements] = made
        for requirement in requirements {
            while providers.count <= Int(requirement) { providers.append([]) }
            providers[Int(requirement)].append(made)
        }
        return made
    }

    /// Its last worker has left.
    private mutating func freeClass(_ memberOf: UInt32) {
        let requirements = classes[Int(memberOf)].requirements
        classOf[requirements] = nil
        for requirement in requirements { providers[Int(requirement)].removeAll { $0 == memberOf } }
        classes[Int(memberOf)] = WorkerClass(requirements: [])
        freeClasses.append(memberOf)
    }

    // MARK: Questions

    /// What a worker serves, in order.
    func requirements(of worker: UInt32) -> [UInt32] {
        let memberOf = members[Int(worker)].memberOf
        return memberOf == .none ? [] : classes[Int(memberOf)].requirements
    }

    /// Whether a worker that is not removed serves the requirement, full or not.
    func isServed(_ requirement: UInt32) -> Bool {
        requirement < providers.count && !providers[Int(requirement)].isEmpty
    }

    /// Workers that serve the requirement and are not removed.
    func providerCount(_ requirement: UInt32) -> UInt32 {
        guard requirement < providers.count else { return 0 }
        var count: UInt32 = 0
        for provider in providers[Int(requirement)] { count += classes[Int(provider)].workers }
        return count
    }

    /// Slots of these workers.
    func slots(_ requirement: UInt32) -> UInt32 {
        guard requirement < providers.count else { return 0 }
        var count: UInt32 = 0
        for provider in providers[Int(requirement)] { count += classes[Int(provider)].slots }
        return count
    }

    var classCount: UInt32 { UInt32(classes.count) }
    func freeSlots(ofClass thief: UInt32) -> UInt32 { classes[Int(thief)].freeSlots }

    /// Whether workers of this class could run a task with this requirement.
    func canRun(_ requirement: UInt32, ofClass thief: UInt32) -> Bool {
        guard requirement < providers.count else { return false }
        for provider in providers[Int(requirement)] where provider == thief { return true }
        return false
    }
}
