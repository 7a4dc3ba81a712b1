// Ready tasks, in the order in which they are to be placed.
//
// A *queue* holds what one requirement and one priority have ready; a *lane* is one session's share of it,
// first in first out. The lanes of a queue that have tasks form a ring that turns by one with each task
// taken, so sessions share the workers in turn, however much one of them has submitted. The queues of one
// priority that have tasks form a ring as well.
//
// A task knows its lane from its submission on, so becoming ready and leaving again are O(1).

import TaskModel

/// One session's ready tasks of one queue.
struct Lane: BitwiseCopyable {
    var queue: UInt32
    var session: UInt32
    var tasks = TaskList()
    /// Ring of the queue's lanes that have tasks.
    var next = UInt32.none
    var previous = UInt32.none
    /// Lanes of the session; the free list otherwise.
    var nextOfSession = UInt32.none
}

/// What one requirement and one priority have ready.
struct ReadyQueue: BitwiseCopyable {
    /// The lane whose turn it is; none when nothing is ready.
    var turn = UInt32.none
    var lanes: UInt32 = 0
    var tasks: UInt32 = 0
    /// Ring of the queues of this priority that have tasks.
    var next = UInt32.none
    var previous = UInt32.none
}

struct ReadyQueues: ~Copyable {
    static let levels = Int(Priority.range.upperBound - Priority.range.lowerBound) + 1

    private(set) var lanes: [Lane] = []
    private var freeLane = UInt32.none
    private var laneOf: [LaneKey: UInt32] = [:]
    private(set) var queues: [ReadyQueue] = []
    /// Per level, from the least to the most urgent, the queue whose turn it is.
    private(set) var turns = [UInt32](repeating: .none, count: levels)
    private(set) var tasksReady = 0

    private struct LaneKey: Hashable {
        var queue: UInt32
        var session: UInt32
    }

    static func queue(_ requirement: UInt32, priority: Int8) -> UInt32 {
        let level = min(max(priority, Priority.range.lowerBound), Priority.range.upperBound)
        return requirement * UInt32(levels) + UInt32(level - Priority.range.lowerBound)
    }

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
        while queues.count <= Int(queue) { queues.append(ReadyQueue()) }
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

    /// Forgets a session's lanes, which are empty by now.
    mutating func dropLanes(session: UInt32, firstOfSession: inout UInt32) {
        while firstOfSession != .none {
            let lane = firstOfSession
            precondition(lanes[Int(lane)].tasks.count == 0, "a dropped lane is empty")
            firstOfSession = lanes[Int(lane)].nextOfSession
            laneOf[LaneKey(queue: lanes[Int(lane)].queue, session: session)] = nil
            lanes[Int(lane)].nextOfSession = freeLane
            lanes[Int(lane)].session = .none
            freeLane = lane
        }
    }

    mutating func append(_ task: UInt32, _ tasks: inout TaskTable) {
        let lane = tasks[task].lane
        tasks.append(task, to: &lanes[Int(lane)].tasks)
        added(lane)
    }

    /// In front of its session's other tasks: it had its turn already.
    mutating func prepend(_ task: UInt32, _ tasks: inout TaskTable) {
        let lane = tasks[task].lane
        tasks.prepend(task, to: &lanes[Int(lane)].tasks)
        added(lane)
    }

    mutating func remove(_ task: UInt32, _ tasks: inout TaskTable) {
        let lane = tasks[task].lane
        tasks.unlink(task, from: &lanes[Int(lane)].tasks)
        removed(lane)
    }

    /// The task whose turn it is in this queue.
    func front(_ queue: UInt32) -> UInt32 { lanes[Int(queues[Int(queue)].turn)].tasks.head }

    /// Takes that task; the next lane has its turn.
    mutating func popFront(_ queue: UInt32, _ tasks: inout TaskTable) {
        let lane = queues[Int(queue)].turn
        queues[Int(queue)].turn = lanes[Int(lane)].next
        tasks.unlink(lanes[Int(lane)].tasks.head, from: &lanes[Int(lane)].tasks)
        removed(lane)
    }

    /// Lets another queue of this level be the first next time.
    mutating func turn(_ level: Int) {
        if turns[level] != .none { turns[level] = queues[Int(turns[level])].next }
    }

    private mutating func added(_ lane: UInt32) {
        let queue = lanes[Int(lane)].queue
        tasksReady += 1
        queues[Int(queue)].tasks += 1
        if lanes[Int(lane)].tasks.count == 1 { enterRing(lane, queue) }
        if queues[Int(queue)].tasks == 1 { enterRing(queue) }
    }

    private mutating func removed(_ lane: UInt32) {
        let queue = lanes[Int(lane)].queue
        tasksReady -= 1
        queues[Int(queue)].tasks -= 1
        if lanes[Int(lane)].tasks.count == 0 { leaveRing(lane, queue) }
        if queues[Int(queue)].tasks == 0 { leaveRing(queue) }
    }

    /// Behind all others: in front of the one whose turn it is.
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
