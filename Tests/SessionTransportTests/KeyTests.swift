import Foundation
import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

/// A tcp address serves whoever has a key on the allow-list, in the role of that key, and nobody else.
@Suite(.serialized) struct KeyTests {
    let folder: ScratchFolder
    let harness: Harness
    let context = Context()

    init() throws {
        folder = try ScratchFolder()
        try writeNewKeys(folder: folder.path + "/keys")
        harness = try Harness(
            AcceptorConfiguration(
                addresses: [.tcp(host: "127.0.0.1", port: 0)],
                keys: SchedulerKeys(readingFolder: folder.path + "/keys"), epoch: Epoch(1)))
    }

    private var address: Address { harness.acceptor.addresses[0] }

    private func keys(_ name: String, in keys: String = "keys") throws -> PeerKeys {
        try PeerKeys(reading: "\(folder.path)/\(keys)/\(name).key")
    }

    @Test(arguments: [Role.client, .worker, .operator]) func theRightKeyOpensASession(role: Role) throws {
        let peer = harness.join(try Peer(address, keys: keys("\(role)"), role: role, context: context))
        try harness.until("welcome") { peer.isWelcome }
        #expect(harness.opened[0].hello.keyName == "\(role)")
    }

    @Test func aKeyOfAnotherSchedulerOpensNothing() throws {
        try writeNewKeys(folder: folder.path + "/other")
        let peer = harness.join(try Peer(address, keys: keys("client", in: "other"), context: context))
        try harness.turn(milliseconds: 500)
        #expect(!peer.isWelcome && harness.opened.isEmpty && peer.refusals.isEmpty)
        // Both sides know that it is about keys.
        try harness.until("words") { peer.connector.trouble?.contains("key file") == true }
        #expect(harness.troubles.contains(.handshakeFailed(at: address.description)))
    }

    @Test func aKeyThatWasTakenOffTheListOpensNothing() throws {
        let list = folder.path + "/keys/authorized"
        let lines = try String(contentsOfFile: list, encoding: .utf8).split(separator: "\n")
        let kept = lines.filter { !$0.hasPrefix("client") }.joined(separator: "\n")
        try FileManager.default.removeItem(atPath: list)
        try writeNewFile(list, Array(kept.utf8))
        let strict = try Harness(
            AcceptorConfiguration(
                addresses: [.tcp(host: "127.0.0.1", port: 0)],
                keys: SchedulerKeys(readingFolder: folder.path + "/keys"), epoch: Epoch(1)))
        let address = strict.acceptor.addresses[0]
        let locked = strict.join(try Peer(address, keys: keys("client"), context: context))
        let worker = strict.join(try Peer(address, keys: keys("worker"), role: .worker, context: context))
        try strict.until("the worker's welcome") { worker.isWelcome }
        try strict.until("the client's refusal") { strict.acceptor.counters.unauthorised > 0 }
        try strict.until("words") { locked.connector.trouble?.contains("does not accept this key") == true }
        #expect(!locked.isWelcome && strict.troubles.contains(.unknownKey(from: "127.0.0.1")))
        #expect(strict.opened.count == 1)
    }

    @Test func withoutAKeyThereIsNothing() throws {
        #expect(throws: TransportError.self) { try Peer(address, context: context) }
        // A peer of ours refuses to try; this one does not.
        let socket = try Socket(.dealer, in: context)
        try socket.set(.linger, 0)
        try socket.connect(address.description)
        let hello = Handshake(
            kind: .hello, role: .client, session: SessionID(1), epoch: Epoch(0), received: 0, fields: [])
        var message = Message(copying: hello.encoded())
        _ = socket.send(&message, more: false)
        try harness.turn(milliseconds: 500)
        var answer = Message()
        let isAnswered = socket.receive(into: &answer)
        #expect(!isAnswered && harness.opened.isEmpty)
    }

    @Test func aKeyIsGoodForItsRoleOnly() throws {
        #expect(throws: TransportError.self) {
            try Peer(address, keys: keys("client"), role: .worker, context: context)
        }
        // A client that edits its key file is still refused by the scheduler.
        let text = try String(contentsOfFile: folder.path + "/keys/client.key", encoding: .utf8)
        let edited = text.replacingOccurrences(of: "role client", with: "role worker")
        try writeNewFile(folder.path + "/keys/edited.key", Array(edited.utf8))
        let peer = harness.join(try Peer(address, keys: keys("edited"), role: .worker, context: context))
        try harness.until("refusal") { !peer.refusals.isEmpty }
        #expect(peer.refusals[0].code == "unauthorised")
        #expect(harness.opened.isEmpty)
    }

    @Test func aSessionCannotBeTakenOverWithAnotherKey() throws {
        let session = SessionID(77)
        let owner = harness.join(try Peer(address, keys: keys("client"), context: context, session: session))
        try harness.until("welcome") { owner.isWelcome }
        let thief = harness.join(
            try Peer(address, keys: keys("worker"), role: .worker, context: context, session: session))
        try harness.until("refusal") { !thief.refusals.isEmpty }
        #expect(thief.refusals[0].code == "unauthorised")
        owner.connector.link.say(1)
        try harness.until("the owner goes on") { !harness.received.isEmpty }
    }

    @Test func keyFilesAreForTheirOwnerOnly() throws {
        let path = folder.path + "/keys/client.key"
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let error = #expect(throws: TransportError.self) { try keys("client") }
        #expect(error?.description.contains("chmod 600") == true)
        #expect(throws: TransportError.self) { try writeNewKeys(folder: folder.path + "/keys") }
    }

    @Test func noErrorShowsAKey() throws {
        let text = try String(contentsOfFile: folder.path + "/keys/client.key", encoding: .utf8)
        let lines = text.split(separator: "\n")
        let secret = try #require(lines.first { $0.hasPrefix("secret ") }).dropFirst(7)
        let broken = text.replacingOccurrences(of: "public ", with: "public x")
        try writeNewFile(folder.path + "/keys/broken.key", Array(broken.utf8))
        let error = #expect(throws: TransportError.self) { try keys("broken") }
        #expect(error?.description.contains(secret) == false)
    }
}
