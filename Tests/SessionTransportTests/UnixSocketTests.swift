import Foundation
import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

/// No bytes at the Unix socket do harm: their sender is cut off, and everybody else goes on.
@Suite(.serialized) struct UnixSocketTests {
    let place: Place
    let harness: Harness
    let bystander: Peer

    init() throws {
        place = try Place(.unix)
        // Short, so that the tests are.
        harness = try place.harness {
            $0.handshakeTimeout = .milliseconds(300)
            $0.sessionsMax = 8
        }
        bystander = harness.join(try place.peer())
        try harness.until("welcome") { [bystander] in bystander.isWelcome }
    }

    private func expectNoHarm() throws {
        let before = harness.received.count
        bystander.connector.link.say(1)
        try harness.until("the bystander's frame") { harness.received.count > before }
        #expect(bystander.refusals.isEmpty && bystander.interruptions == 0 && harness.lost.isEmpty)
    }

    private func expectClosed(_ bytes: [UInt8], _ what: Comment) throws {
        let peer = try RawPeer(to: place.address)
        peer.say(bytes)
        try harness.until(what) { peer.wasClosed }
    }

    @Test func aHandshakeCutAtEveryByteIsUnderstood() throws {
        let peer = try RawPeer(to: place.address)
        for byte in RawPeer.handshake + zmtpFrame(helloBytes()) {
            peer.say([byte])
            harness.turn()
        }
        try harness.until("hello") { harness.opened.count == 2 }
        try harness.until("its welcome") {
            peer.listen()
            return peer.received.count > 64 + 40 + FrameHeader.bytes
        }
        // The greeting, READY of a ROUTER, and a short message with a handshake frame.
        #expect(peer.received[0] == 0xff && peer.received[9] == 0x7f && peer.received[10] == 3)
        #expect(String(decoding: peer.received[64...], as: UTF8.self).contains("ROUTER"))
        try expectNoHarm()
    }

    @Test func aPeerThatLeavesAtAnyByteOfItsHandshakeIsForgotten() throws {
        let said = RawPeer.handshake + zmtpFrame(helloBytes())
        for count in 0..<said.count {
            let peer = try RawPeer(to: place.address)
            peer.say(Array(said[..<count]))
            harness.turn()
        }
        #expect(harness.opened.count == 1)
        // Their places are free again.
        let last = harness.join(try place.peer())
        try harness.until("another peer") { last.isWelcome }
        try expectNoHarm()
    }

    @Test func aSlowHandshakeEndsInTime() throws {
        let silent = try RawPeer(to: place.address)
        let slow = try RawPeer(to: place.address)
        var said = 0
        try harness.until("both are cut off") {
            // A byte now and then, never the whole.
            if said < RawPeer.handshake.count - 1 && !slow.isClosed {
                slow.say([RawPeer.handshake[said]])
                said += 1
            }
            return silent.wasClosed && slow.wasClosed
        }
        try expectNoHarm()
    }

    @Test func whatIsNotZMTPIsCutOff() throws {
        let handshake = RawPeer.handshake
        var noSignature = handshake
        noSignature[0] = 0
        var oldVersion = handshake
        oldVersion[10] = 2
        var curve = handshake
        curve.replaceSubrange(12..<17, with: Array("CURVE".utf8))
        var publisher = handshake
        publisher.replaceSubrange(87..<93, with: Array("XPUB\0\0".utf8))
        let cases: [(bytes: [UInt8], what: Comment)] = [
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), "another protocol"),
            (noSignature, "no signature"), (oldVersion, "ZMTP 2"), (curve, "another mechanism"),
            (publisher, "another kind of socket"),
            (Array(handshake[..<64]) + zmtpFrame(helloBytes()), "a message instead of READY"),
            (Array(handshake[..<64]) + [4, 0], "an empty command"),
            (Array(handshake[..<64]) + [4, 3, 9, 65, 66], "a command whose name is cut off"),
            (Array(handshake[..<64]) + [4, 6, 5] + Array("HELLO".utf8), "another command"),
            (Array(handshake[..<64]) + [4, 8, 5] + Array("READY".utf8) + [200, 1], "a broken property"),
            (Array(handshake[..<64]) + [6, 0, 0, 0, 0, 0, 1, 0, 0], "a command of 64 KiB"),
            (handshake + [8, 1, 0], "unknown flags"), (handshake + [5, 1, 0], "a command in parts"),
            (handshake + [2, 0, 0, 0, 0, 0x10, 0, 0, 1], "a part beyond the limit"),
            (handshake + [2] + [UInt8](repeating: 0xff, count: 8), "a part of 2^64 bytes"),
            (handshake + zmtpFrame([5] + Array("ERROR".utf8) + [0], flags: 4), "an error"),
        ]
        for (bytes, what) in cases { try expectClosed(bytes, what) }
        #expect(harness.opened.count == 1)
        try expectNoHarm()
    }

    @Test func randomBytesDoNoHarm() throws {
        var generator = SystemRandomNumberGenerator()
        for round in 0..<300 {
            let peer = try RawPeer(to: place.address)
            let bytes = (0..<Int.random(in: 1...4_000, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            // Some come after a good handshake, some after a good beginning.
            switch round % 3 {
            case 0: peer.say(bytes)
            case 1: peer.say(RawPeer.handshake + bytes)
            default:
                var bent = RawPeer.handshake
                bent[Int.random(in: 0..<bent.count, using: &generator)] = bytes[0]
                peer.say(bent + zmtpFrame(Array(bytes.prefix(200))))
            }
            harness.turn()
        }
        #expect(harness.opened.count == 1)
        try expectNoHarm()
    }

    @Test func connectionsAreBounded() throws {
        // Two for each of the sessions that there may be, and one is the bystander's.
        let peers = try (0..<20).map { _ in try RawPeer(to: place.address) }
        for peer in peers { peer.say(RawPeer.handshake) }
        try harness.until("those beyond are cut off") { peers.filter(\.wasClosed).count == 5 }
        try expectNoHarm()
    }

    @Test func aPeerThatNeverReadsIsCutOff() throws {
        let place = try Place(.unix)
        let harness = try place.harness {
            $0.stallTimeout = .milliseconds(200)
            $0.workerLease = .seconds(60)
        }
        let peer = try RawPeer(to: place.address)
        peer.say(RawPeer.handshake + zmtpFrame(helloBytes(role: .worker)))
        try harness.until("hello") { !harness.opened.isEmpty }
        let link = try #require(harness.acceptor.link(harness.opened[0].handle))
        link.beginRecord(.accepted)
        link.attach([UInt8](repeating: 1, count: 32 << 20))
        link.endRecord()
        try harness.turn(milliseconds: 400)
        // What the system still held for it comes before the end.
        try harness.until("it is cut off") { peer.wasClosed }
        #expect(peer.received.count < 32 << 20)
        #expect(harness.lost.isEmpty)
    }

    /// Its process may be stopped, and its connection is how the scheduler knows that it lives.
    @Test func aClientThatDoesNotReadIsWaitedForAsLongAsItIsThere() throws {
        let place = try Place(.unix)
        let harness = try place.harness {
            $0.stallTimeout = .milliseconds(100)
            $0.detachedClientLease = .milliseconds(200)
            $0.heartbeat = .milliseconds(50)
        }
        var client: RawPeer? = try RawPeer(to: place.address)
        client?.say(RawPeer.handshake + zmtpFrame(helloBytes()))
        try harness.until("hello") { !harness.opened.isEmpty }
        let link = try #require(harness.acceptor.link(harness.opened[0].handle))
        link.beginRecord(.accepted)
        link.attach([UInt8](repeating: 1, count: 4 << 20))
        link.endRecord()
        try harness.turn(milliseconds: 1_000)
        #expect(harness.lost.isEmpty)
        try harness.until("it gets everything") {
            client?.listen()
            return client.map { $0.received.count > 4 << 20 } == true
        }
        #expect(client?.wasClosed == false)
        client = nil
        try harness.until("it is missed soon after its end") { harness.lost.count == 1 }
    }

    @Test func aPingIsAnswered() throws {
        let peer = try RawPeer(to: place.address)
        peer.say(RawPeer.handshake)
        peer.say(zmtpFrame([4] + Array("PING".utf8) + [0, 10] + Array("context".utf8), flags: 4))
        let pong = zmtpFrame([4] + Array("PONG".utf8) + Array("context".utf8), flags: 4)
        try harness.until("pong") {
            peer.listen()
            return peer.received.suffix(pong.count) == pong[...]
        }
    }

    @Test func theLastWordsOfWhoLeavesAtOnceAreHeard() throws {
        let leaving = harness.join(try place.peer())
        try harness.until("welcome") { leaving.isWelcome }
        leaving.connector.link.say(1)
        // It has gone when it is answered, so the first news of that is that it takes nothing.
        harness.everyTurn = { harness in
            for (handle, _) in harness.received {
                harness.acceptor.link(handle)?.say(1)
                leaving.connector.close(now: MonotonicClock.now)
            }
            harness.received = []
        }
        try harness.until("goodbye") { !harness.closed.isEmpty }
        #expect(harness.lost.isEmpty)
    }

    @Test func theSocketBelongsToItsOwner() throws {
        guard case .ipc(let path) = place.address else { return }
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
}

/// The other implementation of the protocol: libzmq at either end.
@Suite struct InteroperationTests {
    @Test func aDealerOfLibzmqTalksToTheScheduler() throws {
        let place = try Place(.unix)
        let harness = try place.harness()
        let socket = try Socket(.dealer, in: place.context)
        try socket.set(.linger, 0)
        try socket.set(.heartbeatInterval, 20)
        try socket.set(.heartbeatTimeout, 2_000)
        var monitor = try SocketMonitor(of: socket, name: "dealer", context: place.context)
        defer { monitor.stop(socket) }
        try socket.connect(place.address.description)
        let session = SessionID(randomUInt64())
        var part = Message(copying: helloBytes(session: session.rawValue))
        _ = socket.send(&part, more: false)
        try harness.until("welcome") { socket.receive(into: &part) }
        #expect(try part.withBytes { try Handshake(decoding: $0) }.kind == .welcome)
        // A frame with attachments of all sizes comes back.
        let attachments = [0, 1, 255, 256, 70_000, 5 << 20].map {
            [UInt8](repeating: UInt8($0 & 0x7f), count: $0)
        }
        harness.everyTurn = { harness in
            for (handle, frame) in harness.received {
                guard let link = harness.acceptor.link(handle) else { continue }
                link.beginRecord(.accepted)
                for index in 1...frame.attachmentCount { link.attach(part: index, of: frame) }
                link.endRecord()
            }
            harness.received = []
        }
        var frame = ByteWriter()
        frame.frameHeader(
            FrameHeader(kind: .data, session: session, epoch: Epoch(1), number: 1, acknowledged: 0))
        part.refill(frame.bytes)
        _ = socket.send(&part, more: true)
        for (index, bytes) in attachments.enumerated() {
            part.refill(bytes)
            _ = socket.send(&part, more: index + 1 < attachments.count)
        }
        var answer: [[UInt8]] = []
        try harness.until("the answer") {
            while socket.receive(into: &part) { answer.append(part.bytes) }
            return answer.count > attachments.count
        }
        #expect(Array(answer.dropFirst()) == attachments)
        // Its pings are answered, or it would have given up.
        try harness.turn(milliseconds: 300)
        #expect(monitor.next() == .connected)
        #expect(monitor.next() == nil)
    }

    @Test func aConnectorTalksToARouterOfLibzmq() throws {
        let folder = try ScratchFolder()
        let context = Context()
        let router = try Socket(.router, in: context)
        try router.set(.linger, 0)
        try router.set(.heartbeatInterval, 20)
        try router.set(.heartbeatTimeout, 2_000)
        let address = Address.ipc(path: folder.path + "/router.ipc")
        try router.bind(address.description)
        let peer = try Peer(address, context: context)
        // A harness of its own only turns it.
        let harness = try Place(.local).harness()
        harness.join(peer)
        var identity = Message()
        try harness.until("a routing id") { router.receive(into: &identity) }
        var part = Message()
        let isThere = router.receive(into: &part)
        #expect(isThere)
        let hello = try part.withBytes { try Handshake(decoding: $0) }
        #expect(hello.session == peer.connector.session)
        let welcome = Handshake(
            kind: .welcome, role: .scheduler, session: hello.session, epoch: Epoch(4), received: 0, fields: []
        )
        let name = identity.bytes
        _ = router.send(&identity, more: true)
        part.refill(welcome.encoded())
        _ = router.send(&part, more: false)
        try harness.until("welcome") { peer.isWelcome }
        // Long enough for many pings.
        try harness.turn(milliseconds: 300)
        #expect(peer.interruptions == 0)
        peer.connector.link.beginRecord(.submit)
        peer.connector.link.attach([UInt8](repeating: 9, count: 3 << 20))
        peer.connector.link.endRecord()
        var received: [[UInt8]] = []
        try harness.until("a frame with its attachment") {
            while router.receive(into: &part) { received.append(part.bytes) }
            return received.count >= 3
        }
        #expect(received[0] == name && received[2] == [UInt8](repeating: 9, count: 3 << 20))
    }

    @Test func aConnectorSaysWhyItGetsNoAnswer() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/other.sock"
        let harness = try Place(.local).harness()
        let peer = harness.join(try Peer(.ipc(path: path), context: Context()))
        try harness.until("nobody is there") { peer.connector.trouble?.contains("nobody answers") == true }
        let listener = try UnixListener(path: path)
        var others: [RawPeer] = []
        try harness.until("somebody else is there") {
            if let accepted = try? listener.accept() {
                others.append(RawPeer(accepted))
                others.last?.say(Array("220 mail.example.org ESMTP\r\n".utf8))
            }
            return peer.connector.trouble?.contains("is not a scheduler") == true
        }
        #expect(!others.isEmpty && peer.welcomes.isEmpty)
    }
}
