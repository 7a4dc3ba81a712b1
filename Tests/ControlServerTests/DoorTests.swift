import ControlAPI
import ControlServer
import Foundation
import GRPCCore
import Testing

/// Who may call, on a Unix socket and on TCP.
@Suite struct DoorTests {
    private static let certificates = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Certificates").path()
    private static let old = String(repeating: "a", count: 64)
    private static let new = String(repeating: "b", count: 64)

    // MARK: Unix socket

    @Test func theSocketIsForItsOwnerAloneAndIsRemovedAtTheEnd() async throws {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        try await serving(FakeCluster(), at: .unix(path: folder.path + "/control.sock")) { _ in
            let mode = try folder.mode(of: "control.sock")
            #expect(mode == 0o600)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/control.sock"))
    }

    @Test func aFileLeftByADeadProcessIsReplaced() async throws {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        let path = try folder.write("control.sock", "")
        let name = try await serving(FakeCluster(), at: .unix(path: path)) { path in
            try await ControlClient(.unix(path: path)).withCalls { try await $0.status(.init()).name }
        }
        #expect(name == "lab")
    }

    @Test func aSocketThatIsServedIsNotTakenOver() async throws {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        try await serving(FakeCluster(), at: .unix(path: folder.path + "/control.sock")) { path in
            let error = await #expect(throws: ControlEndpointError.self) {
                try await serving(FakeCluster(), at: .unix(path: path)) { _ in }
            }
            #expect(error?.description.contains("another scheduler") == true)
            let name = try await ControlClient(.unix(path: path)).withCalls {
                try await $0.status(.init()).name
            }
            #expect(name == "lab")
        }
    }

    @Test func aPathThatIsTooLongSaysSo() async throws {
        let path = "/tmp/" + String(repeating: "x", count: 120)
        let error = await #expect(throws: ControlEndpointError.self) {
            try await serving(FakeCluster(), at: .unix(path: path)) { _ in }
        }
        #expect(error?.description.contains("short") == true)
    }

    // MARK: TCP

    @Test func theTokenOpensTheDoor() async throws {
        #expect(try await name(tokens: Self.old, presented: Self.old) == "lab")
    }

    @Test func twoTokensAreValidWhileOneTakesTheOthersPlace() async throws {
        #expect(try await name(tokens: "\(Self.new)\n\(Self.old)\n", presented: Self.old) == "lab")
        #expect(try await name(tokens: "\(Self.new)\n\(Self.old)\n", presented: Self.new) == "lab")
    }

    @Test(arguments: ["", "wrong", String(repeating: "a", count: 63), String(repeating: "a", count: 65)])
    func anyOtherTokenIsRefused(token: String) async throws {
        let error = try await #require(
            #expect(throws: RPCError.self) { try await name(tokens: Self.old, presented: token) })
        #expect(error.code == .unauthenticated)
        #expect(error.message.contains("--token-file"))
        #expect(!error.message.contains(Self.old))
    }

    @Test func aTokenTakenOutOfTheFileIsRefusedAtOnce() async throws {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        let file = try folder.write("tokens", "\(Self.old)\n")
        try await serving(FakeCluster(), at: try endpoint(tokens: file)) { address in
            let client = ControlClient(try Self.address(of: address, token: Self.old))
            let metadata = client.metadata
            try await client.withCalls { calls in
                _ = try await calls.status(.init(), metadata: metadata)
                _ = try folder.write("tokens", "\(Self.new)\n")
                let error = await #expect(throws: RPCError.self) {
                    _ = try await calls.status(.init(), metadata: metadata)
                }
                #expect(error?.code == .unauthenticated)
            }
        }
    }

    @Test func aCallerThatDoesNotTrustTheCertificateSendsNoToken() async throws {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        let file = try folder.write("tokens", "\(Self.old)\n")
        try await serving(FakeCluster(), at: try endpoint(tokens: file)) { address in
            guard
                case .https(let host, let port, _, let token) = try Self.address(of: address, token: Self.old)
            else { return }
            let client = ControlClient(.https(host: host, port: port, authority: nil, token: token))
            let metadata = client.metadata
            let error = await #expect(throws: RPCError.self) {
                try await client.withCalls {
                    _ = try await $0.status(.init(), metadata: metadata, options: ControlClient.options)
                }
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test(arguments: [
        ("", 0o600, "is empty"), ("short\n", 0o600, "shorter than"),
        (String(repeating: "a", count: 64), 0o644, "chmod"),
        ((1...3).map { String(repeating: "\($0)", count: 64) }.joined(separator: "\n"), 0o600, "at most two"),
    ])
    func aTokenFileThatCannotServe(content: String, mode: Int, words: String) throws {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        let file = try folder.write("tokens", content, mode: mode)
        let problem = #expect(throws: BearerTokens.Problem.self) { try BearerTokens(path: file) }
        #expect(problem?.description.contains(words) == true)
        #expect(problem?.description.contains("aaaa") == false)
    }

    private func name(tokens: String, presented: String) async throws -> String {
        let folder = try ScratchFolder()
        defer { removing(folder) }
        let file = try folder.write("tokens", tokens)
        return try await serving(FakeCluster(), at: try endpoint(tokens: file)) { address in
            let client = ControlClient(try Self.address(of: address, token: presented))
            let metadata = client.metadata
            return try await client.withCalls { try await $0.status(.init(), metadata: metadata).name }
        }
    }

    private func endpoint(tokens: String) throws -> ControlEndpoint {
        .tcp(
            host: "127.0.0.1", port: 0, certificate: Self.certificates + "/server.crt",
            key: Self.certificates + "/server.key", tokens: try BearerTokens(path: tokens))
    }

    private static func address(of url: String, token: String) throws -> ControlAddress {
        let port = try #require(url.split(separator: ":").last.flatMap { Int($0) })
        return .https(host: "localhost", port: port, authority: certificates + "/server.crt", token: token)
    }
}
