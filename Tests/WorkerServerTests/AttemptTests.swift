import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import WorkerServer

@Suite(.serialized) struct AttemptTests {
    @Test func itJoinsAndRuns() async throws {
        let harness = try Harness(slots: 2)
        try await harness.joined()
        #expect(harness.hello?.role == .worker)
        #expect(harness.hello?.fields["slots"]?.unsigned == 2)
        #expect(harness.hello?.fields["swift"]?.string == "echo\nsleep")
        harness.assign(1, "hello")
        let outcome = try await harness.outcome(of: 1)
        #expect(outcome.text == "hello")
        #expect(outcome.head.status == .value)
        #expect(outcome.head.worker == harness.hello?.session)
    }

    @Test func largePayloadsArriveWhole() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        for (sequence, count) in [(UInt64(1), 65_535), (2, 65_536), (3, 300_000), (4, 20 << 20)] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: ($0 / 3) | 0x20) }
            harness.assign(sequence, bytes)
            #expect(try await harness.outcome(of: sequence).parts[.value] == bytes)
        }
    }

    /// A function is sent once per executor, before what needs it; the setup before the session's first
    /// attempt.
    @Test func definitionsComeFirstAndOnce() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.define(1)
        harness.define(2)
        harness.setup(function: 2)
        harness.assign(1, "a", function: 1)
        harness.assign(2, "b", function: 1)
        harness.assign(3, "seen", function: 1)
        #expect(try await harness.outcome(of: 3).text == "function 1,function 2,setup")
        harness.forget()
        let other = SessionID(0xc2)
        harness.define(1, session: other)
        harness.assign(4, "x", session: other, function: 1)
        _ = try await harness.outcome(of: 4)
        harness.assign(5, "seen", session: other, function: 1)
        let seen = try await harness.outcome(of: 5).text.split(separator: ",")
        #expect(seen.filter { $0 == "forget" }.count == 1)
        #expect(seen.filter { $0 == "function 1" }.count == 2)
    }

    @Test func manyShortAttempts() async throws {
        let harness = try Harness(slots: 2)
        try await harness.joined()
        for sequence in UInt64(1)...20_000 { harness.assign(sequence, "x") }
        try await harness.wait("all outcomes", seconds: 60) { harness.outcomes.count == 20_000 }
        #expect(harness.outcomeCount == 20_000)
    }

    @Test func aRunningAttemptIsReportedOnce() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "heed")
        try await harness.wait("the report") { harness.started[1] != nil }
        harness.say(.stop, 1)
        #expect(try await harness.outcome(of: 1).text == "stopped")
        #expect(harness.started == [1: 1])
    }

    @Test func whatHasNotStartedIsGivenBack() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "heed")
        harness.assign(2, "x")
        try await harness.wait("the start") { harness.started[1] != nil }
        harness.say(.retract, 2)
        try await harness.wait("the return") { harness.returned.contains(2) }
        harness.say(.stop, 1)
        #expect(try await harness.outcome(of: 1).head.status == .cancelled)
    }

    /// The outcome of what is in front makes it the one to stop; its own outcome comes in the same read.
    @Test func whatEndsBeforeItCanBeStoppedIsCancelled() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        for sequence in UInt64(1)...8 { harness.assign(sequence, "x") }
        try await harness.wait("a quick function") { harness.outcomes.count == 8 }
        harness.assign(9, "together")
        harness.assign(10, "y")
        try await harness.wait("the start") { harness.started[9] != nil }
        harness.say(.stop, 10)
        #expect(try await harness.outcome(of: 9).text == "first")
        #expect(try await harness.outcome(of: 10).head.status != .lost)
        harness.assign(11, "z")
        #expect(try await harness.outcome(of: 11).text == "z")
    }

    @Test func anIdleSlotTakesWhatWaitsBehindALongAttempt() async throws {
        let harness = try Harness(slots: 2)
        try await harness.joined()
        for sequence in UInt64(1)...8 { harness.assign(sequence, "x") }
        try await harness.wait("warm functions") { harness.outcomes.count == 8 }
        harness.assign(9, "heed")
        for sequence in UInt64(10)...40 { harness.assign(sequence, "x") }
        try await harness.wait("the others") { harness.outcomes.count == 39 }
        #expect(harness.outcomes[9] == nil)
        harness.say(.stop, 9)
        #expect(try await harness.outcome(of: 9).text == "stopped")
    }
}
