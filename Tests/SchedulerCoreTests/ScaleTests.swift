import SchedulerCore
import TaskModel
import Testing

/// What must not grow, recurse or be walked when there are very many tasks.
@Suite struct ScaleTests {
    /// One session, one worker, and a store that confirms at once.
    private struct World: ~Copyable {
        var scheduler = Scheduler()
        var actions: [Action] = []
        var recorded: UInt64 = 0
        let session: SessionSlot
        private var sequence: UInt64 = 0

        init(slots: UInt32 = 1_024) {
            session = scheduler.openSession(SessionID(1), tasksMax: 1_000_000)
            _ = scheduler.openWorker(SessionID(2), slots: slots, provides: [RequirementID(0)])
        }

        mutating func submit(
            after dependencies: [UInt64] = [], _ options: TaskOptions = TaskOptions()
        ) -> Admission {
            sequence += 1
            return scheduler.submit(
                session, sequence: sequence, function: FunctionKey(0), requirement: RequirementID(0),
                options: options, dependencies: dependencies, now: .origin, into: &actions)
        }

        /// Decides, and answers every assignment with this status. The outcomes that were delivered.
        mutating func runAll(as status: OutcomeStatus = .value) -> Int {
            var delivered = 0
            scheduler.decide(now: .origin, into: &actions)
            while !actions.isEmpty {
                let batch = actions
                actions.removeAll(keepingCapacity: true)
                for action in batch {
                    switch action {
                    case .record(let number, _): recorded = number
                    case .deliver: delivered += 1
                    case .assign(let task, let attempt, let worker):
                        let report = AttemptReport(
                            task: task, attempt: attempt, worker: worker, status: status, reason: .none,
                            codec: .pickle, ranMicroseconds: 5)
                        #expect(scheduler.finish(report, now: .origin, into: &actions) == .committed)
                    case .accept, .retract, .stop, .conclude, .notifyStarted, .forget, .forgetSession, .drain,
                        .dropValue, .blame:
                        break
                    }
                }
                scheduler.absorb(.recorded(upTo: recorded), now: .origin, into: &actions)
                scheduler.decide(now: .origin, into: &actions)
            }
            return delivered
        }

        /// Decides until the core has nothing more to do at this instant; the most actions of one decision.
        mutating func decideAll(now: Instant) -> Int {
            var most = 0
            repeat {
                actions.removeAll(keepingCapacity: true)
                scheduler.decide(now: now, into: &actions)
                most = max(most, actions.count)
            } while scheduler.wakeUp ?? .distantFuture <= now
            return most
        }

        mutating func release(_ first: UInt64, count: UInt64) {
            scheduler.absorb(.released(session, first: first, count: count), now: .origin, into: &actions)
        }
    }

    @Test func aFailureRunsDownAChainOfAHundredThousand() {
        var world = World()
        _ = world.submit()
        for sequence in 1..<UInt64(100_000) { _ = world.submit(after: [sequence]) }
        #expect(world.runAll(as: .exception) == 100_000)
        world.release(1, count: 100_000)
        #expect(world.scheduler.status().kept == 0)
    }

    @Test func oneValueServesAHundredThousandAndOneTaskTakesAsMany() {
        var world = World()
        _ = world.submit()
        for _ in 0..<99_999 { _ = world.submit(after: [1]) }
        let last = world.submit(after: Array(1...UInt64(Limits.dependenciesPerTaskMax)))
        #expect(world.runAll() == 100_001)
        guard case .admitted = last else {
            Issue.record("\(last)")
            return
        }
        #expect(
            world.submit(after: Array(1...UInt64(Limits.dependenciesPerTaskMax) + 1))
                == .refused(.dependencies))
    }

    @Test func oneOldTaskPinsNothingButItself() {
        var world = World()
        for round in 0..<UInt64(300) {
            for _ in 0..<1_000 { _ = world.submit() }
            #expect(world.runAll() == 1_000)
            world.release(2, count: (round + 1) * 1_000 - 1)
        }
        #expect(world.scheduler.indexPages <= 3)
        #expect(world.scheduler.status().kept <= 2)
        #expect(world.scheduler.task(world.session, sequence: 1) != nil)
        #expect(world.scheduler.task(world.session, sequence: 2) == nil)
        world.release(1, count: .max)
        #expect(world.scheduler.indexPages == 0)
    }

    /// A deadline of an hour is not kept for an hour when the task ends at once.
    @Test func deadlinesGoWithTheirTasks() {
        var world = World()
        for _ in 0..<100 {
            for _ in 0..<1_000 { _ = world.submit(after: [], TaskOptions(deadlineMilliseconds: 3_600_000)) }
            #expect(world.runAll() == 1_000)
        }
        #expect(world.scheduler.timersKept <= 4_000)
        #expect(world.scheduler.checkInvariants() == nil)
    }

    /// Cleaning up after tasks that ended before their deadline keeps nobody from being placed.
    @Test func voidDeadlinesDoNotHoldUpTheNextTask() {
        var world = World(slots: 1)
        for hours in [2, 1] as [UInt32] {
            for _ in 0..<(2 * Limits.timersPerTurnMax) {
                guard
                    case .admitted(let task) = world.submit(
                        after: [], TaskOptions(deadlineMilliseconds: hours * 3_600_000))
                else { continue }
                guard hours == 1 else { continue }
                world.scheduler.absorb(
                    .cancelRequested(task, alsoRunning: false), now: .origin, into: &world.actions)
            }
        }
        world.scheduler.decide(now: .origin, into: &world.actions)
        #expect(world.scheduler.status().counters.assigned > 0)
    }

    /// Deadlines that pass together take several turns, and nothing is placed before the last of them.
    @Test func aHundredThousandDeadlinesPassInBoundedTurns() {
        var world = World(slots: 1)
        for _ in 0..<100_000 { _ = world.submit(after: [], TaskOptions(deadlineMilliseconds: 10)) }
        #expect(world.decideAll(now: .origin + .milliseconds(10)) <= 3 * Limits.timersPerTurnMax)
        let status = world.scheduler.status()
        #expect(status.counters.timedOut == 100_000)
        #expect(status.counters.assigned == 0)
    }

    @Test func aClosedSessionLeavesNothingBehind() {
        var world = World(slots: 1)
        for sequence in 0..<UInt64(50_000) {
            _ = world.submit(after: sequence % 3 == 2 ? [sequence, sequence - 1] : [])
        }
        world.scheduler.decide(now: .origin, into: &world.actions)
        world.actions.removeAll()
        world.scheduler.closeSession(world.session, now: .origin, into: &world.actions)
        var forgotten = 0
        var turns = 0
        repeat {
            var now = 0
            for action in world.actions { if case .forget = action { now += 1 } }
            #expect(now <= Limits.dropsPerTurnMax)
            forgotten += now
            turns += 1
            #expect(world.scheduler.checkInvariants() == nil)
            world.actions.removeAll()
            world.scheduler.decide(now: .origin, into: &world.actions)
        } while forgotten < 50_000 && turns < 100
        #expect(turns > 10)
        #expect(world.scheduler.wakeUp == nil)
        let status = world.scheduler.status()
        #expect(status.waiting + status.ready + status.held + status.kept + status.sessions == 0)
        #expect(world.scheduler.indexPages == 0)
        #expect(world.scheduler.checkInvariants() == nil)
    }
}
