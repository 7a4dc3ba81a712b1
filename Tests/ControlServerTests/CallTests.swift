import ControlAPI
import ControlServer
import CoreMetrics
import GRPCCore
import SchedulerServer
import SwiftProtobuf
import TaskModel
import Testing

@Suite struct CallTests {
    @Test func statusCarriesCountsTotalsAndMetrics() async throws {
        let metrics = MetricsRegistry()
        metrics.makeCounter(label: "isthmus_turns", dimensions: [("loop", "one")]).increment(by: 3)
        let status = try await calling(FakeCluster(), metrics: metrics) {
            try await $0.status(.init())
        }
        #expect(status.name == "lab")
        #expect(status.epoch == 4)
        #expect(status.uptimeUs == 2_000_000)
        #expect(status.tasks.ready == 3)
        #expect(status.totals.submitted == 10)
        #expect(status.totals.timedOut == 2)
        #expect(status.residentBytes > 1_000_000)
        #expect(status.metrics.map(\.name) == ["isthmus_turns"])
        #expect(status.metrics.first?.labels == ["loop": "one"])
        #expect(status.metrics.first?.value == 3)
    }

    @Test func nodesAreListedWithWhatTheyOffer() async throws {
        let members = [FakeCluster.worker(7, name: "one"), FakeCluster.worker(8, name: "c", kind: .client)]
        let nodes = try await calling(FakeCluster(members: members)) {
            try await $0.listNodes(.init()).nodes
        }
        #expect(nodes.map(\.kind) == [.worker, .client])
        #expect(nodes[0].id == "0000000000000007")
        #expect(nodes[0].swiftFunctions == ["tokenize"])
        #expect(nodes[0].silentUs == 3_000)
    }

    @Test func aPageOfTasksPassesItsFilterAndItsCursorOn() async throws {
        let next = try #require(TaskCursor("2s"))
        let cluster = FakeCluster(page: TaskPage([FakeCluster.summary()], cursor: next))
        let page = try await calling(cluster) { calls in
            try await calls.listTasks(
                .with {
                    $0.filter.states = [.running, .ended]
                    $0.filter.worker = "0000000000000007"
                    $0.pageSize = 1_000_000
                    $0.pageToken = "2s"
                })
        }
        #expect(cluster.asked.filter == TaskFilter(states: [.running, .ended], worker: SessionID(7)))
        #expect(cluster.asked.limit == Limits.controlPageMax)
        #expect(cluster.asked.cursor == next)
        #expect(page.nextPageToken == next.description)
        #expect(page.tasks.map(\.status) == ["timed out"])
        #expect(page.tasks.map(\.reason) == ["execution timeout"])
        #expect(page.tasks.map(\.ranUs) == [20_000])
    }

    @Test func aTaskIsExplainedInWords() async throws {
        let answer = try await calling(FakeCluster()) {
            try await $0.explainTask(.with { $0.task = FakeCluster.task.description })
        }
        #expect(answer.summary == "waits for a worker")
        #expect(answer.details == ["no worker is connected"])
        #expect(answer.dependencies == ["0000000000000abc-1"])
        #expect(answer.parent.isEmpty)
    }

    @Test func outputHasTheBytesAsWrittenAndNeverTheValue() async throws {
        let output = try await calling(FakeCluster()) {
            try await $0.taskOutput(.with { $0.task = FakeCluster.task.description })
        }
        #expect(output.parts.map(\.stream) == [.standardOutput, .log])
        #expect(Array(output.parts[0].content) == [0xFF, 0x0A])
    }

    @Test func cancelSaysWhetherThereWasSomethingToCancel() async throws {
        let cluster = FakeCluster()
        let answers = try await calling(cluster) { calls in
            let first = try await calls.cancelTask(.with { $0.task = "abc-17" })
            let second = try await calls.cancelTask(.with { $0.task = "abc-1" })
            return [first.cancelled, second.cancelled]
        }
        #expect(answers == [true, false])
        #expect(cluster.asked.cancelled.map(\.sequence) == [17, 1])
    }

    @Test func aWorkerIsDrainedByNameOrId() async throws {
        let cluster = FakeCluster(members: [
            FakeCluster.worker(7, name: "one"), FakeCluster.worker(8, name: "two"),
            FakeCluster.worker(9, name: "two", kind: .client),
        ])
        let ids = try await calling(cluster) { calls in
            let byName = try await calls.drainNode(.with { $0.node = "two" })
            let byID = try await calls.drainNode(.with { $0.node = "0000000000000007" })
            return [byName.id, byID.id]
        }
        #expect(ids == ["0000000000000008", "0000000000000007"])
        #expect(cluster.asked.drained == [SessionID(8), SessionID(7)])
    }

    @Test func aWatcherSeesEventsAndGaps() async throws {
        let numbers = try await calling(FakeCluster()) { calls in
            try await calls.watchEvents(.init()) { response in
                var numbers: [UInt64] = []
                for try await event in response.messages {
                    numbers.append(event.number)
                    if event.taskFailed.reason == "memory limit" { break }
                }
                return numbers
            }
        }
        #expect(numbers == [1, 4])
    }

    @Test(.timeLimit(.minutes(1))) func aWatcherDoesNotHoldUpAGracefulStop() async throws {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        let (addresses, address) = AsyncStream.makeStream(of: String.self)
        let (sightings, sighting) = AsyncStream.makeStream(of: UInt64.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                // Stops the server in order once the watcher has seen an event, and waits for its end.
                try await serving(FakeCluster(), at: .unix(path: folder.path + "/control.sock")) { path in
                    address.yield(path)
                    _ = await sightings.first { _ in true }
                }
            }
            tasks.addTask {
                for await path in addresses.prefix(1) {
                    try await ControlClient(.unix(path: path)).withCalls { calls in
                        try await calls.watchEvents(.init()) { response in
                            for try await event in response.messages { sighting.yield(event.number) }
                        }
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }
}
