import Glibc
import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

/// No bytes on any port do harm: the sender gets a refusal or nothing, and everybody else goes on.
@Suite(.serialized) struct GarbageTests {
    let folder: ScratchFolder
    let harness: Harness
    let context = Context()
    let local: Address
    let bystander: Peer

    init() throws {
        folder = try ScratchFolder()
        try writeNewKeys(folder: folder.path + "/keys")
        local = .ipc(path: folder.path + "/scheduler.ipc")
        harness = try Harness(
            AcceptorConfiguration(
                addresses: [local, .tcp(host: "127.0.0.1", port: 0)],
                keys: SchedulerKeys(readingFolder: folder.path + "/keys"), epoch: Epoch(1)))
        bystander = try Peer(local, context: context)
        harness.join(bystander)
        try harness.until("welcome") { [bystander] in bystander.isWelcome }
    }

    /// The one who was there before is served as if nothing had happened.
    private func expectNoHarm() throws {
        let before = harness.received.count
        bystander.connector.link.say(1)
        try harness.until("the bystander's frame") { harness.received.count > before }
        #expect(bystander.refusals.isEmpty && bystander.interruptions == 0 && harness.lost.isEmpty)
    }

    @Test func randomBytesOnRawTCP() throws {
        guard case .tcp(_, let port) = harness.acceptor.addresses[1] else { return }
        var generator = SystemRandomNumberGenerator()
        let greeting: [UInt8] = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]
        for round in 0..<50 {
            let socket = try tcpSocket()
            try connectToLoopback(socket, port: port)
            var bytes = (0..<Int.random(in: 1...4_000, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            // Some begin as ZeroMQ's own protocol does.
            if round % 3 == 0 { bytes = greeting + Array("CURVE".utf8) + bytes }
            _ = try? socket.write(bytes)
            harness.turn()
        }
        try harness.turn(milliseconds: 100)
        #expect(harness.opened.count == 1)
        try expectNoHarm()
    }

    @Test func malformedMessagesAreRefused() throws {
        let hello = Handshake(
            kind: .hello, role: .client, session: SessionID(5), epoch: Epoch(0), received: 0,
            fields: [Field("name", .string("half"))])
        var header = ByteWriter()
        header.frameHeader(
            FrameHeader(
                kind: .data, records: 1, session: SessionID(6), epoch: Epoch(1), number: 1, acknowledged: 0))
        var wrongMagic = hello.encoded()
        wrongMagic[8] = 0
        var laterVersion = hello.encoded()
        laterVersion[2] = 9
        laterVersion[4] = 9
        var huge = hello.encoded()
        huge[43] = 0xff
        let cases: [(bytes: [UInt8], code: String)] = [
            ([], "malformed"), ([0], "malformed"), ([1], "malformed"), ([9, 9, 9], "malformed"),
            (Array(hello.encoded().dropLast(3)), "malformed"),
            (Array(hello.encoded().prefix(20)), "malformed"),
            (wrongMagic, "malformed"), (huge, "malformed"), (laterVersion, "version"),
            (header.bytes, "session"), (Array(header.bytes.dropLast()), "malformed"),
        ]
        for (bytes, code) in cases {
            let refusal = try answer(to: [bytes])
            #expect(refusal?.fields["code"]?.string == code, "\(bytes.prefix(12))…")
        }
        #expect(harness.opened.count == 1)
        try expectNoHarm()
    }

    @Test func aStrangersSessionIsNotTouchedByWhoGuessesIt() throws {
        var header = ByteWriter()
        header.frameHeader(
            FrameHeader(
                kind: .goodbye, session: bystander.connector.session, epoch: Epoch(1), acknowledged: 0))
        let nothing = try answer(to: [header.bytes], expecting: false)
        #expect(nothing == nil)
        #expect(harness.closed.isEmpty)
        try expectNoHarm()
    }

    @Test func randomMessagesWithManyParts() throws {
        var generator = SystemRandomNumberGenerator()
        let socket = try Socket(.dealer, in: context)
        try socket.set(.linger, 0)
        try socket.connect(local.description)
        for _ in 0..<300 {
            let parts = Int.random(in: 1...5, using: &generator)
            for part in 1...parts {
                var bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                if part == 1 && !bytes.isEmpty { bytes[0] = UInt8.random(in: 0...1, using: &generator) }
                var message = Message(copying: bytes)
                _ = socket.send(&message, more: part < parts)
            }
        }
        var message = Message(copying: [1])
        for part in 1...5_000 {
            _ = socket.send(&message, more: part < 5_000)
            message.refill([0])
        }
        try harness.until("they are counted") { harness.acceptor.counters.malformed >= 301 }
        try expectNoHarm()
    }

    /// Sends one message from a connection of its own and returns the refusal that comes back.
    private func answer(to parts: [[UInt8]], expecting: Bool = true) throws -> Handshake? {
        let socket = try Socket(.dealer, in: context)
        try socket.set(.linger, 0)
        try socket.connect(local.description)
        for (index, part) in parts.enumerated() {
            var message = Message(copying: part)
            _ = socket.send(&message, more: index + 1 < parts.count)
        }
        var answer = Message()
        var isAnswered = false
        if expecting {
            try harness.until("an answer to \(parts[0].prefix(12))…") {
                if !isAnswered { isAnswered = socket.receive(into: &answer) }
                return isAnswered
            }
        } else {
            try harness.turn(milliseconds: 200)
            isAnswered = socket.receive(into: &answer)
        }
        return isAnswered ? try answer.withBytes { try Handshake(decoding: $0) } : nil
    }
}
