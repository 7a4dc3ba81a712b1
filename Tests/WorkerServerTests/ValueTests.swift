import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import WorkerServer

/// Values that the worker holds, and references to them.
@Suite(.serialized) struct ValueTests {
    /// A dependency as the scheduler writes it.
    private enum Input {
        case bytes([UInt8])
        case reference(UInt64, count: Int)
    }

    private static func text(_ letter: String, _ count: Int) -> [UInt8] {
        [UInt8](repeating: letter.utf8.first ?? 0, count: count)
    }

    private static func task(_ sequence: UInt64) -> TaskID {
        TaskID(session: Harness.client, sequence: sequence)
    }

    private func join(_ harness: Harness, _ sequence: UInt64, _ inputs: [Input], owner: SessionID? = nil) {
        let link = harness.link
        link.beginRecord(.assign)
        link.writer.assignmentHead(
            Assignment(
                attempt: AttemptID(task: Self.task(sequence), number: 1), function: 1, kind: .swift,
                resultCodec: .raw, mode: .process, timeoutMilliseconds: 0, graceMilliseconds: 200,
                dependencies: inputs.count))
        link.appendPayload(.raw, Array("join".utf8))
        for input in inputs {
            switch input {
            case .bytes(let bytes): link.appendPayload(.raw, bytes)
            case .reference(let task, let count):
                link.writer.reference(
                    .raw,
                    ObjectReference(
                        Self.task(task), at: owner ?? harness.hello?.session ?? SessionID(0),
                        size: UInt64(count)))
            }
        }
        link.endRecord()
    }

    private func send(_ harness: Harness, _ sequence: UInt64, _ bytes: [UInt8]) {
        harness.link.beginRecord(.value)
        harness.link.writer.taskID(Self.task(sequence))
        harness.link.appendPayload(.raw, bytes)
        harness.link.endRecord()
    }

    private func forget(_ harness: Harness, _ sequences: [UInt64]) {
        harness.link.beginRecord(.forgetValues)
        harness.link.writer.uint32(UInt32(sequences.count))
        harness.link.writer.uint32(0)
        for sequence in sequences { harness.link.writer.taskID(Self.task(sequence)) }
        harness.link.endRecord()
    }

    @Test func whatItMadeIsHeldFromASizeOn() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        let sizes = [Limits.heldValueBytesMin - 1, Limits.heldValueBytesMin, 60_000, 3 << 20]
        for (sequence, count) in zip(UInt64(1)..., sizes) {
            harness.assign(sequence, Self.text("abcd", count))
            #expect(try await harness.outcome(of: sequence).isHeld == (count >= Limits.heldValueBytesMin))
        }
        join(
            harness, 10,
            [
                .reference(4, count: sizes[3]), .bytes(Self.text("s", 3)), .reference(2, count: sizes[1]),
                .bytes(Self.text("l", 70_000)), .reference(3, count: sizes[2]),
            ])
        let expected = [
            Self.text("abcd", sizes[3]), Self.text("s", 3), Self.text("abcd", sizes[1]),
            Self.text("l", 70_000), Self.text("abcd", sizes[2]),
        ].joined(separator: [UInt8(ascii: "|")])
        let joined = try await harness.outcome(of: 10)
        #expect(joined.parts[.value] == Array(expected))
    }

    @Test func whatItIsSentServesManyAttempts() async throws {
        let harness = try Harness(slots: 2)
        try await harness.joined()
        for count in [10, 40_000, 200_000] {
            send(harness, 1, Self.text("v", count))
            for sequence in UInt64(2)...9 { join(harness, sequence, [.reference(1, count: count)]) }
            try await harness.wait("all outcomes") { harness.outcomes.count == 8 }
            for sequence in UInt64(2)...9 {
                #expect(harness.outcomes[sequence]?.parts[.value] == Self.text("v", count))
            }
            harness.forgetOutcomes()
            forget(harness, [1])
        }
    }

    /// An attempt keeps what it needs; what comes later finds nothing, and is not run.
    @Test func whatIsForgottenIsGone() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        send(harness, 1, Self.text("v", 100_000))
        harness.assign(2, "sleep 0.05")
        join(harness, 3, [.reference(1, count: 100_000)])
        forget(harness, [1, 77])
        join(harness, 4, [.reference(1, count: 100_000)])
        #expect(try await harness.outcome(of: 3).parts[.value] == Self.text("v", 100_000))
        let refused = try await harness.outcome(of: 4)
        #expect(refused.head.status == .lost)
        #expect(refused.head.reason == .malformed)
        #expect(refused.detail.contains("does not hold"))
    }

    @Test func aReferenceToAnotherWorkerOrSizeIsRefused() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        send(harness, 1, Self.text("v", 5_000))
        join(harness, 2, [.reference(1, count: 5_001)])
        join(harness, 3, [.reference(1, count: 5_000)], owner: SessionID(1))
        join(harness, 4, [.reference(1, count: 5_000)])
        #expect(try await harness.outcome(of: 2).head.reason == .malformed)
        #expect(try await harness.outcome(of: 3).head.reason == .malformed)
        #expect(try await harness.outcome(of: 4).head.status == .value)
    }

    @Test func aSessionTakesItsValuesWithIt() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        send(harness, 1, Self.text("v", 5_000))
        harness.forget()
        join(harness, 2, [.reference(1, count: 5_000)])
        #expect(try await harness.outcome(of: 2).head.reason == .malformed)
    }

    @Test func aWorkerThatBeginsAnewHoldsNothing() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        send(harness, 1, Self.text("v", 5_000))
        join(harness, 2, [.reference(1, count: 5_000)])
        _ = try await harness.outcome(of: 2)
        harness.expel()
        try await harness.wait("a new session") { harness.session != nil }
        join(harness, 3, [.reference(1, count: 5_000)])
        #expect(try await harness.outcome(of: 3).head.reason == .malformed)
    }

    /// More inline bytes than one record may have.
    @Test func manyReferencesFitIntoOneAttempt() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        for sequence in UInt64(1)...400 { send(harness, sequence, Self.text("m", 60_000)) }
        join(harness, 500, (UInt64(1)...400).map { .reference($0, count: 60_000) })
        let value = try await harness.outcome(of: 500).parts[.value]
        #expect(value?.count == 400 * 60_001 - 1)
        #expect(value?.prefix(60_000) == Self.text("m", 60_000)[...])
    }
}
