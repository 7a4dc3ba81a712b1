import Foundation
import SchedulerCore
import Testing

/// Clients, workers and a store that do what they please, under an auditor that knows only the promises.
/// `SEED=n` replays one story and prints it; `SEEDS=n` plays more of them.
@Suite struct RandomTests {
    @Test func promisesHoldWhateverHappens() {
        let environment = ProcessInfo.processInfo.environment
        let only = environment["SEED"].flatMap { UInt64($0) }
        let seeds = only.map { $0...$0 } ?? 1...(environment["SEEDS"].flatMap { UInt64($0) } ?? 1_500)
        var seen = Counters()
        for seed in seeds {
            var driver = RandomDriver(seed: seed)
            driver.play(steps: 250)
            guard let complaint = driver.auditor.complaints.first else {
                seen.add(driver.counters)
                continue
            }
            let story = driver.story.suffix(only == nil ? 20 : 500).joined(separator: "\n")
            Issue.record("seed \(seed): \(complaint)\n\(story)")
            return
        }
        // A driver that never gets somewhere proves nothing about it.
        if only == nil {
            #expect(seen.least > UInt64(seeds.count) / 10, "each kind of thing happened often: \(seen)")
        }
    }

    /// The same seed tells the same story, so a failure can be looked at again.
    @Test func aSeedReplaysExactly() {
        var first = RandomDriver(seed: 8)
        var second = RandomDriver(seed: 8)
        first.play(steps: 2_000)
        second.play(steps: 2_000)
        #expect(first.story == second.story)
        #expect(first.story.count > 400)
    }
}

extension Counters {
    fileprivate var all: [UInt64] {
        [
            submitted, duplicates, refused, succeeded, exceptions, cancelled, lost, timedOut, assigned,
            retried, delayed, expired, aged, repeated, returned, retracted, stale, conversions,
        ]
    }

    fileprivate var least: UInt64 { all.min() ?? 0 }

    fileprivate mutating func add(_ other: Counters) {
        submitted += other.submitted
        duplicates += other.duplicates
        refused += other.refused
        succeeded += other.succeeded
        exceptions += other.exceptions
        cancelled += other.cancelled
        lost += other.lost
        timedOut += other.timedOut
        assigned += other.assigned
        retried += other.retried
        delayed += other.delayed
        expired += other.expired
        aged += other.aged
        repeated += other.repeated
        returned += other.returned
        retracted += other.retracted
        stale += other.stale
        conversions += other.conversions
    }
}
