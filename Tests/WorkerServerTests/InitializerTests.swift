import Posix
import TaskModel
import Testing
import Wire
import WorkerServer

/// An initializer that ends its executor ends its session's attempts, and nobody else's.
@Suite(.serialized) struct InitializerTests {
    private static let other = SessionID(0xc2)

    private func expectFailure(_ harness: Harness, of sequences: ClosedRange<UInt64>, words: String)
        async throws
    {
        for sequence in sequences {
            let outcome = try await harness.outcome(of: sequence)
            #expect(outcome.head.status == .lost)
            #expect(outcome.head.reason == .initializerFailed)
            #expect(outcome.detail.hasPrefix("the initializer of the session"))
            #expect(outcome.detail.contains(words), "\(outcome.detail)")
        }
    }

    @Test func oneThatCrashes() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.define(2)
        harness.setup(function: 2, "exit")
        for sequence in UInt64(1)...20 { harness.assign(sequence, "x", function: 0) }
        harness.assign(21, "fine", session: Self.other)
        try await expectFailure(
            harness, of: 1...20, words: "exited with code 9. Its last output:\nno such model")
        #expect(try await harness.outcome(of: 21).text == "fine")
        harness.assign(22, "pid", session: Self.other)
        let executor = try await harness.outcome(of: 22).text
        // What comes later costs no executor.
        harness.assign(23, "x", function: 0)
        try await expectFailure(harness, of: 23...23, words: "no such model")
        harness.assign(24, "pid", session: Self.other)
        #expect(try await harness.outcome(of: 24).text == executor)
    }

    @Test func oneThatHangs() async throws {
        let harness = try Harness(slots: 1) { $0.initializerTimeout = .milliseconds(200) }
        try await harness.joined()
        harness.define(2)
        harness.setup(function: 2, "hang")
        harness.assign(1, "x", function: 0)
        harness.assign(2, "fine", session: Self.other)
        try await expectFailure(harness, of: 1...1, words: "not ended after 0.2 seconds")
        #expect(harness.outcomes[1]?.detail.contains("--initializer-timeout") == true)
        #expect(try await harness.outcome(of: 2).text == "fine")
    }

    /// What an earlier attempt left behind holds the executor up: the next one runs in another.
    @Test func anExecutorThatDoesNotBegin() async throws {
        let harness = try Harness(slots: 1) { $0.attemptTakeTimeout = .milliseconds(200) }
        try await harness.joined()
        harness.assign(1, "linger")
        let executor = Int32(try await harness.outcome(of: 1).text) ?? 0
        harness.assign(2, "fine")
        #expect(try await harness.outcome(of: 2).text == "fine")
        #expect(harness.outcomeCount == 2)
        #expect(!isRunning(executor))
    }

    @Test func oneThatIsForgottenBreaksNothingLater() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.define(2)
        harness.setup(function: 2, "exit")
        harness.assign(1, "x", function: 0)
        try await expectFailure(harness, of: 1...1, words: "code 9")
        harness.forget()
        harness.assign(2, "again", function: 0)
        #expect(try await harness.outcome(of: 2).text == "again")
    }
}
