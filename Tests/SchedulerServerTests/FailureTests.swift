import Posix
import SchedulerServer
import SessionTransport
import TaskModel
import Testing
import Wire

/// Peers that leave, break the protocol, or ask for what cannot be had.
@Suite(.serialized) struct FailureTests {
    @Test func tasksOfAClientThatLeftAreDropped() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        for sequence in 2...1_000 { client.submit(UInt64(sequence), [UInt8](repeating: 1, count: 100)) }
        try client.peer.flush()
        _ = try worker.assignment()
        try client.peer.close()

        let forgotten = try worker.peer.next(.forgetSession)
        #expect(
            try forgotten.read { reader throws(WireError) in try reader.uint64("session") }
                == client.session.rawValue)
        let status = try await cluster.control.status()
        #expect(status.clients == 0)
        #expect(status.payloadBytes == 0)
        #expect(status.tasks == TaskCounts())
        try await cluster.stop()
    }

    /// Its tasks go over many turns; its functions stay until the last of them.
    @Test func aLargeSessionIsDroppedWhileOthersAreServed() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let large = try TestClient(cluster).connected()
        try large.define(1, name: "math:hypot")
        for sequence in 1...UInt64(3 * Limits.dropsPerTurnMax) {
            large.submit(sequence, function: 1, after: sequence % 2 == 0 ? [sequence - 1] : [])
        }
        try large.peer.flush()
        _ = try worker.assignment()
        try await eventually("all tasks have arrived") {
            try await cluster.control.status().counters.submitted == UInt64(3 * Limits.dropsPerTurnMax)
        }
        try large.peer.close()
        _ = try worker.peer.next(.forgetSession)
        _ = worker.peer.takeAll()

        let other = try TestClient(cluster).connected()
        other.submit(1)
        try other.peer.flush()
        worker.finish(try worker.assignment(), [1])
        try worker.peer.flush()
        #expect(try other.outcome().head.status == .value)
        try await eventually("the large session is gone") {
            let status = try await cluster.control.status()
            return status.clients == 1 && status.tasks.waiting + status.tasks.ready + status.tasks.kept <= 1
        }
        try await cluster.stop()
    }

    @Test func whatAWorkerHeldRunsElsewhereWhenItGoes() async throws {
        let cluster = try await TestCluster()
        let first = try TestWorker(cluster, name: "first").connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        try client.peer.flush()
        let lost = try first.assignment()
        let second = try TestWorker(cluster, name: "second").connected()
        try first.peer.close()
        let again = try second.assignment()
        #expect(again.head.attempt.task == lost.head.attempt.task)
        #expect(again.head.attempt.number == 2)
        second.finish(again, [1])
        try second.peer.flush()
        #expect(try client.outcome().head.attempt.number == 2)
        try await cluster.stop()
    }

    @Test func aMalformedRecordEndsItsSessionAndNoOther() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let good = try TestClient(cluster).connected()
        let bodies: [[UInt8]] = [
            [], [1, 2, 3], [UInt8](repeating: 0xff, count: 64), [UInt8](repeating: 0, count: 47),
        ]
        for (type, body) in [RecordType.submit, .defineFunction, .release, .setup, .report].flatMap({ type in
            bodies.map { (type, $0) }
        }) {
            let bad = try TestClient(cluster).connected()
            bad.peer.link.beginRecord(type)
            bad.peer.link.writer.raw(body)
            bad.peer.link.endRecord()
            #expect(try bad.peer.refused().code == "malformed")
        }
        let badWorker = try TestWorker(cluster).connected()
        badWorker.peer.link.beginRecord(.workerFinished)
        badWorker.peer.link.writer.raw([1, 2, 3])
        badWorker.peer.link.endRecord()
        #expect(try badWorker.peer.refused().code == "malformed")

        good.submit(1)
        try good.peer.flush()
        worker.finish(try worker.assignment(), [1])
        try worker.peer.flush()
        #expect(try good.outcome().head.status == .value)
        let status = try await cluster.control.status()
        #expect(status.counters.malformed == 21)
        #expect(status.clients == 1)
        #expect(status.workers == 1)
        try await cluster.stop()
    }

    @Test func aGapInTheNumberingIsMalformed() async throws {
        let cluster = try await TestCluster()
        let client = try TestClient(cluster).connected()
        client.submit(2)
        let refusal = try client.peer.refused()
        #expect(refusal.code == "malformed")
        #expect(refusal.message.contains("where 1 was next"))
        try await cluster.stop()
    }

    @Test func aClientWithAnotherPythonIsToldWhichOneItNeeds() async throws {
        let cluster = try await TestCluster()
        // Nobody can know yet which workers will come.
        _ = try TestClient(cluster, python: "3.13").connected()
        _ = try TestWorker(cluster, python: "3.11").connected()
        let python = try TestClient(cluster, python: "3.12").peer.refused()
        #expect(python.code == "python")
        #expect(python.field == "python")
        #expect(python.message.contains("3.12") && python.message.contains("3.11"))
        let cloudpickle = try TestClient(cluster, cloudpickle: "2.2.1").peer.refused()
        #expect(cloudpickle.field == "cloudpickle")
        #expect(cloudpickle.message.contains("2.2.1") && cloudpickle.message.contains("3.1.2"))
        // A Swift client has no Python at all.
        _ = try TestClient(cluster, python: nil).connected()
        try await cluster.stop()
    }

    @Test func aHelloThatCannotBeServedIsRefusedByField() async throws {
        let cluster = try await TestCluster()
        #expect(try TestWorker(cluster, slots: 0).peer.refused().field == "slots")
        #expect(try TestPeer(cluster, role: .operator, fields: []).refused().code == "role")
        let future = try TestPeer(
            cluster, role: .client, fields: [Field("quantum", .flag(true), matters: true)])
        let refusal = try future.refused()
        #expect(refusal.code == "field")
        #expect(refusal.field == "quantum")
        let harmless = try TestPeer(cluster, role: .client, fields: [Field("mood", .string("fine"))])
        try harmless.connected()
        try await cluster.stop()
    }

    @Test func anUnknownOptionRefusesItsTasksByName() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.defineOptions(1, [Field("gravity", .unsigned(9), matters: true)])
        client.defineOptions(2, [Field("colour", .string("red")), Field("timeout_ms", .unsigned(1_500))])
        client.submit(1, options: 1)
        client.submit(2, options: 2)
        try client.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.attempt.task == client.id(1))
        #expect(outcome.head.status == .refused)
        #expect(outcome.head.reason == .unknownOption)
        #expect(outcome.detail.contains("gravity"))
        let assignment = try worker.assignment()
        #expect(assignment.sequence == 2)
        #expect(assignment.head.timeoutMilliseconds == 1_500)
        try await cluster.stop()
    }

    @Test func aMisspeltSwiftFunctionIsRefusedWithTheNearestNames() async throws {
        let cluster = try await TestCluster { $0.unservableGrace = .milliseconds(50) }
        let client = try TestClient(cluster).connected()
        try client.define(1, kind: .swift, name: "tokenise")
        client.submit(1, function: 1, kind: .swift, codec: .neutral, [0x90])
        try client.peer.flush()
        _ = try client.peer.next(.accepted)
        _ = try TestWorker(cluster, swift: ["parse", "tokenize", "lex", "count"]).connected()
        let outcome = try client.outcome()
        #expect(outcome.head.status == .refused)
        #expect(outcome.head.reason == .unservable)
        #expect(outcome.detail.contains("it needs a worker with the Swift function tokenise"))
        #expect(outcome.detail.contains("the nearest of 4 registered names are tokenize,"))
        try await cluster.stop()
    }

    @Test func payloadBytesBeyondTheCreditAreRefused() async throws {
        let cluster = try await TestCluster { $0.sessionBytes = 1_000 }
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        #expect(client.peer.welcome?.fields["bytes"]?.unsigned == 1_000)
        client.submit(1, [UInt8](repeating: 1, count: 900))
        client.submit(2, [UInt8](repeating: 1, count: 200))
        try client.peer.flush()
        let refused = try client.outcome()
        #expect(refused.head.attempt.task == client.id(2))
        #expect(refused.head.reason == .limitExceeded)
        worker.finish(try worker.assignment(), [1])
        try worker.peer.flush()
        _ = try client.outcome()
        client.submit(3, [UInt8](repeating: 1, count: 200))
        try client.peer.flush()
        #expect(try worker.assignment().sequence == 3)
        try await cluster.stop()
    }

    @Test func aDependencyThatIsNotKnownIsNamed() async throws {
        let cluster = try await TestCluster()
        let client = try TestClient(cluster).connected()
        client.submit(1, after: [77])
        try client.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.status == .refused)
        #expect(outcome.detail.contains("\(client.id(77))"))
        try await cluster.stop()
    }

    @Test func aSilentClientIsDroppedWithItsTasks() async throws {
        let cluster = try await TestCluster {
            $0.clientLease = .milliseconds(300)
            $0.heartbeat = .milliseconds(50)
        }
        let client = try TestClient(cluster).connected()
        client.submit(1)
        try client.peer.flush()
        // From here on the client says nothing.
        let deadline = MonotonicClock.now + .seconds(10)
        while true {
            let status = try await cluster.control.status()
            if status.counters.submitted == 1, status.clients == 0 {
                #expect(status.tasks == TaskCounts())
                break
            }
            guard MonotonicClock.now < deadline else { throw NotInTime(description: "\(status)") }
            await Task.yield()
        }
        try await cluster.stop()
    }
}
