// One side of one session: the core, the frames that it keeps for its peer, and the records of the frame
// that is being written. What the shells of the product do with bytes, this does with values.

import SessionCore
import TaskModel

struct Link: ~Copyable {
    var session: Session
    /// Records that leave with the flush at the end of the turn.
    var outgoing: [Record] = []
    var actions: [SessionAction] = []
    private var kept: [[Record]] = []
    private var firstKept: UInt64 = 1

    init(_ session: consuming Session) { self.session = session }

    /// Everything written has been acknowledged.
    var isDrained: Bool { outgoing.isEmpty && session.unacknowledged == 0 }

    var isBlocked: Bool { session.isBlocked }
    var wakeUp: Instant { session.wakeUp }

    mutating func absorb(_ event: SessionEvent, now: Instant) {
        session.absorb(event, now: now, into: &actions)
    }

    mutating func decide(now: Instant) { session.decide(now: now, into: &actions) }

    /// Closes the frame that is being written, if it has anything in it.
    mutating func closeFrame(now: Instant) {
        guard !outgoing.isEmpty else { return }
        guard !session.hasEnded else {
            outgoing.removeAll()
            return
        }
        kept.append(outgoing)
        session.absorb(.frameClosed(bytes: 64 * outgoing.count), now: now, into: &actions)
        outgoing.removeAll()
    }

    mutating func drop(through number: UInt64) {
        guard number >= firstKept else { return }
        kept.removeFirst(Int(number - firstKept + 1))
        firstKept = number + 1
    }

    mutating func forgetFrames() {
        outgoing.removeAll()
        firstKept += UInt64(kept.count)
        kept.removeAll()
    }

    func dataFrame(_ number: UInt64) -> Frame {
        Frame(
            session: session.id,
            kind: .data(number, acknowledged: session.received, epoch: session.epoch),
            records: kept[Int(number - firstKept)])
    }

    func acknowledgement(_ last: UInt64) -> Frame {
        Frame(
            session: session.id,
            kind: .acknowledge(last, acknowledged: session.received, epoch: session.epoch))
    }

    func resendRequest(_ first: UInt64) -> Frame {
        Frame(
            session: session.id, kind: .resend(first, acknowledged: session.received, epoch: session.epoch))
    }

    func goodbye() -> Frame { Frame(session: session.id, kind: .goodbye(epoch: session.epoch)) }
}

extension Frame {
    /// The frame as its session's core sees it; nil for a handshake.
    var event: SessionEvent? {
        switch kind {
        case .hello, .welcome, .refusal: nil
        case .data(let number, let acknowledged, let epoch):
            .dataReceived(number: number, acknowledged: acknowledged, epoch: epoch)
        case .acknowledge(let number, let acknowledged, let epoch):
            .acknowledgeReceived(number: number, acknowledged: acknowledged, epoch: epoch)
        case .resend(let number, let acknowledged, let epoch):
            .resendReceived(number: number, acknowledged: acknowledged, epoch: epoch)
        case .goodbye(let epoch): .goodbyeReceived(epoch: epoch)
        }
    }
}
