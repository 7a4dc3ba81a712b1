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
    @Test(arguments: Transport.allCases) func recordsGoBothWays(over transport: Transport) throws {
        let place = try Place(transport)
        let harness = try place.harness { $0.epoch = Epoch(3) }
        let peer = harness.join(try place.peer())
        peer.connector.link.say(1)
        peer.connector.link.say(2)
        try harness.until("welcome") { peer.isWelcome && !harness.received.isEmpty }
        #expect(peer.welcomes[0].welcome.epoch == Epoch(3))
        #expect(peer.welcomes[0].welcome.fields["tasks"]?.unsigned == 7)
        #expect(
            peer.welcomes[0].welcome.fields["lease_ms"]?.unsigned == (transport == .unix ? 15_000 : 60_000))
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

    @Test(arguments: Transport.allCases) func attachmentsOfAnySizeArriveWithTheirRecords(
        over transport: Transport
    ) throws {
        let place = try Place(transport)
        let harness = try place.harness()
        let peer = harness.join(try place.peer())
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

    @Test(arguments: Transport.allCases) func payloadsArePassedOnWithTheirAttachments(
        over transport: Transport
    ) throws {
        let place = try Place(transport)
        let harness = try place.harness()
        let client = harness.join(try place.peer())
        let worker = harness.join(try place.peer(role: .worker))
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

    @Test(arguments: Transport.allCases) func largeTurnsAreCutIntoFrames(over transport: Transport) throws {
        let place = try Place(transport)
        let harness = try place.harness()
        let peer = harness.join(try place.peer())
        for number in 1...100_000 as ClosedRange<UInt64> { peer.connector.link.say(number) }
        try harness.until("all") {
            harness.received.reduce(0) { $0 + Int($1.frame.header.records) } == 100_000
        }
        #expect(try harness.received.flatMap { try $0.frame.numbers() } == Array(1...100_000))
        #expect(harness.received.allSatisfy { $0.frame.byteCount(of: 0) <= Limits.frameBytesMax + 16 })
    }

    @Test(arguments: Transport.allCases) func aRefusalNamesWhatDiffers(over transport: Transport) throws {
        let place = try Place(transport)
        let harness = try place.harness()
        harness.answer = { harness, handle in
            harness.acceptor.refuse(
                handle, .python, field: "python", message: "workers have 3.12", now: MonotonicClock.now)
        }
        let peer = harness.join(try place.peer())
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

    @Test(arguments: Transport.breakable) func aRestartedSchedulerStartsTheSessionAnew(
        over transport: Transport
    ) throws {
        let place = try Place(transport)
        let peer: Peer
        do {
            let first = try place.harness()
            peer = first.join(try place.peer(role: .worker))
            first.answer = { harness, handle in
                harness.acceptor.welcome(handle, fields: [], now: MonotonicClock.now)
                harness.acceptor.link(handle)?.say(7)
            }
            for number in 1...100 as ClosedRange<UInt64> { peer.connector.link.say(number) }
            try first.until("both have heard") { !first.received.isEmpty && !peer.received.isEmpty }
        }
        let second = try place.harness()
        second.join(peer)
        try second.until("refusal") { !peer.refusals.isEmpty }
        #expect(peer.refusals[0].code == "session")
        peer.connector.restart(session: SessionID(randomUInt64()), fields: [], now: MonotonicClock.now)
        peer.connector.link.say(1)
        try second.until("frame of the new session") { !second.received.isEmpty }
        #expect(try second.received[0].frame.numbers() == [1])
        #expect(peer.welcomes.last?.resumed == false)
    }

    @Test(arguments: Transport.allCases) func goodbyeEndsASessionAtOnce(over transport: Transport) throws {
        let place = try Place(transport)
        let harness = try place.harness()
        let peer = harness.join(try place.peer())
        try harness.until("welcome") { peer.isWelcome }
        peer.connector.link.say(1)
        peer.connector.close(now: MonotonicClock.now)
        try harness.until("goodbye") { !harness.closed.isEmpty }
        #expect(try harness.received.flatMap { try $0.frame.numbers() } == [1])
        #expect(peer.isClosed)
        let other = harness.join(try place.peer())
        try harness.until("welcome") { other.isWelcome }
        harness.acceptor.close(harness.opened[1].handle, now: MonotonicClock.now)
        try harness.until("goodbye of the scheduler") { other.isClosed }
    }

    @Test(arguments: Transport.allCases) func aSilentPeerLosesItsLeaseAndIsToldSo(over transport: Transport)
        throws
    {
        let place = try Place(transport)
        let harness = try place.harness {
            $0.workerLease = .milliseconds(300)
            $0.heartbeat = .milliseconds(50)
        }
        let peer = harness.join(try place.peer(role: .worker))
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

    @Test(arguments: Transport.allCases) func sessionsAreBounded(over transport: Transport) throws {
        let place = try Place(transport)
        let harness = try place.harness { $0.sessionsMax = 1 }
        let first = harness.join(try place.peer())
        try harness.until("welcome") { first.isWelcome }
        let second = harness.join(try place.peer())
        try harness.until("refusal") { !second.refusals.isEmpty }
        #expect(second.refusals[0].code == "limit")
        #expect(first.refusals.isEmpty)
    }

    @Test func aPeerWaitsForItsScheduler() throws {
        let place = try Place(.unix)
        let peer = try place.peer()
        peer.connector.flush(now: MonotonicClock.now)
        let harness = try place.harness()
        harness.join(peer)
        try harness.until("welcome") { peer.isWelcome }
    }

    @Test(arguments: Transport.allCases) func aPeerThatDoesNotReadBlocksItsOwnLinkOnly(
        over transport: Transport
    ) throws {
        let place = try Place(transport)
        let harness = try place.harness { $0.workerLease = .seconds(60) }
        let slow = harness.join(try place.peer(role: .worker))
        let other = harness.join(try place.peer(role: .worker))
        try harness.until("both") { slow.isWelcome && other.isWelcome }
        harness.peers = [other]
        let handle = try #require(harness.opened.first { $0.hello.session == slow.connector.session }).handle
        let link = try #require(harness.acceptor.link(handle))
        // More than the system holds for a socket, in frames of several sizes.
        let filling = [UInt8](repeating: 1, count: 3_000)
        var said: UInt64 = 0
        while !link.isBlocked {
            said += 1
            link.beginRecord(.accepted)
            link.writer.uint64(said)
            link.writer.raw(filling)
            if said % 500 == 0 { link.attach(filling) }
            link.endRecord()
            harness.turn()
        }
        #expect(said >= Limits.unacknowledgedFramesMax)
        other.connector.link.say(1)
        try harness.until("the other one is served") { !harness.received.isEmpty }
        #expect(harness.lost.isEmpty && slow.received.isEmpty)
        harness.peers = [slow, other]
        try harness.until("everything has arrived") { slow.received.count == Int(said) }
        #expect(try slow.received.flatMap { try $0.numbers() } == Array(1...said))
        try harness.until("acknowledgements") { link.isDrained }
        #expect(!link.isBlocked)
    }
}
