import Foundation
import Isthmus
import Testing

/// The places of a built checkout, seen from its test bundle.
enum Build {
    /// Beside the test bundle, as all products are.
    static func product(_ name: String) throws -> String {
        let folder = URL(fileURLWithPath: try #require(Client.thisExecutable)).deletingLastPathComponent()
        return folder.appendingPathComponent(name).path
    }

    static var binary: String? { ProcessInfo.processInfo.environment["ISTHMUS_BINARY"] }

    /// The python in which tasks run: that of the checkout's environment.
    static var python: String? {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent(".venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    static func makeEmbedded(slots: Int? = 2) async throws -> Client {
        try await Client.makeEmbedded(
            slots: slots, python: python, swiftExecutable: try product("TestFunctions"), binary: binary)
    }
}

/// One cluster for all tests that do it no harm.
enum SharedCluster {
    private static let started = Task { try await Build.makeEmbedded() }

    static var client: Client { get async throws { try await started.value } }
}

extension IsthmusError {
    var pythonException: PythonException? { if case .python(let exception) = self { exception } else { nil } }
    var swiftFailure: SwiftFailure? { if case .swift(let failure) = self { failure } else { nil } }
}

/// Waits until a condition holds, at most for so long.
func eventually(within limit: Duration = .seconds(20), _ condition: () async throws -> Bool) async throws
    -> Bool
{
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return false
}

/// A file by which a task tells that it runs.
final class Marker: Sendable {
    static let pythonSleep = TaskFunction.python(
        source:
            "import time\ndef f(seconds, marker):\n    open(marker, 'w').close()\n    time.sleep(seconds)\n",
        name: "f")

    let path = NSTemporaryDirectory() + "/isthmus-test-\(UUID().uuidString)"

    var isThere: Bool { FileManager.default.fileExists(atPath: path) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
