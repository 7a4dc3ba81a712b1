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
