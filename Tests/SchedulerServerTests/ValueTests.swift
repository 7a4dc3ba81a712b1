import SchedulerServer
import SessionTransport
import TaskModel
import Testing
import Wire

/// Large values on their way to the workers that need them.
@Suite struct ValueTests {
    private static let value = [UInt8](repeating: 7, count: 70_000)

    private static func tasks(_ record: TestRecord) throws -> [TaskID] {
        try record.read { reader throws(WireError) in try reader.taskIDs() }
    }

    private static func reference(_ assignment: TestAssignment) throws -> ObjectReference {
        let bytes = try #require(assignment.dependencies.first)
        var reader = unsafe ByteReader(bytes.span.bytes)
        return try ObjectReference(decoding: &reader)
    }

    @Test func aValueIsReferredToWhereItWasMade() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        client.submit(2, after: [1])
        try client.peer.flush()
        worker.finish(try worker.assignment(), Self.value, held: true)
        try worker.peer.flush()
        let second = try worker.assignment()
        #expect(second.forms == [.reference])
        let reference = try Self.reference(second)
        #expect(reference == ObjectReference(client.id(1), at: worker.peer.session, size: 70_000))
        #expect(try client.outcome().value == Self.value)
        worker.finish(second, [1])
        client.release(1, count: 2)
        try worker.peer.flush()
        try client.peer.flush()
        #expect(try Self.tasks(try worker.peer.next(.forgetValues)) == [client.id(1)])
        let counters = try await cluster.control.status().counters
        #expect(counters.dependencyBytesSaved == 70_000)
        #expect(counters.dependencyBytesSent == 0)
        try await cluster.stop()
    }

    @Test func aValueCrossesOnceToEachWorker() async throws {
        let cluster = try await TestCluster()
        let maker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        try client.peer.flush()
        let first = try maker.assignment()
        let other = try TestWorker(cluster).connected()
        for sequence in UInt64(2)...9 { client.submit(sequence, after: [1]) }
        try client.peer.flush()
        // Lost before anybody can take what depends on it: the scheduler keeps the value.
        maker.finish(first, Self.value, held: true)
        try maker.peer.flush()
        _ = try client.outcome()
        try maker.peer.close()
        var finished = 0
        while finished < 8 {
            let assignment = try other.assignment()
            #expect(assignment.forms == [.reference])
            let reference = try Self.reference(assignment)
            #expect(reference.owner == other.peer.session)
            other.finish(assignment, [2])
            try other.peer.flush()
            finished += 1
        }
        let sent = try other.peer.next(.value)
        let task = try sent.read { reader throws(WireError) in try SentValue(decoding: &reader).task }
        #expect(task == client.id(1))
        #expect(sent.attachments == [Self.value])
        #expect(!other.peer.takeAll().contains { $0.type == .value })
        try await cluster.stop()
    }

    /// Nothing of it stays at the worker, whatever became of the task meanwhile.
    @Test func aHeldValueThatComesTooLateIsForgotten() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster, slots: 2).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        try client.peer.flush()
        let first = try worker.assignment()
        client.cancel(1, alsoRunning: true)
        try client.peer.flush()
        _ = try worker.peer.next(.stop)
        worker.finish(first, Self.value, held: true)
        try worker.peer.flush()
        #expect(try Self.tasks(try worker.peer.next(.forgetValues)) == [client.id(1)])
        #expect(try client.outcome().head.status == .cancelled)

        let brief = try TestClient(cluster).connected()
        brief.submit(1)
        try brief.peer.flush()
        let second = try worker.assignment()
        try brief.peer.close()
        _ = try worker.peer.next(.forgetSession)
        worker.finish(second, Self.value, held: true)
        try worker.peer.flush()
        #expect(try Self.tasks(try worker.peer.next(.forgetValues)) == [brief.id(1)])
        try await cluster.stop()
    }

    @Test func aSmallValueTravelsWithItsTask() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        client.submit(2, after: [1])
        client.submit(3, after: [1])
        try client.peer.flush()
        worker.finish(try worker.assignment(), [1, 2, 3])
        for _ in 2...3 {
            try worker.peer.flush()
            let assignment = try worker.assignment()
            #expect(assignment.forms == [.inline])
            #expect(assignment.dependencies == [[1, 2, 3]])
            worker.finish(assignment, [4])
        }
        try worker.peer.flush()
        let counters = try await cluster.control.status().counters
        #expect(counters.dependencyBytesSent == 6)
        try await cluster.stop()
    }
}
