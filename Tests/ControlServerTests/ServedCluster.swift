import ControlAPI
import ControlServer
import Foundation
import Logging
import ServiceLifecycle

/// A folder of mode 0700 below the system's temporary one, with a short name: socket paths are short.
struct ScratchFolder {
    let path: String

    init() throws {
        path = "/tmp/isthmus-control-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        guard
            FileManager.default.createFile(
                atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: mode])
        else { throw CocoaError(.fileWriteUnknown) }
        return file
    }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }
}

/// Serves `cluster` while `body` runs, and answers with the result of `body`.
func serving<Result: Sendable>(
    _ cluster: FakeCluster, at endpoint: ControlEndpoint, metrics: MetricsRegistry = MetricsRegistry(),
    _ body: @Sendable @escaping (_ address: String) async throws -> Result
) async throws -> Result {
    let service = try ControlService(
        endpoint: endpoint, cluster: cluster, metrics: metrics,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let group = ServiceGroup(
        configuration: .init(
            services: [.init(service: service)],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        let result = try await body(try await service.listening())
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return result
    }
}

/// Serves over a Unix socket and makes the calls of `body`.
func calling<Result: Sendable>(
    _ cluster: FakeCluster, metrics: MetricsRegistry = MetricsRegistry(),
    _ body: @Sendable @escaping (ControlClient.Calls) async throws -> Result
) async throws -> Result {
    let folder = try ScratchFolder()
    defer { removing(folder) }
    return try await serving(cluster, at: .unix(path: folder.path + "/control.sock"), metrics: metrics) {
        path in
        try await ControlClient(.unix(path: path)).withCalls(body)
    }
}

/// What a test leaves behind in /tmp is not worth failing for.
func removing(_ folder: ScratchFolder) {
    do { try folder.remove() } catch { print("cannot remove \(folder.path): \(error)") }
}
