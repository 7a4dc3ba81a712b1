import SchedulerServer
import SessionTransport
import TaskModel
import Testing
import Wire

/// What operators see and do.
@Suite(.serialized) struct ControlTests {
    @Test func explainSaysWhatATaskWaitsFor() async throws {
        let cluster = try await TestCluster()
        let client = try TestClient(cluster, python: "3.12").connected()
        client.submit(1)
        client.submit(2, after: [1])
        try client.peer.flush()
        _ = try client.peer.next(.accepted)
        #expect(
            try await cluster.control.explain(client.id(1)).summary
                == "waits for a worker with Python 3.12: no worker is connected; start one with "
                + "`isthmus worker --connect ADDRESS`")
        _ = try TestWorker(cluster, name: "a").connected()
        _ = try TestWorker(cluster, name: "b").connected()
        let waiting = try await cluster.control.explain(client.id(1)).summary
        #expect(
            waiting.hasPrefix(
                "waits for a worker with Python 3.12, which none of the 2 connected workers has; they have "
                    + "3.11 (2 workers)"))
        #expect(waiting.contains("it is refused in "))
        let dependant = try await cluster.control.explain(client.id(2))
        #expect(dependant.summary.contains("waits for task \(client.id(1))"))
        #expect(dependant.dependencies == [client.id(1)])
        await #expect(throws: ControlError.unknownTask(client.id(9))) {
            try await cluster.control.explain(client.id(9))
        }
        try await cluster.stop()
    }

    @Test func explainFollowsATaskToItsEnd() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster, name: "muscle").connected()
        let client = try TestClient(cluster).connected()
        try client.define(1, name: "math:hypot")
        client.submit(1, function: 1)
        try client.peer.flush()
        let assignment = try worker.assignment()
        #expect(try await cluster.control.explain(client.id(1)).summary.contains("held by worker muscle"))
        worker.report(.workerStarted, [assignment.head.attempt])
        try worker.peer.flush()
        _ = try client.peer.next(.started)
        #expect(try await cluster.control.explain(client.id(1)).summary.contains("runs on worker muscle"))
        worker.finish(assignment, status: .exception, [1], detail: "OSError: disk")
        try worker.peer.flush()
        _ = try client.outcome()
        let ended = try await cluster.control.explain(client.id(1))
        #expect(ended.summary == "ended: with an exception")
        #expect(ended.details == ["OSError: disk"])
        #expect(ended.task.name == "math:hypot")
        try await cluster.stop()
    }

    @Test func aPickledNameIsShown() async throws {
        let cluster = try await TestCluster()
        let client = try TestClient(cluster).connected()
        // pickle.dumps(math.hypot, 5), pickle.dumps(pow, 5), and one that is more than a name.
        let head: [UInt8] = [0x80, 5, 0x95, 18, 0, 0, 0, 0, 0, 0, 0]
        let tail: [UInt8] = [0x94, 0x93, 0x94, 0x2e]
        client.define(
            1, .pickle, head + [0x8c, 4] + Array("math".utf8) + [0x94, 0x8c, 5] + Array("hypot".utf8) + tail)
        client.define(
            2, .pickle,
            head + [0x8c, 8] + Array("builtins".utf8) + [0x94, 0x8c, 3] + Array("pow".utf8) + tail)
        client.define(3, .pickle, head + [0x8c, 200, 1, 2])
        for number in 1...3 { client.submit(UInt64(number), function: UInt32(number)) }
        try client.peer.flush()
        _ = try client.peer.next(.accepted)
        var names: [String] = []
        for number in 1...3 {
            names.append(try await cluster.control.explain(client.id(UInt64(number))).task.name)
        }
        #expect(names == ["math.hypot", "pow", ""])
        try await cluster.stop()
    }

    @Test func anOperatorCancelsAndTheClientIsTold() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        try client.peer.flush()
        let assignment = try worker.assignment()
        worker.report(.workerStarted, [assignment.head.attempt])
        try worker.peer.flush()
        _ = try client.peer.next(.started)
        #expect(try await cluster.control.cancel(client.id(1)))
        let stop = try worker.peer.next(.stop)
        #expect(
            try stop.read { reader throws(WireError) in try reader.attempts() } == [assignment.head.attempt])
        worker.finish(assignment, status: .cancelled, reason: .clientRequest, [])
        try worker.peer.flush()
        #expect(try client.outcome().head.status == .cancelled)
        #expect(try await cluster.control.cancel(client.id(1)) == false)
        try await cluster.stop()
    }

    @Test func aClientCancelsWhatHasNotStarted() async throws {
        let cluster = try await TestCluster()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        client.cancel(1)
        try client.peer.flush()
        let outcome = try client.outcome()
        #expect(outcome.head.status == .cancelled)
        #expect(outcome.head.reason == .clientRequest)
        #expect(outcome.detail == "task \(client.id(1)) was cancelled on request before it had started")
        try await cluster.stop()
    }

    @Test func aDrainedWorkerTakesNothingMore() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        try await cluster.control.drain(worker: worker.peer.session)
        _ = try worker.peer.next(.drain)
        client.submit(1)
        try client.peer.flush()
        _ = try client.peer.next(.accepted)
        #expect(
            try await cluster.control.explain(client.id(1)).summary.contains("the only worker is draining"))
        #expect(try await cluster.control.nodes().first?.state == .draining)
        await #expect(throws: ControlError.notAWorker(client.session)) {
            try await cluster.control.drain(worker: client.session)
        }
        await #expect(throws: ControlError.unknownNode(SessionID(5))) {
            try await cluster.control.drain(worker: SessionID(5))
        }
        try await cluster.stop()
    }

    @Test func outputIsKeptByTask() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        client.submit(1)
        try client.peer.flush()
        worker.finish(try worker.assignment(), [1], output: Array("hello\n".utf8))
        try worker.peer.flush()
        _ = try client.outcome()
        client.release(1)
        try client.peer.flush()
        let output = try await cluster.control.output(of: client.id(1))
        #expect(
            output.parts == [TaskOutputPart(kind: .standardOutput, codec: .raw, bytes: Array("hello\n".utf8))]
        )
        try await cluster.stop()
    }

    @Test func listingsComeInPages() async throws {
        let cluster = try await TestCluster()
        let worker = try TestWorker(cluster).connected()
        let client = try TestClient(cluster).connected()
        let count = 50
        for sequence in 1...count { client.submit(UInt64(sequence)) }
        try client.peer.flush()
        for _ in 1...10 {
            worker.finish(try worker.assignment(), [1])
            try worker.peer.flush()
            _ = try client.outcome()
        }
        var seen: Set<TaskID> = []
        var cursor: TaskCursor?
        var pages = 0
        repeat {
            let page = try await cluster.control.tasks(TaskFilter(), limit: 7, after: cursor)
            #expect(page.tasks.count <= 7)
            seen.formUnion(page.tasks.map(\.id))
            cursor = page.next
            pages += 1
        } while cursor != nil && pages < 100
        #expect(seen == Set((1...count).map { client.id(UInt64($0)) }))
        let ended = try await cluster.control.tasks(TaskFilter(states: [.ended]), limit: 100, after: nil)
        #expect(ended.tasks.count == 10)
        try await cluster.stop()
    }

    @Test func eventsTellWhoComesAndGoes() async throws {
        let cluster = try await TestCluster()
        let events = try await cluster.control.events()
        let worker = try TestWorker(cluster, slots: 3, name: "w1").connected()
        try worker.peer.close()
        try await cluster.stop()
        var kinds: [ClusterEvent.Kind] = []
        for await event in events { kinds.append(event.kind) }
        #expect(kinds.contains(.workerJoined(worker.peer.session, name: "w1", slots: 3)))
        #expect(kinds.contains(.workerLeft(worker.peer.session, lost: false)))
        await #expect(throws: ControlError.stopped) { try await cluster.control.status() }
    }
}
