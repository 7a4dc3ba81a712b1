import SchedulerServer
import SessionTransport
import TaskModel
import Testing
import Wire

/// Gpus over the wire: who gets which, and what nobody may ask for.
@Suite(.serialized) struct DeviceTests {
    @Test func anAssignmentNamesItsDevices() async throws {
        let cluster = try await TestCluster()
        let offer = [Field("resource.gpu", .unsigned(2_000))]
        let worker = try TestWorker(cluster, slots: 4, offers: offer).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("resource.gpu", .unsigned(1_000), matters: true)])
        client.defineOptions(2, [Field("resource.gpu", .unsigned(600), matters: true)])
        var found: [UInt64] = []
        for (sequence, options) in [(UInt64(1), UInt32(0)), (2, 1), (3, 2)] {
            client.submit(sequence, options: options)
            try client.peer.flush()
            let assignment = try worker.assignment()
            found.append(assignment.head.devices)
            #expect(assignment.arguments == [1, 2, 3])
        }
        #expect(found == [0, 0b01, 0b10])
        try await cluster.stop()
    }

    @Test func explanationsAndListingsSayWhoseGpusAreTaken() async throws {
        let cluster = try await TestCluster()
        let offer = [
            Field("resource.gpu", .unsigned(2_000)), Field("resource.memory", .unsigned(1_000)),
            Field("gpus", .string("GPU-a\nGPU-b")),
        ]
        let worker = try TestWorker(cluster, slots: 8, name: "w1", offers: offer).connected()
        let client = try TestClient(cluster).connected()
        for (number, amount) in [(UInt32(1), UInt64(600)), (2, 1_000), (3, 2_000)] {
            client.defineOptions(number, [Field("resource.gpu", .unsigned(amount), matters: true)])
        }
        func explained(_ sequence: UInt64) async throws -> String {
            try await cluster.control.explain(client.id(sequence)).summary
        }
        client.submit(1, options: 1)
        try client.peer.flush()
        _ = try worker.assignment()
        client.submit(2, options: 3)
        try passOne(3, client, worker)
        #expect(try await explained(2).hasSuffix("has 2, of which 1 is free"))
        client.submit(4, options: 1)
        try client.peer.flush()
        _ = try worker.assignment()
        client.submit(5, options: 1)
        client.submit(6, options: 2)
        try passOne(7, client, worker)
        #expect(try await explained(5).hasPrefix("waits for Python 3.11, 0.6 gpu: w1 ["))
        #expect(try await explained(5).hasSuffix("has 2, with at most 0.4 of one left"))
        #expect(try await explained(6).hasSuffix("has 2, all in use"))
        let node = try #require(try await cluster.control.nodes().first { $0.kind == .worker })
        #expect(
            node.resources == [
                ResourceUse(name: "cpu", offered: 8_000, taken: 2_000),
                ResourceUse(name: "memory", offered: 1_000, taken: 0),
                ResourceUse(name: "gpu", offered: 2_000, taken: 1_200),
            ])
        #expect(node.gpus.map(\.name) == ["GPU-a", "GPU-b"])
        #expect(node.gpus.map(\.taken) == [600, 600])
        #expect(try await cluster.control.status().resources == node.resources)
        try await cluster.stop()
    }

    /// Submits a plain task and waits for its outcome: what was submitted before it is known by then.
    private func passOne(_ sequence: UInt64, _ client: TestClient, _ worker: TestWorker) throws {
        client.submit(sequence)
        try client.peer.flush()
        worker.finish(try worker.assignment(), [1])
        try worker.peer.flush()
        _ = try client.outcome()
    }

    @Test func aGpuAndAHalfIsRefused() async throws {
        let cluster = try await TestCluster()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("resource.gpu", .unsigned(1_500), matters: true)])
        client.submit(1, options: 1)
        try client.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.reason == .malformed)
        #expect(outcome.detail.contains("a multiple of 1000 (whole gpus) or less than that"))
        try await cluster.stop()
    }

    @Test(arguments: [UInt64(1_500), 65_000])
    func aWorkerOffersWholeGpusAndNotTooMany(_ amount: UInt64) async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster, offers: [Field("resource.gpu", .unsigned(amount))])
        let refusal = try worker.peer.refused()
        #expect(refusal.field == "resource.gpu")
        #expect(refusal.message.contains("whole gpus"))
        try await cluster.stop()
    }
}
