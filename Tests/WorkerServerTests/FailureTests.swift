import Foundation
import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import WorkerServer

@Suite(.serialized) struct FailureTests {
    private func pid(of harness: Harness, _ sequence: UInt64) async throws -> Int32 {
        harness.assign(sequence, "pid")
        return Int32(try await harness.outcome(of: sequence).text) ?? 0
    }

    @Test func aDeadExecutorCostsOnlyWhatItRan() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        let first = try await pid(of: harness, 1)
        harness.assign(2, "exit 3")
        harness.assign(3, "still here")
        let lost = try await harness.outcome(of: 2)
        #expect(lost.head.status == .lost)
        #expect(lost.head.reason == .executorCrashed)
        #expect(lost.detail.contains("exited with code 3"))
        #expect(lost.detail.contains("my last words"))
        #expect(lost.parts[.standardOutput] == Array("my last words\n".utf8))
        #expect(try await harness.outcome(of: 3).text == "still here")
        #expect(try await pid(of: harness, 4) != first)
        #expect(!isRunning(first))
    }

    @Test func aSegmentationFaultIsNamed() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "segfault")
        #expect(try await harness.outcome(of: 1).detail.contains("SIGSEGV"))
    }

    /// It was finished, only not yet written: the next attempt's crash does not take it along.
    @Test func resultsInTheJournalAreNotLost() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "journal")
        harness.assign(2, "next")
        #expect(try await harness.outcome(of: 1).text == "finished before")
        #expect(try await harness.outcome(of: 2).text == "next")
    }

    @Test func aStubbornAttemptIsKilledAfterItsGrace() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "sleep 60", grace: 100)
        try await harness.wait("the start") { harness.started[1] != nil }
        harness.say(.stop, 1)
        // It would end by itself as a value, and only after a minute.
        #expect(try await harness.outcome(of: 1).head.status == .cancelled)
        harness.assign(2, "free")
        #expect(try await harness.outcome(of: 2).text == "free")
    }

    @Test func timeIsUp() async throws {
        let harness = try Harness(slots: 2)
        try await harness.joined()
        harness.assign(1, "sleep 60", timeout: 100, grace: 50)
        harness.assign(2, "heed", timeout: 100, grace: 10_000)
        for sequence in [UInt64(1), 2] {
            let outcome = try await harness.outcome(of: sequence)
            #expect(outcome.head.status == .timedOut)
            #expect(outcome.head.reason == .executionTimeout)
        }
    }

    @Test func memoryHasALimit() async throws {
        let harness = try Harness(slots: 1) { $0.executorMemoryMax = 100 << 20 }
        try await harness.joined()
        harness.assign(1, "eat 300")
        let outcome = try await harness.outcome(of: 1)
        #expect(outcome.head.status == .lost)
        #expect(outcome.head.reason == .memoryLimit)
        #expect(outcome.detail.contains("100 MiB"))
        harness.assign(2, "free")
        #expect(try await harness.outcome(of: 2).text == "free")
    }

    /// An executor that breaks the protocol harms nobody else.
    @Test(arguments: ["garbage", "close"]) func anExecutorGoneMad(_ how: String) async throws {
        let harness = try Harness(slots: 2)
        try await harness.joined()
        harness.assign(1, how)
        harness.assign(2, "fine")
        #expect(try await harness.outcome(of: 2).text == "fine")
        let outcome = try await harness.outcome(of: 1)
        #expect(outcome.head.status == .lost)
        #expect(outcome.head.reason == .executorCrashed)
        harness.assign(3, "again")
        #expect(try await harness.outcome(of: 3).text == "again")
    }

    /// Output does not count against the value's limit.
    @Test func aValueOfTheLargestSizeWithOutput() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "brim \(Limits.payloadBytesMax)")
        let outcome = try await harness.outcome(of: 1)
        #expect(outcome.head.status == .value)
        #expect(outcome.parts[.value]?.count == Limits.payloadBytesMax)
    }

    /// What an executor's tasks have started dies with it.
    @Test func noGrandchildIsLeft() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "grandchild")
        let grandchild = Int32(try await harness.outcome(of: 1).text) ?? 0
        #expect(isRunning(grandchild))
        harness.assign(2, "exit 1")
        _ = try await harness.outcome(of: 2)
        try await harness.wait("the grandchild's end") { !isRunning(grandchild) }
    }

    @Test func aSchedulerThatKnowsItNoMore() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        let executor = try await pid(of: harness, 1)
        let session = harness.hello?.session
        harness.assign(2, "sleep 60")
        try await harness.wait("the start") { harness.started[2] != nil }
        harness.expel()
        try await harness.wait("a new session") { harness.opened == 2 && harness.session != nil }
        #expect(harness.hello?.session != session)
        harness.assign(3, "new")
        #expect(try await harness.outcome(of: 3).text == "new")
        #expect(harness.outcomes[2] == nil)
        #expect(!isRunning(executor))
    }

    @Test func aForgottenSessionRunsNoMore() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "sleep 60", grace: 50)
        harness.assign(2, "x")
        try await harness.wait("the start") { harness.started[1] != nil }
        harness.forget()
        harness.assign(3, "other", session: SessionID(0xc2))
        #expect(try await harness.outcome(of: 3).text == "other")
        #expect(harness.outcomes[1] == nil)
        #expect(harness.outcomes[2] == nil)
    }
}
