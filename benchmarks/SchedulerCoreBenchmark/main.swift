// The scheduler's decisions alone, with workers that take no time: `swift run -c release
// SchedulerCoreBenchmark`. It prints what it measured and exits with 1 when a budget is missed: 500,000
// decisions/s at 1,000 and at 10,000 workers, no allocation per task after warm-up, less than 300 bytes per
// waiting task.

import CAllocationCount
import Glibc
import SchedulerCore
import TaskModel

/// A scheduler with clients and workers that answer at once.
struct ZeroWork: ~Copyable {
    private var scheduler = Scheduler()
    private var actions: [Action] = []
    private var batch: [Action] = []
    private var reports: [AttemptReport] = []
    private var sessions: [SessionSlot] = []
    private var watermarks: [UInt64] = []
    private var none: [UInt64] = []
    private(set) var assigned = 0
    private(set) var events = 0
    private var recorded: UInt64 = 0
    private let ranMicroseconds: UInt32

    init(workers: Int, slots: UInt32, sessions: Int, ranMicroseconds: UInt32) {
        self.ranMicroseconds = ranMicroseconds
        for number in 0..<workers {
            let provides = [RequirementID(0), RequirementID(1)]
            _ = scheduler.openWorker(SessionID(UInt64(0x1_0000 + number)), slots: slots, provides: provides)
        }
        for number in 0..<sessions {
            self.sessions.append(scheduler.openSession(SessionID(UInt64(number + 1)), tasksMax: 2_000_000))
            watermarks.append(0)
        }
    }

    /// One turn of the loop: what workers ended, what clients submit, then one decision and its effects.
    mutating func turn(submitting count: Int) {
        let now = Instant(nanoseconds: Int64(events))
        for report in reports { _ = scheduler.finish(report, now: now, into: &actions) }
        events += reports.count
        reports.removeAll(keepingCapacity: true)
        for offset in 0..<count {
            let client = offset % sessions.count
            watermarks[client] += 1
            _ = scheduler.submit(
                sessions[client], sequence: watermarks[client], function: FunctionKey(UInt32(client % 4)),
                requirement: RequirementID(UInt32(offset & 1)), options: TaskOptions(), dependencies: none,
                now: now, into: &actions)
        }
        events += count
        scheduler.decide(now: now, into: &actions)
        settle(now)
    }

    private mutating func settle(_ now: Instant) {
        while !actions.isEmpty {
            swap(&actions, &batch)
            var last = recorded
            for action in batch { perform(action, &last, now) }
            batch.removeAll(keepingCapacity: true)
            if last > recorded {
                recorded = last
                events += 1
                scheduler.absorb(.recorded(upTo: last), now: now, into: &actions)
            }
        }
    }

    private mutating func perform(_ action: Action, _ last: inout UInt64, _ now: Instant) {
        switch action {
        case .record(let number, _): last = number
        case .assign(let task, let attempt, let worker):
            assigned += 1
            reports.append(
                AttemptReport(
                    task: task, attempt: attempt, worker: worker, status: .value, reason: .none,
                    codec: .pickle,
                    ranMicroseconds: ranMicroseconds))
        case .deliver(let task):
            let id = scheduler.id(of: task)
            guard let session = scheduler.session(id.session) else { return }
            events += 1
            scheduler.absorb(.released(session, first: id.sequence, count: 1), now: now, into: &actions)
        case .accept, .retract, .stop, .conclude, .notifyStarted, .forget, .dropValue, .forgetSession, .drain,
            .blame:
            break
        }
    }

    var waiting: Int { scheduler.status().ready }
}

struct Budget {
    private var missed = 0

    mutating func check(_ isKept: Bool, _ text: String) {
        print(isKept ? "  kept:   \(text)" : "  MISSED: \(text)")
        if !isKept { missed += 1 }
    }

    var isKept: Bool { missed == 0 }
}

func measure(workers: Int, ranMicroseconds: UInt32, perTurn: Int, into budget: inout Budget) {
    var run = ZeroWork(workers: workers, slots: 4, sessions: 8, ranMicroseconds: ranMicroseconds)
    // Two rounds: the first one lets every array reach its size.
    for _ in 0..<(400_000 / perTurn) { run.turn(submitting: perTurn) }
    let (assignedBefore, eventsBefore) = (run.assigned, run.events)
    let allocationsBefore = isthmus_allocation_count()
    let clock = ContinuousClock()
    let elapsed = clock.measure {
        for _ in 0..<(2_000_000 / perTurn) { run.turn(submitting: perTurn) }
    }
    let allocations = isthmus_allocation_count() - allocationsBefore
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let decisions = Int(Double(run.assigned - assignedBefore) / seconds)
    let events = Int(Double(run.events - eventsBefore) / seconds)
    print("\(workers) workers, \(perTurn) tasks a turn, \(ranMicroseconds) µs each:")
    let tasks = run.assigned - assignedBefore
    print("  \(decisions) decisions/s, \(events) events/s, \(allocations) allocations in \(tasks) tasks")
    budget.check(decisions >= 500_000, "500,000 decisions/s")
    budget.check(Int(allocations) * 1_000 < tasks, "no allocation per task")
}

func measureBacklog(tasks: Int, into budget: inout Budget) {
    var run = ZeroWork(workers: 100, slots: 2, sessions: 4, ranMicroseconds: 1_000_000)
    run.turn(submitting: 1_000)
    let before = isthmus_allocated_bytes()
    for _ in 0..<(tasks / 1_000) { run.turn(submitting: 1_200) }
    let waiting = run.waiting
    let bytes = Int(isthmus_allocated_bytes() - before) / max(waiting, 1)
    print("\(waiting) tasks waiting: \(bytes) bytes each (a row has \(Scheduler.bytesPerTask))")
    budget.check(bytes < 300, "300 bytes per waiting task")
    let assignedBefore = run.assigned
    let clock = ContinuousClock()
    let elapsed = clock.measure { for _ in 0..<2_000 { run.turn(submitting: 0) } }
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    print("  \(Int(Double(run.assigned - assignedBefore) / seconds)) decisions/s with that many behind them")
}

var budget = Budget()
for workers in [1_000, 10_000] {
    measure(workers: workers, ranMicroseconds: 10, perTurn: 1_000, into: &budget)
    measure(workers: workers, ranMicroseconds: 300_000, perTurn: 100, into: &budget)
}
measureBacklog(tasks: 1_000_000, into: &budget)
exit(budget.isKept ? 0 : 1)
