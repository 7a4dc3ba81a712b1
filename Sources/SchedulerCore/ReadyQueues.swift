// Ready tasks, in the order in which they are to be placed.
//
// A *queue* holds what one requirement and one priority have ready; a *lane* is one session's share of it,
// in the order of `ReadyLane.swift`. The lane of the session that had the least time of workers is in front
// (`FairShares`): a heap finds it. Passes only grow, so an entry of the heap is at most too small, and is put
// right when it comes to the front; likewise a lane that became empty leaves then.
// The lanes of a queue that have tasks also form a ring, the one served longest ago first: none is forgotten.
// The queues of one priority that have tasks form a ring as well.
//
// A task knows its lane from its submission on: none is searched for.

import TaskModel

/// What one requirement and one priority have ready.
struct ReadyQueue: BitwiseCopyable {
    /// The lane served longest ago; none when nothing is ready.
    var turn = UInt32.none
    /// Number of the last placement from here.
    var served: UInt64 = 0
    var lanes: UInt32 = 0
    var tasks: UInt32 = 0
    /// Ring of the queues of this priority that have tasks.
    var next = UInt32.none
    var previous = UInt32.none
}

/// A lane in the heap of its queue, by the pass that its session had.
struct LaneEntry: Comparable, BitwiseCopyable {
    var pass: Int64
    var lane: UInt32

    static func < (left: LaneEntry, right: LaneEntry) -> Bool {
        (left.pass, left.lane) < (right.pass, right.lane)
    }
}

/// A queue among those of its level: its session in front first, then the one served longest ago.
struct QueueEntry: Comparable, BitwiseCopyable {
    var pass: Int64
    var served: UInt64
    var queue: UInt32

    static func < (left: QueueEntry, right: QueueEntry) -> Bool {
        (left.pass, left.served, left.queue) < (right.pass, right.served, right.queue)
    }
}

struct ReadyQueues: ~Copyable {
    static let levels = Int(Priority.range.upperBound - Priority.range.lowerBound) + 1

    private(set) var lanes: [Lane] = []
    private var freeLane = UInt32.none
    private var laneOf: [LaneKey: UInt32] = [:]
    private(set) var queues: [ReadyQueue] = []
    private var heaps: [MinHeap<LaneEntry>] = []
    private var placements: UInt64 = 0
    var shares = FairShares()
    /// Per level, from the least to the most urgent, a queue that has tasks.
    private(set) var turns = [UInt32](repeating: .none, count: levels)
    private(set) var tasksReady = 0

    private struct LaneKey: Hashable {
        var queue: UInt32
        var session: UInt32
    }

    static func queue(_ requirement: UInt32, priority: Int8) -> UInt32 {
        precondition(Priority.range.contains(priority), "a priority within Priority.range")
        return requirement * UInt32(levels) + UInt32(level(priority))
    }

    static func level(_ priority: Int8) -> Int { Int(priority - Priority.range.lowerBound) }

    static func requirement(of queue: UInt32) -> UInt32 { queue / UInt32(levels) }
    static func level(of queue: UInt32) -> Int { Int(queue) % levels }

    /// The queues of a requirement, from the least to the most urgent.
    static func queues(of requirement: UInt32) -> Range<UInt32> {
        requirement * UInt32(levels)..<(requirement + 1) * UInt32(levels)
    }

    /// Ready tasks of a queue, which need not exist.
    func count(_ queue: UInt32) -> UInt32 { queue < queues.count ? queues[Int(queue)].tasks : 0 }

    func readyCount(_ requirement: UInt32) -> Int {
        var ready = 0
        for queue in Self.queues(of: requirement) { ready += Int(count(queue)) }
        return ready
    }

    /// The lane of a session in a queue, made when it is first needed.
    mutating func lane(_ queue: UInt32, session: UInt32, firstOfSession: inout UInt32) -> UInt32 {
        // Most sessions submit long runs of one kind, so the lane used last is the first in the list.
        if firstOfSession != .none, lanes[Int(firstOfSession)].queue == queue { return firstOfSession }
        let key = LaneKey(queue: queue, session: session)
        if let lane = laneOf[key] { return lane }
        while queues.count <= Int(queue) {
            queues.append(ReadyQueue())
            heaps.append(MinHeap())
        }
        let fresh = Lane(queue: queue, session: session, nextOfSession: firstOfSession)
        let lane: UInt32
        if freeLane != .none {
            lane = freeLane
            freeLane = lanes[Int(lane)].nextOfSession
            lanes[Int(lane)] = fresh
        } else {
            lane = UInt32(lanes.count)
            lanes.append(fresh)
        }
        laneOf[key] = lane
        firstOfSession = lane
        return lane
    }

    /// Forgets a session's lanes, with the tasks that are in them.
    mutating func dropLanes(session: UInt32, firstOfSession: inout UInt32) {
        while firstOfSession != .none {
            let lane = firstOfSession
            if lanes[Int(lane)].isInHeap { leaveHeap(lane) }
            empty(lane)
            firstOfSession = lanes[Int(lane)].nextOfSession
            laneOf[LaneKey(queue: lanes[Int(lane)].queue, session: session)] = nil
            lanes[Int(lane)].nextOfSession = freeLane
            lanes[Int(lane)].session = .none
            freeLane = lane
        }
    }

    private mutating func empty(_ lane: UInt32) {
        let (queue, count) = (lanes[Int(lane)].queue, lanes[Int(lane)].count)
        guard count > 0 else { return }
        lanes[Int(lane)].list = TaskList()
        lanes[Int(lane)].tree = TaskTree()
        tasksReady -= Int(count)
        queues[Int(queue)].tasks -= count
        leaveRing(lane, queue)
        if queues[Int(queue)].tasks == 0 { leaveRing(queue) }
    }

    mutating func add(_ task: UInt32, now: Instant, _ tasks: inout TaskTable) {
        let lane = tasks[task].lane
        tasks.enqueue(task, in: &lanes[Int(lane)])
        added(lane, now)
    }

    /// In front of its session's other tasks: it had its turn already.
    mutating func addAgain(_ task: UInt32, now: Instant, _ tasks: inout TaskTable) {
        let lane = tasks[task].lane
        tasks.enqueueAgain(task, in: &lanes[Int(lane)])
        added(lane, now)
    }

    mutating func remove(_ task: UInt32, _ tasks: inout TaskTable) {
        let lane = tasks[task].lane
        tasks.dequeue(task, from: &lanes[Int(lane)])
        removed(lane)
    }

    /// The lane whose session had the least; none if the queue is empty.
    mutating func frontLane(_ queue: UInt32) -> UInt32 {
        while let entry = heaps[Int(queue)].first {
            if lanes[Int(entry.lane)].count == 0 {
                lanes[Int(entry.lane)].isInHeap = false
                _ = heaps[Int(queue)].popFirst()
                continue
            }
            let pass = shares.pass(lanes[Int(entry.lane)].session)
            if pass <= entry.pass { return entry.lane }
            heaps[Int(queue)].replaceFirst(LaneEntry(pass: pass, lane: entry.lane))
        }
        return .none
    }

    /// The queue as it stands among those of its level; nil if it is empty.
    mutating func entry(_ queue: UInt32) -> QueueEntry? {
        let lane = frontLane(queue)
        if lane == .none { return nil }
        let pass = shares.pass(lanes[Int(lane)].session)
        return QueueEntry(pass: pass, served: queues[Int(queue)].served, queue: queue)
    }

    /// Takes the front task of the lane, for which its session is charged.
    mutating func take(_ task: UInt32, charge: Interval, now: Instant, _ tasks: inout TaskTable) {
        let lane = tasks[task].lane
        let queue = lanes[Int(lane)].queue
        placements += 1
        queues[Int(queue)].served = placements
        shares.charge(lanes[Int(lane)].session, charge)
        lanes[Int(lane)].served = now
        leaveRing(lane, queue)
        if lanes[Int(lane)].count > 1 { enterRing(lane, queue) }
        tasks.dequeue(task, from: &lanes[Int(lane)])
        tasksReady -= 1
        queues[Int(queue)].tasks -= 1
        if queues[Int(queue)].tasks == 0 { leaveRing(queue) }
    }

    /// Lanes in all heaps.
    var heapEntries: Int {
        var entries = 0
        for heap in heaps { entries += heap.count }
        return entries
    }

    private mutating func enterHeap(_ lane: UInt32) {
        let session = lanes[Int(lane)].session
        shares.join(session)
        if lanes[Int(lane)].isInHeap { return }
        lanes[Int(lane)].isInHeap = true
        heaps[Int(lanes[Int(lane)].queue)].push(LaneEntry(pass: shares.pass(session), lane: lane))
    }

    private mutating func leaveHeap(_ lane: UInt32) {
        let queue = Int(lanes[Int(lane)].queue)
        for position in 0..<heaps[queue].count where heaps[queue][position].lane == lane {
            heaps[queue].remove(at: position)
            break
        }
        lanes[Int(lane)].isInHeap = false
    }

    private mutating func added(_ lane: UInt32, _ now: Instant) {
        let queue = lanes[Int(lane)].queue
        tasksReady += 1
        queues[Int(queue)].tasks += 1
        if lanes[Int(lane)].count == 1 {
            lanes[Int(lane)].filled = now
            enterRing(lane, queue)
            enterHeap(lane)
        }
        if queues[Int(queue)].tasks == 1 { enterRing(queue) }
    }

    private mutating func removed(_ lane: UInt32) {
        let queue = lanes[Int(lane)].queue
        tasksReady -= 1
        queues[Int(queue)].tasks -= 1
        if lanes[Int(lane)].count == 0 { leaveRing(lane, queue) }
        if queues[Int(queue)].tasks == 0 { leaveRing(queue) }
    }

    /// Behind all others: in front of the first one.
    private mutating func enterRing(_ lane: UInt32, _ queue: UInt32) {
        queues[Int(queue)].lanes += 1
        let turn = queues[Int(queue)].turn
        guard turn != .none else {
            lanes[Int(lane)].next = lane
            lanes[Int(lane)].previous = lane
            queues[Int(queue)].turn = lane
            return
        }
        let last = lanes[Int(turn)].previous
        lanes[Int(lane)].next = turn
        lanes[Int(lane)].previous = last
        lanes[Int(last)].next = lane
        lanes[Int(turn)].previous = lane
    }

    private mutating func leaveRing(_ lane: UInt32, _ queue: UInt32) {
        queues[Int(queue)].lanes -= 1
        let (next, previous) = (lanes[Int(lane)].next, lanes[Int(lane)].previous)
        lanes[Int(previous)].next = next
        lanes[Int(next)].previous = previous
        if queues[Int(queue)].turn == lane { queues[Int(queue)].turn = next == lane ? .none : next }
    }

    private mutating func enterRing(_ queue: UInt32) {
        let level = Self.level(of: queue)
        let turn = turns[level]
        guard turn != .none else {
            queues[Int(queue)].next = queue
            queues[Int(queue)].previous = queue
            turns[level] = queue
            return
        }
        let last = queues[Int(turn)].previous
        queues[Int(queue)].next = turn
        queues[Int(queue)].previous = last
        queues[Int(last)].next = queue
        queues[Int(turn)].previous = queue
    }

    private mutating func leaveRing(_ queue: UInt32) {
        let level = Self.level(of: queue)
        let (next, previous) = (queues[Int(queue)].next, queues[Int(queue)].previous)
        queues[Int(previous)].next = next
        queues[Int(next)].previous = previous
        if turns[level] == queue { turns[level] = next == queue ? .none : next }
    }
}
