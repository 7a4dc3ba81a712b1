import Foundation
import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import WorkerServer

@Suite(.serialized) struct LifeTests {
    /// What runs ends, what waits goes back, then the worker says goodbye and is gone.
    @Test func aDrainedWorkerLeaves() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "heed")
        harness.assign(2, "x")
        try await harness.wait("the start") { harness.started[1] != nil }
        harness.drain()
        try await harness.wait("the return") { harness.returned.contains(2) }
        #expect(!harness.said)
        harness.say(.stop, 1)
        #expect(try await harness.outcome(of: 1).text == "stopped")
        try await harness.wait("goodbye") { harness.said }
        try await harness.run.value
    }

    @Test func aStoppedWorkerKillsEverything() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "grandchild")
        let grandchild = Int32(try await harness.outcome(of: 1).text) ?? 0
        harness.assign(2, "sleep 60")
        try await harness.wait("the start") { harness.started[2] != nil }
        harness.run.cancel()
        try await harness.run.value
        try await harness.wait("the grandchild's end") { !isRunning(grandchild) }
    }

    @Test func anExecutorThatSaysWhyItCannotWork() async throws {
        try await expectFailure("failing_executor.py", "pip install cloudpickle")
    }

    @Test func anExecutorThatDoesNotStart() async throws {
        try await expectFailure("crashing_executor.py", "exited with code 5")
        try await expectFailure("crashing_executor.py", "no such library")
    }

    private func expectFailure(_ executor: String, _ words: String) async throws {
        let harness = try Harness(slots: 1, executor: executor)
        let error = await #expect(throws: WorkerError.self) { try await harness.run.value }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func aWorkerWithoutAnExecutable() async throws {
        let harness = try Harness(slots: 1, executor: "missing")
        let error = await #expect(throws: WorkerError.self) { try await harness.run.value }
        #expect(error?.description.contains("--swift") == true)
    }

    @Test func aPythonThatIsNone() async throws {
        let harness = try Harness(slots: 1) {
            $0.python = "/bin/true"
            $0.executor = "/bin/true"
        }
        let error = await #expect(throws: WorkerError.self) { try await harness.run.value }
        #expect(error?.description.contains("/bin/true") == true)
    }

    /// No descriptor and no zombie is left behind by executors that come and go.
    @Test func nothingLeaks() async throws {
        let harness = try Harness(slots: 1)
        try await harness.joined()
        harness.assign(1, "exit 1")
        harness.assign(2, "x")
        _ = try await harness.outcome(of: 2)
        let before = try executorDescriptors()
        for sequence in UInt64(3)...22 {
            harness.assign(sequence, "exit 1")
            _ = try await harness.outcome(of: sequence)
        }
        harness.assign(23, "x")
        _ = try await harness.outcome(of: 23)
        // Other tests of this process have executors too, but theirs go, and leaked ones stay.
        try await harness.wait("the descriptors to be closed") {
            ((try? executorDescriptors()) ?? .max) < before + 20
        }
    }

    /// How many descriptors of this process are of kinds that only executors have: journals, ends of pipes
    /// and processes.
    private func executorDescriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { descriptor in
            // A descriptor may be closed between the listing and this look.
            let target =
                (try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/self/fd/" + descriptor)) ?? ""
            return target.hasPrefix("/memfd:") || target.hasPrefix("pipe:") || target.contains("pidfd")
        }
    }
}
