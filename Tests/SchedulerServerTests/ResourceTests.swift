import SchedulerServer
import TaskModel
import Testing
import Wire

/// Tasks that ask for resources and labels, over the wire.
@Suite(.serialized) struct ResourceTests {
    @Test func aTaskGoesWhereItsResourcesAreAndNoFurther() async throws {
        let cluster = try await TestCluster()
        let small = try TestWorker(cluster, slots: 4, name: "small").connected()
        let gpu = [Field("resource.gpu", .unsigned(1_000))]
        let large = try TestWorker(cluster, slots: 4, name: "large", offers: gpu).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("resource.gpu", .unsigned(1_000), matters: true)])
        client.submit(1, options: 1)
        client.submit(2, options: 1)
        try client.peer.flush()
        let first = try large.assignment()
        #expect(first.head.attempt.task == client.id(1))
        let words = try await cluster.control.explain(client.id(2)).summary
        #expect(words.hasPrefix("waits for Python 3.11, 1 gpu: large ["))
        #expect(words.hasSuffix("has 1, all in use"))
        large.finish(first, [1])
        try large.peer.flush()
        #expect(try large.assignment().head.attempt.task == client.id(2))
        #expect(small.peer.takeAll().isEmpty)
        try await cluster.stop()
    }

    @Test func labelsAreAskedForAndAvoided() async throws {
        let cluster = try await TestCluster()
        let zone = [Field("labels", .string("disk=ssd\nzone=a"))]
        let near = try TestWorker(cluster, slots: 4, name: "near", offers: zone).connected()
        let far = try TestWorker(cluster, slots: 4, name: "far").connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("affinity", .string("zone=a\ndisk=ssd"), matters: true)])
        client.defineOptions(2, [Field("anti_affinity", .string("zone=a"), matters: true)])
        client.submit(1, options: 1)
        client.submit(2, options: 2)
        try client.peer.flush()
        #expect(try near.assignment().head.attempt.task == client.id(1))
        #expect(try far.assignment().head.attempt.task == client.id(2))
        try await cluster.stop()
    }

    @Test func whatNobodyHasIsRefusedWithWhatThereIs() async throws {
        let cluster = try await TestCluster { $0.unservableGrace = .milliseconds(50) }
        _ = try TestWorker(cluster, offers: [Field("resource.cpu", .unsigned(1_500))]).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(
            1,
            [
                Field("resource.cpu", .unsigned(2_000), matters: true),
                Field("affinity", .string("zone=b"), matters: true),
            ])
        client.submit(1, options: 1)
        try client.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.status == .refused)
        #expect(outcome.head.reason == .unservable)
        #expect(outcome.detail.contains("it needs a worker with Python 3.11, 2 cpu, the label zone=b"))
        #expect(
            outcome.detail.contains(
                "the most that one has is 1.5 cpu, none has the label zone=b; ask for less"))
        try await cluster.stop()
    }

    @Test func anAmountThatIsNoNumberIsMalformed() async throws {
        let cluster = try await TestCluster()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("resource.gpu", .string("two"), matters: true)])
        client.submit(1, options: 1)
        try client.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.reason == .malformed)
        #expect(outcome.detail.contains("the option resource.gpu must be a whole number"))
        try await cluster.stop()
    }
}
