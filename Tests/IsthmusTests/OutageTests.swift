import Foundation
import Isthmus
import Testing

/// A scheduler that is gone: for how long a client looks for it, and what it says then.
@Suite(.timeLimit(.minutes(3))) struct OutageTests {
    /// `isthmus up` as a process of its own, and a client of it.
    private static func start(
        reconnectTimeout: Duration?
    ) async throws -> (cluster: Process, client: Client) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("outage-\(UUID())").path
        let cluster = Process()
        cluster.executableURL = URL(fileURLWithPath: try Build.binary ?? Build.product("isthmus"))
        cluster.arguments = ["up", "--directory", folder, "--slots", "1"]
        if let python = Build.python { cluster.arguments! += ["--python", python] }
        let output = Pipe()
        cluster.standardOutput = output
        cluster.standardError = FileHandle.nullDevice
        try cluster.run()
        #expect(!output.fileHandleForReading.availableData.isEmpty)
        let client = try await Client(
            connecting: "ipc://\(folder)/scheduler.ipc", reconnectTimeout: reconnectTimeout)
        return (cluster, client)
    }

    @Test func `Tasks end with what is known of them when the scheduler does not come back`() async throws {
        let (cluster, client) = try await Self.start(reconnectTimeout: .seconds(2))
        let marker = FileManager.default.temporaryDirectory.appendingPathComponent("began-\(UUID())").path
        let source = """
            def begin(path):
                import time
                open(path, "w").close()
                time.sleep(60)
            """
        let running = try await client.submit(
            .python(source: source, name: "begin"), marker, as: Int?.self)
        let waiting = try await client.submit(.python("builtins:abs"), running, as: Int.self)
        #expect(try await eventually { FileManager.default.fileExists(atPath: marker) })
        defer { try? FileManager.default.removeItem(atPath: marker) }
        kill(cluster.processIdentifier, SIGKILL)
        for task in [running.id, waiting.id] {
            let error = await #expect(throws: IsthmusError.self) {
                if task == running.id { _ = try await running.value } else { _ = try await waiting.value }
            }
            guard case .sessionLost(let text, mayHaveRun: true)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(text.contains("no connection to the scheduler") && text.contains("may have run"))
        }
        await client.close()
        cluster.waitUntilExit()
    }

    @Test func `A scheduler that was only stopped is waited for`() async throws {
        let (cluster, client) = try await Self.start(reconnectTimeout: .seconds(60))
        let task = try await client.submit(.python("time:sleep"), 0.5, as: Int?.self)
        let large = try await client.submit(.python("builtins:bytes"), 8 << 20, as: Data.self)
        _ = try await large.outcome
        kill(cluster.processIdentifier, SIGSTOP)
        async let value = large.value
        // Longer than a client bears silence.
        try await Task.sleep(for: .seconds(7))
        kill(cluster.processIdentifier, SIGCONT)
        #expect(try await task.value == nil)
        #expect(try await value.count == 8 << 20)
        await client.close()
        cluster.terminate()
        cluster.waitUntilExit()
    }

    @Test func `A scheduler that was stopped in order ends all at once`() async throws {
        let (cluster, client) = try await Self.start(reconnectTimeout: nil)
        let marker = Marker()
        let running = try await client.submit(Marker.pythonSleep, 60, marker.path, as: NoValue.self)
        #expect(try await eventually { marker.isThere })
        cluster.terminate()
        cluster.waitUntilExit()
        let error = await #expect(throws: IsthmusError.self) { try await running.value }
        #expect("\(try #require(error))".contains("was stopped") && error?.mayHaveRun == true)
        let later = await #expect(throws: IsthmusError.self) {
            try await client.submit(.python("builtins:abs"), 1, as: Int.self)
        }
        #expect("\(try #require(later))".contains("make a new Client") && later?.mayHaveRun == false)
        await client.close()
    }
}
