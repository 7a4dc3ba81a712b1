import Foundation
import Posix
import SchedulerServer
import ServiceLifecycleTestKit
import SessionTransport
import TaskModel
import Testing
import Wire

/// Many tasks, and the end of a scheduler that still has some.
@Suite(.serialized) struct LoadTests {
    /// Answers every assignment until the client has all outcomes; answers how many attempts there were.
    private func work(_ client: TestClient, _ worker: TestWorker, tasks: Int) throws -> (
        outcomes: Int, attempts: Int
    ) {
        var (outcomes, attempts) = (0, 0)
        let deadline = MonotonicClock.now + .seconds(120)
        while outcomes < tasks {
            for record in worker.peer.takeAll() where record.type == .assign {
                attempts += 1
                worker.finish(try TestAssignment(record), [1, 2, 3, 4])
            }
            try worker.peer.flush()
            try client.peer.flush()
            outcomes += client.peer.takeAll().count { $0.type == .outcome }
            guard MonotonicClock.now < deadline else { throw NotInTime(description: "\(outcomes) outcomes") }
        }
        return (outcomes, attempts)
    }

    @Test func twoHundredThousandTasksGoThroughOneSlot() async throws {
        let tasks = 200_000
        let cluster = try await TestCluster()
        let client = try TestClient(cluster).connected()
        client.define(1, .pickle, [UInt8](repeating: 1, count: 50))
        let before = try residentBytes()
        for sequence in 1...tasks {
            client.submit(UInt64(sequence), function: 1, [UInt8](repeating: 2, count: 40))
        }
        try client.peer.turn("acceptance of all") { peer in
            peer.records.contains { $0.type == .accepted && $0.body.starts(with: [0x40, 0x0d, 0x03]) }
        }
        let status = try await cluster.control.status()
        #expect(status.tasks.ready == tasks)
        #expect(status.payloadBytes == tasks * 40)
        // The frames hold about 90 bytes a task in this process twice: here as sent, there as received.
        let grown = try residentBytes() - before
        #expect(grown < 300 << 20, "\(grown >> 20) MB for \(tasks) waiting tasks")

        let worker = try TestWorker(cluster).connected()
        let result = try work(client, worker, tasks: tasks)
        #expect(result.outcomes == tasks)
        #expect(result.attempts == tasks)
        client.release(1, count: UInt64(tasks))
        try client.peer.flush()
        let deadline = MonotonicClock.now + .seconds(20)
        while true {
            let status = try await cluster.control.status()
            if status.payloadBytes == 0, status.tasks == TaskCounts() { break }
            guard MonotonicClock.now < deadline else { throw NotInTime(description: "\(status)") }
            try client.peer.flush()
            await Task.yield()
        }
        try await cluster.stop()
    }

    @Test func aGracefulStopFinishesWhatWasAccepted() async throws {
        try await testGracefulShutdown { trigger in
            let cluster = try await TestCluster()
            let worker = try TestWorker(cluster).connected()
            let client = try TestClient(cluster).connected()
            client.submit(1)
            try client.peer.flush()
            let assignment = try worker.assignment()
            trigger.triggerGracefulShutdown()
            let deadline = MonotonicClock.now + .seconds(20)
            while try await !cluster.control.status().stopping {
                guard MonotonicClock.now < deadline else { throw NotInTime(description: "stopping") }
                await Task.yield()
            }
            #expect(try TestClient(cluster).peer.refused().message.contains("stopping"))
            client.submit(2)
            try client.peer.flush()
            let late = try client.outcome()
            #expect(late.head.attempt.task == client.id(2))
            #expect(late.head.status == .refused)
            worker.finish(assignment, [1])
            try worker.peer.flush()
            #expect(try client.outcome().head.status == .value)
            try client.peer.turn("goodbye") { $0.isClosed }
            try worker.peer.turn("goodbye") { $0.isClosed }
            try await cluster.ended()
        }
    }

    private func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4_096
    }
}
