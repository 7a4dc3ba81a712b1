import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

/// The connection breaks and comes back: nothing is lost, nothing comes twice, nothing is out of order.
@Suite(.serialized) struct BrokenConnectionTests {
    @Test(arguments: Transport.breakable) func aHundredThousandFramesSurviveBeingCut(
        over transport: Transport
    ) throws {
        let cluster = try ProxiedCluster(over: transport)
        let (harness, peer, proxy) = (cluster.harness, cluster.peer, cluster.proxy)
        try harness.until("welcome") { peer.isWelcome }
        let total: UInt64 = 100_000
        var said: UInt64 = 0
        var heard: UInt64 = 0
        var answered: UInt64 = 0
        var nextCut: UInt64 = 5_000
        harness.everyTurn = { harness in
            for (handle, frame) in harness.received {
                for number in (try? frame.numbers()) ?? [] {
                    heard += 1
                    precondition(number == heard, "frame \(number) came after \(heard - 1)")
                    if number % 10 == 0 { harness.acceptor.link(handle)?.say(number) }
                }
            }
            harness.received = []
            for frame in peer.received {
                for number in (try? frame.numbers()) ?? [] {
                    answered += 10
                    precondition(number == answered, "answer \(number) came after \(answered - 10)")
                }
            }
            peer.received = []
            // One record in each frame.
            for _ in 0..<100 where said < total && !peer.connector.link.isBlocked {
                said += 1
                peer.connector.link.say(said)
                peer.connector.flush(now: MonotonicClock.now)
            }
            if heard > nextCut {
                nextCut += 5_000
                proxy.cut()
            }
        }
        try harness.until(seconds: 120, "all frames and all answers") { heard == total && answered == total }
        #expect(proxy.cuts >= 10)
        #expect(peer.interruptions >= 10)
        #expect(harness.lost.isEmpty && harness.opened.count == 1)
        try harness.until("acknowledgements") { peer.connector.link.isDrained }
    }

    @Test(arguments: Transport.breakable) func aLargeAttachmentSurvivesBeingCut(over transport: Transport)
        throws
    {
        let cluster = try ProxiedCluster(over: transport)
        let (harness, peer, proxy) = (cluster.harness, cluster.peer, cluster.proxy)
        try harness.until("welcome") { peer.isWelcome }
        let bytes = [UInt8]((0..<(64 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 8) })
        let link = peer.connector.link
        link.beginRecord(.submit)
        link.attach(bytes)
        link.endRecord()
        peer.connector.flush(now: MonotonicClock.now)
        proxy.cut()
        try harness.until("the connection is cut") { peer.interruptions > 0 }
        try harness.until("frame") { !harness.received.isEmpty }
        harness.received[0].frame.withBytes(of: 1) { received in
            #expect(received.copied(0..<received.byteCount) == bytes)
        }
        #expect(harness.resumed.count == 1)
    }

    @Test(arguments: Transport.breakable) func aLongOutageIsSurvivedWithinTheLease(over transport: Transport)
        throws
    {
        let cluster = try ProxiedCluster(over: transport)
        let (harness, peer, proxy) = (cluster.harness, cluster.peer, cluster.proxy)
        try harness.until("welcome") { peer.isWelcome }
        proxy.refuse(true)
        proxy.cut()
        try harness.until("interruption") { peer.interruptions > 0 }
        peer.connector.link.say(1)
        try harness.turn(milliseconds: 700)
        #expect(harness.received.isEmpty)
        proxy.refuse(false)
        try harness.until("resume") { !harness.received.isEmpty }
        #expect(peer.welcomes.last?.resumed == true)
    }
}

/// A scheduler and a worker that reaches it through a proxy.
private struct ProxiedCluster {
    private let place: Place
    let harness: Harness
    let peer: Peer
    let proxy: CuttingProxy

    init(over transport: Transport) throws {
        place = try Place(transport)
        // Long enough for a slow machine: these tests are about connections, not about leases.
        harness = try place.harness { $0.workerLease = .seconds(60) }
        proxy = try CuttingProxy(to: place.address)
        peer = harness.join(try place.peer(role: .worker, at: proxy.address))
    }
}
