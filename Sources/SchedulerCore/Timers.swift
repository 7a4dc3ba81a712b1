// What is due at an instant: the deadline of a task, or the end of its delay before the next attempt.
//
// A heap of (instant, row, generation). A task without deadline and delay has nothing here. A timer that lost
// its meaning (the task ended, its row names another) is not searched for: it stays until it comes to the
// front, or until such ones are more than half of all. Then one pass drops them, which costs no more than
// what they cost to enter.

import TaskModel

/// One timer. The kind lies in the top bit of the generation, which generations leave clear.
struct Timer: Comparable, BitwiseCopyable {
    private static let deadlineBit: UInt32 = 1 << 31

    let at: Instant
    let row: UInt32
    private let tagged: UInt32

    init(at: Instant, task: TaskSlot, isDeadline: Bool) {
        self.at = at
        row = task.index
        tagged = task.generation | (isDeadline ? Self.deadlineBit : 0)
    }

    var task: TaskSlot { TaskSlot(index: row, generation: tagged & ~Self.deadlineBit) }
    /// Else it ends a delay.
    var isDeadline: Bool { tagged & Self.deadlineBit != 0 }

    /// Timers of one instant go off in the order of their rows.
    static func < (left: Timer, right: Timer) -> Bool {
        (left.at.nanoseconds, left.row, left.tagged) < (right.at.nanoseconds, right.row, right.tagged)
    }
}

struct Timers: ~Copyable {
    private static let voidAlwaysKept = 1_024

    var heap = MinHeap<Timer>()
    /// Timers in the heap that mean nothing any more.
    var void = 0

    var isMostlyVoid: Bool { void > heap.count / 2 && void > Self.voidAlwaysKept }
}

extension Scheduler {
    /// Whether the timer still means something.
    func isValid(_ timer: Timer) -> Bool {
        guard tasks.isCurrent(timer.task) else { return false }
        if timer.isDeadline { return tasks[timer.row].flags.contains(.hasDeadline) }
        guard case .delayed(let until) = tasks[timer.row].phase else { return false }
        return until == timer.at
    }

    mutating func setDeadline(_ task: UInt32, at instant: Instant) {
        tasks[task].flags.insert(.hasDeadline)
        timers.heap.push(Timer(at: instant, task: tasks.slot(task), isDeadline: true))
    }

    /// The task ended before its deadline.
    mutating func voidDeadline(_ task: UInt32) {
        guard tasks[task].flags.contains(.hasDeadline) else { return }
        tasks[task].flags.remove(.hasDeadline)
        timers.void += 1
    }

    /// Its next attempt waits.
    mutating func delay(_ task: UInt32, until instant: Instant) {
        tasks.enter(.delayed(until: instant), task)
        timers.heap.push(Timer(at: instant, task: tasks.slot(task), isDeadline: false))
        counters.delayed += 1
    }

    /// Does what is due, at most `Limits.timersPerTurnMax` of it.
    /// - Returns: false if more is due.
    mutating func fireTimers(now: Instant, into actions: inout [Action]) -> Bool {
        if timers.isMostlyVoid { dropVoidTimers() }
        var left = Limits.timersPerTurnMax
        while let timer = timers.heap.first {
            let isValid = isValid(timer)
            if isValid, timer.at > now { return true }
            // What is left may be void and far away; only what is due is waited for.
            if left == 0 { return timer.at > now }
            left -= 1
            _ = timers.heap.popFirst()
            if !isValid {
                timers.void -= 1
            } else if !isOpen(timer.row) {
                disregard(timer)
            } else if timer.isDeadline {
                expire(timer.row, now: now, into: &actions)
            } else {
                becomeReady(timer.row, now: now)
            }
        }
        return true
    }

    /// Its task waits for nothing but its row's turn to be dropped.
    private mutating func disregard(_ timer: Timer) {
        if timer.isDeadline {
            tasks[timer.row].flags.remove(.hasDeadline)
        } else {
            tasks.enter(.ready(since: timer.at), timer.row)
        }
    }

    private mutating func dropVoidTimers() {
        var kept = 0
        for position in 0..<timers.heap.count where isValid(timers.heap[position]) {
            timers.heap.keep(position, at: kept)
            kept += 1
        }
        timers.heap.truncate(to: kept)
        timers.void = 0
    }

    /// The deadline has passed. What a worker has is stopped first, and ends when the worker says so.
    private mutating func expire(_ task: UInt32, now: Instant, into actions: inout [Action]) {
        tasks[task].flags.remove(.hasDeadline)
        counters.expired += 1
        switch tasks[task].phase {
        case .vacant, .ended, .settled:
            preconditionFailure("a task that ended has no deadline")
        case .waiting:
            break
        case .delayed:
            timers.void += 1
        case .ready:
            queues.remove(task, &tasks)
        case .recording:
            unhold(task)
        case .assigned(let holding):
            tasks[task].flags.insert(.expired)
            // A cancel that came before has asked for the same, and decides how it ends.
            guard !tasks[task].flags.contains(.cancelled) else { return }
            let (slot, worker) = (tasks.slot(task), workers.slot(holding.worker))
            actions.append(.stop(slot, attempt: tasks[task].attempt, on: worker))
            return
        }
        conclude(task, .timedOut, .deadlineExceeded, now: now, into: &actions)
        announce(now: now, into: &actions)
    }
}
