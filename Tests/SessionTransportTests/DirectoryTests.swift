import Foundation
import Posix
import SessionTransport
import TaskModel
import Testing
import ZeroMQ

/// Who may reach a Unix socket is decided by its directory.
@Suite struct DirectoryTests {
    @Test func aDirectoryThatOthersMayEnterIsRefused() throws {
        let folder = try ScratchFolder()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
        let error = #expect(throws: TransportError.self) { try listen(folder.path + "/scheduler.ipc") }
        #expect(error?.description.contains("chmod 700") == true)
    }

    @Test func aSecondSchedulerIsRefusedAndTheFirstGoesOn() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/scheduler.ipc"
        let first = try listen(path)
        let error = #expect(throws: TransportError.self) { try listen(path) }
        #expect(error?.description.contains("in use") == true)
        #expect(FileManager.default.fileExists(atPath: path))
        withExtendedLifetime(first) {}
    }

    @Test func aStaleSocketFileIsRemoved() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/scheduler.ipc"
        #expect(FileManager.default.createFile(atPath: path, contents: Data()))
        let context = Context()
        let harness = try Harness(
            AcceptorConfiguration(addresses: [.ipc(path: path)], epoch: Epoch(1)), context: context)
        let peer = harness.join(try Peer(.ipc(path: path), context: context))
        try harness.until("welcome") { peer.isWelcome }
    }

    @Test func aPathThatIsTooLongIsNamed() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/" + String(repeating: "x", count: 100)
        let error = #expect(throws: TransportError.self) { try listen(path) }
        #expect(error?.description.contains("107") == true)
    }

    private func listen(_ path: String) throws -> Acceptor {
        try Acceptor(
            AcceptorConfiguration(addresses: [.ipc(path: path)], epoch: Epoch(1)), context: Context())
    }
}
