import SchedulerCore
import TaskModel
import Testing

/// Who has how much of the workers' time, and how long anyone waits for some of it.
@Suite struct FairnessTests {
    private static let long = Interval.milliseconds(50)
    private static let short = Interval.milliseconds(1)

    /// The part of all time that the session had since `before`.
    private func share(
        _ session: UInt64, of cluster: borrowing VirtualCluster, since before: [SessionID: Interval]
    )
        -> Double
    {
        var all = 0.0
        var own = 0.0
        for (id, usage) in cluster.usage {
            let ran = Double(usage.ran.nanoseconds - (before[id] ?? .zero).nanoseconds)
            all += ran
            if id.rawValue == session { own = ran }
        }
        return own / all
    }

    @Test func sessionsShareTimeAndNotTurns() {
        var cluster = VirtualCluster(lengths: [Self.long, Self.short])
        cluster.openWorker(slots: 4)
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(a, 5_000, function: 0)
        cluster.submit(b, 100_000, function: 1)
        cluster.run(for: .seconds(20))
        #expect(cluster.ready > 0)
        #expect(abs(share(1, of: cluster, since: [:]) - 0.5) < 0.05)
        #expect(cluster.scheduler.checkInvariants() == nil)
    }

    /// What was expected of a task that turned out short is not lost, however many end at once.
    @Test func sessionsPayForWhatRanAndNotForWhatWasExpected() {
        var cluster = VirtualCluster(
            lengths: [.milliseconds(2_000), .milliseconds(100)], isOneFunction: true)
        cluster.openWorker(slots: 256)
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(a, 40_000, function: 0)
        cluster.submit(b, 500_000, function: 1)
        cluster.run(for: .seconds(60))
        #expect(cluster.ready > 0)
        #expect(abs(share(1, of: cluster, since: [:]) - 0.5) < 0.02)
    }

    /// More kinds of functions are no larger claim.
    @Test func sessionsShareTimeAcrossRequirements() {
        var cluster = VirtualCluster(lengths: [Self.long, Self.short, .milliseconds(5)])
        cluster.openWorker(slots: 4, provides: [0, 1, 2])
        let (a, b) = (cluster.openSession(), cluster.openSession())
        for needs in 0..<3 { cluster.submit(a, 20_000, function: needs, needs: UInt32(needs)) }
        cluster.submit(b, 100_000, function: 1, needs: 1)
        cluster.run(for: .seconds(20))
        #expect(abs(share(1, of: cluster, since: [:]) - 0.5) < 0.05)
    }

    /// What is held ahead is overtaken.
    @Test(arguments: [-1, 0, 1] as [Int8])
    func oneTaskWaitsATasksLengthBehindManyOthers(priority: Int8) {
        var cluster = VirtualCluster(lengths: [.milliseconds(20)])
        cluster.openWorker(slots: 4)
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(a, 250_000, function: 0, priority: min(priority, 0))
        cluster.run(for: .milliseconds(1_005))
        let asked = cluster.now
        let task = cluster.submit(b, 1, function: 0, priority: priority)
        cluster.run(for: .seconds(1))
        // Its own length, and that of the one that runs.
        let bound = asked + .milliseconds(40)
        #expect(cluster.ends[task] ?? .distantFuture <= bound)
    }

    /// Nothing is held ahead of a long one.
    @Test func oneTaskWaitsOneLengthBehindLongOnes() {
        var cluster = VirtualCluster(lengths: [.milliseconds(200), .milliseconds(1)])
        cluster.openWorker(slots: 4)
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(a, 100_000, function: 0)
        cluster.run(for: .seconds(2))
        let asked = cluster.now
        let task = cluster.submit(b, 1, function: 1)
        cluster.run(for: .seconds(1))
        #expect(cluster.ends[task] ?? .distantFuture <= asked + .milliseconds(201))
    }

    /// Whoever was alone for long owes nothing for it.
    @Test func whoComesLateSharesFromThenOn() {
        var cluster = VirtualCluster(lengths: [.milliseconds(5)])
        cluster.openWorker(slots: 4)
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(a, 40_000, function: 0)
        cluster.run(for: .seconds(10))
        let before = cluster.usage.mapValues(\.ran)
        cluster.submit(b, 20_000, function: 0)
        cluster.run(for: .seconds(2))
        #expect(abs(share(1, of: cluster, since: before) - 0.5) < 0.05)
    }

    @Test func anUrgentStreamDoesNotStarveTheOthers() throws {
        var cluster = VirtualCluster(lengths: [.milliseconds(10)])
        cluster.openWorker(slots: 2)
        let (a, b) = (cluster.openSession(), cluster.openSession())
        let first = cluster.submit(b, 1, function: 0, priority: -3)
        let fifth = cluster.submit(b, 4, function: 0, priority: -3)
        cluster.submit(a, 20_000, function: 0, priority: 3)
        cluster.run(for: Limits.agingInterval * 6 + .milliseconds(-100))
        #expect(cluster.ends[first] == nil)
        cluster.run(for: .milliseconds(1_000))
        #expect(cluster.ends[first] != nil)
        #expect(cluster.ends[fifth] != nil)
    }

    /// What must have a free slot is not overtaken by what is held ahead.
    @Test(arguments: [0, 3] as [Int8])
    func aTaskThatNeedsAFreeSlotGetsIt(priority: Int8) {
        var cluster = VirtualCluster(lengths: [.milliseconds(1), .milliseconds(5)])
        cluster.openWorker(slots: 4, provides: [0, 1])
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(a, 50_000, function: 0)
        cluster.run(for: .seconds(1))
        let asked = cluster.now
        let task = cluster.submit(b, 1, function: 1, needs: 1, priority: priority, idempotent: false)
        cluster.run(for: .seconds(1))
        #expect(cluster.ends[task] ?? .distantFuture <= asked + .milliseconds(20))
        #expect(cluster.ready > 0)
    }

    /// What has aged has its part, and what is urgent keeps the rest.
    @Test func whatIsUrgentKeepsMostOfTheTime() {
        var cluster = VirtualCluster(lengths: [.milliseconds(10)])
        cluster.openWorker(slots: 2)
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(b, 10_000, function: 0)
        cluster.submit(a, 20_000, function: 0, priority: 1)
        cluster.run(for: Limits.agingInterval + .seconds(1))
        let before = cluster.usage.mapValues(\.ran)
        cluster.run(for: .seconds(10))
        let urgent = share(1, of: cluster, since: before)
        #expect(urgent > 0.7 && urgent < 0.85)
    }

    /// A session that is served elsewhere still has its turn here, if late.
    @Test func noSessionIsShutOutWhereOthersHadLess() {
        var cluster = VirtualCluster(lengths: [.milliseconds(20), .milliseconds(20)])
        cluster.openWorker(slots: 8, provides: [1])
        cluster.openWorker(slots: 1, provides: [0])
        let (a, b) = (cluster.openSession(), cluster.openSession())
        cluster.submit(a, 30_000, function: 1, needs: 1)
        let here = cluster.submit(a, 1, function: 0)
        cluster.submit(b, 10_000, function: 0)
        cluster.run(for: Limits.agingInterval + .seconds(1))
        #expect(cluster.ends[here] != nil)
    }
}
