import SchedulerServer
import SessionTransport
import TaskModel
import Testing
import Wire

/// Large values come to a client when it asks for them.
@Suite struct WantTests {
    private static let value = [UInt8](repeating: 7, count: 70_000)

    @Test func aLargeValueStaysUntilItIsWanted() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster, valueBytes: 1_000).connected()
        client.submit(1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), Self.value, output: [104, 105], held: true)
        try worker.peer.flush()
        let first = try client.outcome()
        #expect(first.isLeft && first.head.status == .value && first.value == nil)
        #expect(first.parts.map(\.bytes) == [[104, 105]])
        client.want(1)
        try client.peer.flush()
        let second = try client.outcome()
        #expect(!second.isLeft && second.value == Self.value)
        #expect(second.parts.count == 2)
        // What is asked for again was sent: nothing more comes.
        client.want(1)
        client.submit(2)
        try client.peer.flush()
        worker.finish(try worker.assignment(), [5])
        try worker.peer.flush()
        let third = try client.outcome()
        #expect(third.head.attempt.task == client.id(2) && third.value == [5])
        try await cluster.stop()
    }

    @Test func whatIsWantedBeforeItsEndComesWithTheOutcome() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster, valueBytes: 1_000).connected()
        client.submit(1)
        client.want(1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), Self.value, held: true)
        try worker.peer.flush()
        let outcome = try client.outcome()
        #expect(!outcome.isLeft && outcome.value == Self.value)
        try await cluster.stop()
    }

    @Test func whoDoesNotSayHowMuchItTakesGetsEverything() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), Self.value)
        try worker.peer.flush()
        #expect(try client.outcome().value == Self.value)
        try await cluster.stop()
    }

    @Test func aValueThatWasReleasedIsLost() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster, valueBytes: 1_000).connected()
        client.submit(1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), Self.value)
        try worker.peer.flush()
        #expect(try client.outcome().isLeft)
        client.release(1)
        client.want(1)
        try client.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.status == .lost && outcome.detail.contains("released"))
        try await cluster.stop()
    }
}
