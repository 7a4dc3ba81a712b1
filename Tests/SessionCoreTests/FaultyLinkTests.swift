import SessionCore
import TaskModel
import Testing

/// Two sessions joined by a link that loses, repeats, reorders, delays and cuts. Once the faults stop,
/// everything that was sent has been delivered: once, and in order.
@Suite struct FaultyLinkTests {
    @Test(arguments: 1...200) func everythingArrivesOnceAndInOrder(seed: Int) {
        var pair = Pair(seed: UInt64(seed))
        pair.link.faults = Faults(
            loss: [0, 0.01, 0.2][seed % 3], repetition: [0, 0.1][seed % 2],
            delayMax: .milliseconds([1, 5, 300][seed / 3 % 3]), cut: [0, 0.002, 0.02][seed / 9 % 3])
        pair.run(for: .seconds(20), sending: true)
        pair.link.faults = Faults()
        pair.run(for: .seconds(60), sending: false)
        for end in [pair.client, pair.server] {
            let peer = end.isClient ? pair.server : pair.client
            #expect(!end.hasEnded, "seed \(seed)")
            #expect(end.sent > 0)
            #expect(peer.delivered == end.sent, "seed \(seed): \(peer.delivered) of \(end.sent)")
            #expect(end.session.unacknowledged == 0, "seed \(seed): the last frames are not acknowledged")
        }
    }
}

/// One side: a core and what its shell would keep.
final class End {
    let isClient: Bool
    var session: Session
    var actions: [SessionAction] = []
    /// Contents of the frames that are kept, from `firstKept` on.
    var kept: [UInt64] = []
    var firstKept: UInt64 = 1
    var sent: UInt64 = 0
    var delivered: UInt64 = 0
    /// Which connection it uses; a server that has none ignores frames.
    var connection = 0
    var hasEnded = false

    init(isClient: Bool) {
        self.isClient = isClient
        var policy = SessionPolicy()
        // The test is about loss of frames, not of peers.
        policy.lease = .seconds(1_000)
        policy.handshakeTimeout = .milliseconds(700)
        policy.unacknowledgedFramesMax = 50
        session = Session(
            SessionID(9), side: isClient ? .connecting : .accepting, epoch: Epoch(isClient ? 0 : 1),
            policy: policy, now: .origin)
    }
}

struct Pair {
    let client = End(isClient: true)
    let server = End(isClient: false)
    var link: FaultyLink
    private var now = Instant.origin

    init(seed: UInt64) {
        link = FaultyLink(faults: Faults(), seed: seed)
        absorb(.opened, client)
    }

    mutating func run(for time: Interval, sending: Bool) {
        let end = now + time
        var nextFrame = now
        while now < end {
            let next = min(
                link.nextArrival, client.session.wakeUp, server.session.wakeUp, sending ? nextFrame : end)
            now = max(now, min(next, end))
            for letter in link.take(now: now) { deliver(letter) }
            for side in [client, server] {
                side.session.decide(now: now, into: &side.actions)
                perform(side)
            }
            guard sending && now >= nextFrame else { continue }
            nextFrame = now + .milliseconds(Int64.random(in: 0...20, using: &link.generator))
            let side = link.generator.happens(0.5) ? client : server
            close(Int.random(in: 1...3, using: &link.generator), side)
            if link.generator.happens(link.faults.cut) { absorb(.connectionLost, client) }
        }
    }

    private mutating func close(_ frames: Int, _ side: End) {
        for _ in 0..<frames where !side.session.isBlocked {
            side.sent += 1
            side.kept.append(side.sent)
            absorb(.frameClosed(bytes: 100), side)
        }
    }

    private mutating func deliver(_ letter: Letter) {
        let side = letter.toServer ? server : client
        if letter.toServer {
            if case .helloReceived = letter.event {
                side.connection = letter.connection
            } else if letter.connection != side.connection {
                // A frame over a connection that has not said hello.
                link.send(
                    .refusalReceived(hello: true), isHandshake: true, over: letter.connection,
                    toServer: false,
                    now: now)
                return
            }
        } else if letter.connection != side.connection {
            return
        }
        absorb(letter.event, side, content: letter.content)
    }

    private mutating func absorb(_ event: SessionEvent, _ side: End, content: UInt64 = 0) {
        side.session.absorb(event, now: now, into: &side.actions)
        perform(side, content: content)
    }

    private mutating func perform(_ side: End, content: UInt64 = 0) {
        var index = 0
        while index < side.actions.count {
            perform(side.actions[index], side, content)
            index += 1
        }
        side.actions.removeAll()
        side.session.checkInvariants()
    }

    private mutating func perform(_ action: SessionAction, _ side: End, _ content: UInt64) {
        let received = side.session.received
        let epoch = side.session.epoch
        switch action {
        case .connect: side.connection += 1
        case .sendHello(let received):
            send(.helloReceived(epoch: epoch, received: received, lowest: 1, highest: 1), side, true)
        case .sendWelcome(let received, _):
            let begun = side.session.begun
            send(.welcomeReceived(epoch: epoch, received: received, version: 1, begun: begun), side, true)
        case .sendRefusal: send(.refusalReceived(hello: false), side, true)
        case .transmit(let number):
            let kept = side.kept[Int(number - side.firstKept)]
            let event = SessionEvent.dataReceived(number: number, acknowledged: received, epoch: epoch)
            link.send(event, content: kept, over: side.connection, toServer: side.isClient, now: now)
        case .sendAcknowledge(let last):
            send(.acknowledgeReceived(number: last, acknowledged: received, epoch: epoch), side, false)
        case .sendResend(let first):
            send(.resendReceived(number: first, acknowledged: received, epoch: epoch), side, false)
        case .deliver:
            side.delivered += 1
            precondition(content == side.delivered, "delivered out of order, or twice")
        case .drop(let number):
            side.kept.removeFirst(Int(number + 1 - side.firstKept))
            side.firstKept = number + 1
        case .ask: side.session.absorb(.granted, now: now, into: &side.actions)
        case .ended: side.hasEnded = true
        case .disconnect, .sendGoodbye, .established, .interrupted, .blocked, .unblocked: return
        }
    }

    private mutating func send(_ event: SessionEvent, _ side: End, _ isHandshake: Bool) {
        link.send(event, isHandshake: isHandshake, over: side.connection, toServer: side.isClient, now: now)
    }
}
