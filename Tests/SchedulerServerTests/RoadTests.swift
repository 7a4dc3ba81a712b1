import SchedulerServer
import SessionTransport
import TaskModel
import Testing
import Wire

/// A task's way through the scheduler and back, with peers that speak the wire protocol by hand.
@Suite(.serialized) struct RoadTests {
    @Test func aTaskGoesToAWorkerAndItsOutcomeBack() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1, [4, 5, 6])
        try client.peer.flush()

        let assignment = try worker.assignment()
        #expect(assignment.head.attempt == AttemptID(task: client.id(1), number: 1))
        #expect(assignment.arguments == [4, 5, 6])
        #expect(assignment.head.resultCodec == .pickle)
        worker.finish(assignment, [7, 8])
        try worker.peer.flush()

        let outcome = try client.outcome()
        #expect(outcome.head.attempt == AttemptID(task: client.id(1), number: 1))
        #expect(outcome.head.status == .value)
        #expect(outcome.value == [7, 8])
        #expect(outcome.head.worker == worker.peer.session)
        #expect(outcome.head.ranMicroseconds == 5)
        #expect(outcome.head.waitedMicroseconds > 0)
        #expect(
            try client.peer.next(.accepted).read { reader throws(WireError) in try reader.uint64("n") } == 1)
        try await cluster.stop()
    }

    @Test func largePayloadsTravelAsAttachmentsBothWays() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        let large = [UInt8](repeating: 9, count: 1 << 20)
        client.submit(1, large)
        try client.peer.flush()
        let assignment = try worker.assignment()
        #expect(assignment.arguments == large)
        worker.finish(assignment, large.reversed(), output: [UInt8](repeating: 65, count: 100_000))
        try worker.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.value == large)
        #expect(outcome.parts.map(\.kind) == [.value, .standardOutput])
        try await cluster.stop()
    }

    @Test func theValueOfAQuietTaskGoesToItsDependantsOnly() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("quiet", .flag(true))])
        client.submit(1, options: 1)
        client.submit(2, after: [1])
        client.submit(3, options: 1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), [7, 8])
        try worker.peer.flush()
        let first = try client.outcome()
        #expect(first.head.status == .value)
        #expect(first.head.waitedMicroseconds > 0)
        #expect(first.parts.isEmpty)

        var failed = false
        for _ in 2...3 {
            let assignment = try worker.assignment()
            if assignment.sequence == 2 {
                #expect(assignment.dependencies == [[7, 8]])
                worker.finish(assignment, [9])
            } else {
                worker.finish(assignment, status: .exception, [6], detail: "OSError: disk")
            }
            try worker.peer.flush()
            let outcome = try client.outcome()
            failed = failed || outcome.head.status == .exception
            #expect(outcome.value == (outcome.head.status == .exception ? [6] : [9]))
        }
        #expect(failed)
        try await cluster.stop()
    }

    @Test func aTaskSubmittedTwiceRunsOnce() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        client.submit(1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), [1])
        try worker.peer.flush()
        _ = try client.outcome()
        client.submit(1)
        client.submit(2)
        try client.peer.flush()
        let second = try worker.assignment()
        #expect(second.sequence == 2)
        let status = try await cluster.control.status()
        #expect(status.counters.submitted == 2)
        #expect(status.counters.duplicates == 2)
        try await cluster.stop()
    }

    @Test func aFunctionIsSentOncePerWorkerAndForgottenAfterItsLastTask() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        try client.define(1, name: "math:hypot")
        for sequence in 1...3 { client.submit(UInt64(sequence), function: 1) }
        try client.peer.flush()
        var assignments = [try worker.assignment()]
        _ = try worker.peer.next(.function)

        client.forgetFunction(1)
        try client.peer.flush()
        while let assignment = assignments.popLast() {
            worker.finish(assignment, [1])
            try worker.peer.flush()
            if assignment.sequence < 3 { assignments.append(try worker.assignment()) }
        }
        let forgotten = try worker.peer.next(.forgetWorkerFunction)
        let number = try forgotten.read { reader throws(WireError) in
            try reader.skip(8, "session")
            return try reader.uint32("function")
        }
        #expect(number == 1)
        #expect(!worker.peer.takeAll().contains { $0.type == .function })
        try await cluster.stop()
    }

    @Test func anInitializerComesBeforeTheFirstTaskOfItsSession() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.define(1, .pickle, [1])
        client.define(2, .pickle, [2])
        client.setUp(function: 1, [42])
        client.submit(1, function: 2)
        client.submit(2, function: 2)
        try client.peer.flush()
        try worker.peer.turn("two assignments") { $0.records.filter { $0.type == .assign }.count == 2 }
        let types = worker.peer.takeAll().map(\.type)
        let setup = try #require(types.firstIndex(of: .workerSetup))
        #expect(types.filter { $0 == .workerSetup }.count == 1)
        #expect(types.filter { $0 == .function }.count == 2)
        #expect(setup < (try #require(types.firstIndex(of: .assign))))
        #expect((try #require(types.firstIndex(of: .function))) < setup)
        try await cluster.stop()
    }

    @Test func valuesOfDependenciesTravelWithTheAssignment() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        let large = [UInt8](repeating: 3, count: 200_000)
        client.submit(1)
        client.submit(2)
        client.submit(3, after: [2, 1], [99])
        // Nobody else can ask for them again, so the worker need not hold them.
        client.release(1, count: 2)
        try client.peer.flush()
        for value in [[11, 12], large] {
            let assignment = try worker.assignment()
            worker.finish(assignment, value)
            try worker.peer.flush()
        }
        let joined = try worker.assignment()
        #expect(joined.sequence == 3)
        #expect(joined.arguments == [99])
        #expect(joined.dependencies == [large, [11, 12]])
        #expect(joined.forms == [.attached, .inline])
        try await cluster.stop()
    }

    /// Together the values are larger than any frame may be, though each alone would travel inline.
    @Test func manyMediumValuesTravelToOneTask() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        let count = 300
        for sequence in 1...count { client.submit(UInt64(sequence)) }
        client.submit(UInt64(count + 1), after: (1...count).map { UInt64($0) })
        client.release(1, count: UInt64(count))
        try client.peer.flush()
        for _ in 1...count {
            let assignment = try worker.assignment()
            worker.finish(
                assignment, [UInt8](repeating: UInt8(truncatingIfNeeded: assignment.sequence), count: 60_000))
            try worker.peer.flush()
        }
        let joined = try worker.assignment()
        #expect(joined.sequence == UInt64(count + 1))
        #expect(joined.dependencies.count == count)
        for (position, value) in joined.dependencies.enumerated() {
            #expect(value.count == 60_000)
            #expect(value.first == UInt8(truncatingIfNeeded: position + 1))
        }
        try await cluster.stop()
    }

    @Test func moreLargeValuesThanOneRecordHoldsAreRefused() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        let large = [UInt8](repeating: 1, count: Limits.inlineBytesMax)
        client.submit(2, after: [UInt64](repeating: 1, count: Limits.attachmentsPerRecordMax + 1))
        client.submit(3)
        try client.peer.flush()
        worker.finish(try worker.assignment(), large)
        try worker.peer.flush()
        _ = try client.outcome()
        let refused = try client.outcome()
        #expect(refused.head.attempt.task == client.id(2))
        #expect(refused.head.status == .refused)
        #expect(refused.detail.contains("attachmentsPerRecordMax"))
        #expect(try worker.assignment().sequence == 3)
        try await cluster.stop()
    }

    @Test func aFailedDependencyHandsItsExceptionOn() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        client.submit(2, after: [1])
        client.submit(3, after: [2])
        try client.peer.flush()
        worker.finish(try worker.assignment(), status: .exception, [6, 6, 6], detail: "ValueError: no")
        try worker.peer.flush()
        #expect(try client.outcome().head.status == .exception)
        for sequence in 2...3 {
            let outcome = try client.outcome()
            #expect(outcome.head.attempt.task == client.id(UInt64(sequence)))
            #expect(outcome.head.status == .exception)
            #expect(outcome.head.reason == .dependencyFailed)
            #expect(outcome.value == [6, 6, 6])
            #expect(outcome.detail.contains("\(client.id(1))"))
            #expect(outcome.detail.contains("ValueError: no"))
        }
        try await cluster.stop()
    }

    @Test func aPickledValueIsConvertedForASwiftFunction() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster, swift: ["tokenize"]).connected()
        let client = try TestClient(cluster).connected()
        try client.define(1, kind: .swift, name: "tokenize")
        client.submit(1)
        client.submit(2, function: 1, kind: .swift, codec: .neutral, after: [1], [0x90])
        try client.peer.flush()
        worker.finish(try worker.assignment(), [1, 2])
        try worker.peer.flush()

        let conversion = try worker.assignment()
        #expect(conversion.head.kind == .python)
        #expect(conversion.head.resultCodec == .neutral)
        #expect(conversion.dependencies == [[1, 2]])
        worker.finish(conversion, codec: .neutral, [0xc0])
        try worker.peer.flush()

        let task = try worker.assignment()
        #expect(task.sequence == 2)
        #expect(task.head.kind == .swift)
        #expect(task.head.resultCodec == .neutral)
        #expect(task.dependencies == [[0xc0]])
        try await cluster.stop()
    }
}
