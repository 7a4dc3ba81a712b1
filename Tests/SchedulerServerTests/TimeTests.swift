import SchedulerServer
import TaskModel
import Testing
import Wire

/// Retries, delays and deadlines as a client asks for them on the wire.
@Suite(.serialized) struct TimeTests {
    /// The summary that an executor sends with an exception.
    private static func summary(_ name: String, bases: [String]? = nil) throws -> [UInt8] {
        var pairs = [
            NeutralPair(.string("class"), .string(name)),
            NeutralPair(.string("message"), .string("no")),
        ]
        if let bases {
            pairs.append(NeutralPair(.string("bases"), .array(bases.map { .string($0) })))
        }
        return try NeutralValue.map(pairs).encoded()
    }

    @Test(
        arguments: [
            ("ValueError", nil, true), ("package.Oops", nil, false),
            ("package.Oops", ["package.Oops", "ValueError", "Exception", "object"], true),
            ("KeyError", ["KeyError", "LookupError", "Exception", "object"], false),
            ("ConnectionError", ["ConnectionError", "OSError", "Exception", "object"], true),
        ] as [(String, [String]?, Bool)])
    func onlyTheNamedExceptionsAreTriedAgain(_ name: String, _ bases: [String]?, _ again: Bool) async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(
            1, [Field("retries", .unsigned(1)), Field("retry_on", .string("ValueError\nOSError"))])
        client.submit(1, options: 1)
        try client.peer.flush()
        worker.finish(
            try worker.assignment(), status: .exception, [1], summary: try Self.summary(name, bases: bases))
        try worker.peer.flush()
        if again {
            let second = try worker.assignment()
            #expect(second.head.attempt.number == 2)
            worker.finish(second, [2])
            try worker.peer.flush()
        }
        let outcome = try client.outcome()
        #expect(outcome.head.status == (again ? .value : .exception))
        try await cluster.stop()
    }

    /// Without a summary nobody knows what it was, so it is not one of those that were named.
    @Test func anExceptionWithoutASummaryIsNotTriedAgain() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("retries", .unsigned(1)), Field("retry_on", .string("ValueError"))])
        client.submit(1, options: 1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), status: .exception, [1])
        try worker.peer.flush()
        #expect(try client.outcome().head.status == .exception)
        try await cluster.stop()
    }

    @Test func aRetryWaitsForItsBackoffAndIsExplained() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(
            1,
            [
                Field("retries", .unsigned(2)), Field("backoff_ms", .unsigned(1)),
                Field("backoff_max_ms", .unsigned(2)),
            ])
        client.defineOptions(2, [Field("retries", .unsigned(1)), Field("backoff_ms", .unsigned(600_000))])
        client.submit(1, options: 1)
        try client.peer.flush()
        for attempt in 1...3 {
            let assignment = try worker.assignment()
            #expect(assignment.head.attempt.number == UInt32(attempt))
            worker.finish(assignment, status: attempt < 3 ? .exception : .value, [1])
            try worker.peer.flush()
        }
        #expect(try client.outcome().head.status == .value)

        client.submit(2, options: 2)
        try client.peer.flush()
        worker.finish(try worker.assignment(), status: .exception, [1])
        try worker.peer.flush()
        try await eventually("the retry waits") {
            try await cluster.control.explain(client.id(2)).summary.contains("before attempt 2")
        }
        let status = try await cluster.control.status()
        #expect(status.tasks.waiting == 1)
        try await cluster.stop()
    }

    @Test func aDeadlineEndsWhatWaitsAndStopsWhatRuns() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("deadline_ms", .unsigned(20)), Field("retries", .unsigned(5))])
        client.submit(1, options: 1)
        client.submit(2, options: 1, after: [1])
        client.submit(3, after: [2])
        try client.peer.flush()
        let running = try worker.assignment()
        for (sequence, status) in [(2, OutcomeStatus.timedOut), (3, .exception)] {
            let outcome = try client.outcome()
            #expect(outcome.head.attempt.task == client.id(UInt64(sequence)))
            #expect(outcome.head.status == status)
            #expect(outcome.head.reason == (sequence == 2 ? .deadlineExceeded : .dependencyFailed))
            #expect(outcome.detail.contains("deadline"))
        }
        _ = try worker.peer.next(.stop)
        worker.finish(running, status: .cancelled, reason: .clientRequest, [])
        try worker.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.attempt.task == client.id(1))
        #expect(outcome.head.status == .timedOut)
        #expect(outcome.head.reason == .deadlineExceeded)
        #expect(outcome.detail.contains("had not ended when its deadline of 0.02 s passed"))
        try await cluster.stop()
    }
}
