import Foundation
import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

func removeTree(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

/// What two sides of a session can rely on when nothing goes wrong.
@Suite struct TalkTests {
    @Test(arguments: ["inproc", "ipc"]) func recordsGoBothWays(transport: String) throws {
        let folder = try ScratchFolder()
        let context = Context()
        let address =
            transport == "ipc"
            ? Address.ipc(path: folder.path + "/scheduler.ipc") : .inproc(name: "scheduler")
        let harness = try Harness(
            AcceptorConfiguration(addresses: [address], epoch: Epoch(3)), context: context)
        let peer = harness.join(try Peer(address, context: context))
        peer.connector.link.say(1)
        peer.connector.link.say(2)
        try harness.until("welcome") { peer.isWelcome && !harness.received.isEmpty }
        #expect(peer.welcomes[0].welcome.epoch == Epoch(3))
        #expect(peer.welcomes[0].welcome.fields["tasks"]?.unsigned == 7)
        #expect(peer.welcomes[0].welcome.fields["lease_ms"]?.unsigned == 15_000)
        #expect(!peer.welcomes[0].resumed)
        #expect(harness.opened[0].hello.fields["name"]?.string == "peer")
        #expect(harness.opened[0].hello.role == .client)
        #expect(try harness.received[0].frame.numbers() == [1, 2])
        let link = try #require(harness.acceptor.link(harness.opened[0].handle))
        link.say(3)
        try harness.until("answer") { !peer.received.isEmpty }
        #expect(try peer.received[0].numbers() == [3])
        try harness.until("acknowledgements") { peer.connector.link.isDrained && link.isDrained }
    }

    @Test func attachmentsOfAnySizeArriveWithTheirRecords() throws {
        let context = Context()
        let address = Address.inproc(name: "scheduler")
        let harness = try Harness(
            AcceptorConfiguration(addresses: [address], epoch: Epoch(1)), context: context)
        let peer = harness.join(try Peer(address, context: context))
        let large = [UInt8]((0..<(20 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let link = peer.connector.link
        link.beginRecord(.cancel)
        link.attach([])
        link.attach([1, 2, 3])
        link.endRecord()
        link.beginRecord(.submit)
        link.appendPayload(.raw, large)
        link.endRecord()
        try harness.until("frame") { !harness.received.isEmpty }
        let frame = harness.received[0].frame
        #expect(frame.attachmentCount == 3)
        #expect(frame.byteCount(of: 1) == 0)
        frame.withBytes(of: 2) { bytes in #expect(bytes.copied(0..<3) == [1, 2, 3]) }
        frame.withBytes(of: 3) { bytes in #expect(bytes.copied(0..<bytes.byteCount) == large) }
        let records = try frame.withBytes(of: 0) { bytes in
            var reader = ByteReader(bytes, at: FrameHeader.bytes)
            let first = try reader.record(attachmentsBefore: 0)
            return [first, try reader.record(attachmentsBefore: first.attachments)]
        }
        #expect(records.map(\.attachments) == [2, 1])
        #expect(records[1].firstAttachment == 2)
    }

    @Test func payloadsArePassedOnWithTheirAttachments() throws {
        let context = Context()
        let address = Address.inproc(name: "scheduler")
        let harness = try Harness(
            AcceptorConfiguration(addresses: [address], epoch: Epoch(1)), context: context)
        let client = harness.join(try Peer(address, context: context))
        let worker = harness.join(try Peer(address, role: .worker, context: context))
        try harness.until("both") { client.isWelcome && worker.isWelcome }
        let bytes = [UInt8](repeating: 5, count: Limits.inlineBytesMax)
        client.connector.link.beginRecord(.submit)
        client.connector.link.appendPayload(.pickle, bytes)
        client.connector.link.endRecord()
        try harness.until("frame") { !harness.received.isEmpty }
        let frame = harness.received[0].frame
        let view = try frame.withBytes(of: 0) { bytes in
            var reader = ByteReader(bytes, at: FrameHeader.bytes + Record.headerBytes)
            return try reader.payload()
        }
        let handle = try #require(harness.opened.first { $0.hello.role == .worker }?.handle)
        let link = try #require(harness.acceptor.link(handle))
        link.beginRecord(.assign)
        link.appendPayload(view, of: frame, firstAttachment: 0)
        link.endRecord()
        try harness.until("assigned") { !worker.received.isEmpty }
        worker.received[0].withBytes(of: 1) { passed in #expect(passed.copied(0..<passed.byteCount) == bytes)
        }
    }

    @Test func largeTurnsAreCutIntoFrames() throws {
        let context = Context()
        let address = Address.inproc(name: "scheduler")
        let harness = try Harness(
            AcceptorConfiguration(addresses: [address], epoch: Epoch(1)), context: context)
        let peer = harness.join(try Peer(address, context: context))
        for number in 1...100_000 as ClosedRange<UInt64> { peer.connector.link.say(number) }
        try harness.until("all") {
            harness.received.reduce(0) { $0 + Int($1.frame.header.records) } == 100_000
        }
        #expect(try harness.received.flatMap { try $0.frame.numbers() } == Array(1...100_000))
        #expect(harness.received.allSatisfy { $0.frame.byteCount(of: 0) <= Limits.frameBytesMax + 16 })
    }

    @Test func aRefusalNamesWhatDiffers() throws {
        let context = Context()
        let address = Address.inproc(name: "scheduler")
        let harness = try Harness(
            AcceptorConfiguration(addresses: [address], epoch: Epoch(1)), context: context)
        harness.answer = { harness, handle in
            harness.acceptor.refuse(
                handle, .python, field: "python", message: "workers have 3.12", now: MonotonicClock.now)
        }
        let peer = harness.join(try Peer(address, context: context))
        try harness.until("refusal") { !peer.refusals.isEmpty }
        let expected = Refusal(code: "python", field: "python", message: "workers have 3.12")
        #expect(peer.refusals == [expected])
        #expect(harness.acceptor.link(harness.opened[0].handle) == nil)
        // The owner may try again with what fits.
        harness.answer = { $0.acceptor.welcome($1, fields: [], now: MonotonicClock.now) }
        peer.connector.restart(session: SessionID(randomUInt64()), fields: [], now: MonotonicClock.now)
        try harness.until("welcome") { peer.isWelcome }
        peer.connector.link.say(1)
        try harness.until("frame of the new session") { !harness.received.isEmpty }
    }

    @Test func aRestartedSchedulerStartsTheSessionAnew() throws {
        let folder = try ScratchFolder()
        let address = Address.ipc(path: folder.path + "/scheduler.ipc")
        let configuration = AcceptorConfiguration(addresses: [address], epoch: Epoch(1))
        let context = Context()
        let peer = try Peer(address, role: .worker, context: context)
        do {
            let first = try Harness(configuration)
            first.join(peer)
            first.answer = { harness, handle in
                harness.acceptor.welcome(handle, fields: [], now: MonotonicClock.now)
                harness.acceptor.link(handle)?.say(7)
            }
            for number in 1...100 as ClosedRange<UInt64> { peer.connector.link.say(number) }
            try first.until("both have heard") { !first.received.isEmpty && !peer.received.isEmpty }
        }
        let second = try Harness(configuration)
        second.join(peer)
        try second.until("refusal") { !peer.refusals.isEmpty }
        #expect(peer.refusals[0].code == "session")
        peer.connector.restart(session: SessionID(randomUInt64()), fields: [], now: MonotonicClock.now)
        peer.connector.link.say(1)
        try second.until("frame of the new session") { !second.received.isEmpty }
        #expect(try second.received[0].frame.numbers() == [1])
        #expect(peer.welcomes.last?.resumed == false)
    }

    @Test func goodbyeEndsASessionAtOnce() throws {
        let context = Context()
        let address = Address.inproc(name: "scheduler")
        let harness = try Harness(
            AcceptorConfiguration(addresses: [address], epoch: Epoch(1)), context: context)
        let peer = harness.join(try Peer(address, context: context))
        try harness.until("welcome") { peer.isWelcome }
        peer.connector.link.say(1)
        peer.connector.close(now: MonotonicClock.now)
        try harness.until("goodbye") { !harness.closed.isEmpty }
        #expect(try harness.received.flatMap { try $0.frame.numbers() } == [1])
        #expect(peer.isClosed)
        let other = harness.join(try Peer(address, context: context))
        try harness.until("welcome") { other.isWelcome }
        harness.acceptor.close(harness.opened[1].handle, now: MonotonicClock.now)
        try harness.until("goodbye of the scheduler") { other.isClosed }
    }

    @Test func aSilentPeerLosesItsLeaseAndIsToldSo() throws {
        let context = Context()
        let address = Address.inproc(name: "scheduler")
        var configuration = AcceptorConfiguration(addresses: [address], epoch: Epoch(1))
        configuration.workerLease = .milliseconds(300)
        configuration.heartbeat = .milliseconds(50)
        let harness = try Harness(configuration, context: context)
        let peer = harness.join(try Peer(address, role: .worker, context: context))
        try harness.until("welcome") { peer.isWelcome }
        // Kept alive by heartbeats for longer than its lease.
        try harness.turn(milliseconds: 600)
        #expect(harness.lost.isEmpty)
        harness.peers = []
        try harness.until("lease") { !harness.lost.isEmpty }
        #expect(harness.lost == [harness.opened[0].handle])
        harness.peers = [peer]
        try harness.until("refusal") { !peer.refusals.isEmpty }
        #expect(peer.refusals[0].code == "session")
    }

    @Test func sessionsAreBounded() throws {
        let context = Context()
        let address = Address.inproc(name: "scheduler")
        var configuration = AcceptorConfiguration(addresses: [address], epoch: Epoch(1))
        configuration.sessionsMax = 1
        let harness = try Harness(configuration, context: context)
        let first = harness.join(try Peer(address, context: context))
        try harness.until("welcome") { first.isWelcome }
        let second = harness.join(try Peer(address, context: context))
        try harness.until("refusal") { !second.refusals.isEmpty }
        #expect(second.refusals[0].code == "limit")
        #expect(first.refusals.isEmpty)
    }

    @Test func aPeerWaitsForItsScheduler() throws {
        let folder = try ScratchFolder()
        let context = Context()
        let address = Address.ipc(path: folder.path + "/scheduler.ipc")
        let peer = try Peer(address, context: context)
        peer.connector.flush(now: MonotonicClock.now)
        let harness = try Harness(
            AcceptorConfiguration(addresses: [address], epoch: Epoch(1)), context: context)
        harness.join(peer)
        try harness.until("welcome") { peer.isWelcome }
    }
}
