// Data frames in both directions: numbers, acknowledgements, gaps, and the bound on what is kept.

import TaskModel

extension Session {
    // MARK: From the owner to the peer

    mutating func frameClosed(_ bytes: Int, _ now: Instant, _ actions: inout [SessionAction]) {
        lastNumber += 1
        kept.append(bytes)
        if phase == .established {
            actions.append(.transmit(lastNumber))
            sentFrame(now)
        }
        let isFull =
            kept.count >= policy.unacknowledgedFramesMax || kept.bytes >= policy.unacknowledgedBytesMax
        if isFull && !isBlocked {
            isBlocked = true
            actions.append(.blocked)
        }
    }

    /// The peer has everything up to `number`.
    mutating func acknowledged(_ number: UInt64, _ actions: inout [SessionAction]) {
        guard number > acknowledged else { return }
        kept.removeFirst(Int(number - acknowledged))
        acknowledged = number
        actions.append(.drop(through: number))
        // Half empty before work is taken on again: else each acknowledgement would wake the owner.
        let hasRoom =
            kept.count <= policy.unacknowledgedFramesMax / 2
            && kept.bytes <= policy.unacknowledgedBytesMax / 2
        if isBlocked && hasRoom {
            isBlocked = false
            actions.append(.unblocked)
        }
    }

    mutating func resend(from number: UInt64, _ now: Instant, _ actions: inout [SessionAction]) {
        let start = max(number, acknowledged + 1)
        guard start <= lastNumber else { return }
        // Requests cross what is already on its way: the same one is served once per delay.
        if let last = lastResend, last.from == start, now < last.at + policy.acknowledgeDelay { return }
        lastResend = (start, now)
        for frame in start...lastNumber { actions.append(.transmit(frame)) }
        sentFrame(now)
    }

    mutating func transmitKept(_ now: Instant, _ actions: inout [SessionAction]) {
        guard acknowledged < lastNumber else { return }
        for frame in (acknowledged + 1)...lastNumber { actions.append(.transmit(frame)) }
        sentFrame(now)
    }

    // MARK: From the peer to the owner

    /// What every frame of a connection tells. False: ignore the frame.
    mutating func hear(
        _ acknowledged: UInt64, _ epoch: Epoch, _ now: Instant, _ actions: inout [SessionAction]
    ) -> Bool {
        guard phase == .established else { return false }
        if epoch < self.epoch { return false }
        if epoch > self.epoch {
            // A newer leader answers here: it must learn who this is. An accepting side that is told of a
            // newer epoch is the old leader, and has nothing more to say.
            if side == .connecting { greetAgain(now, &actions) }
            return false
        }
        lastHeard = max(lastHeard, now)
        guard acknowledged <= lastNumber else {
            if side == .accepting { actions.append(.sendRefusal(.malformed)) }
            end(.malformed, &actions)
            return false
        }
        self.acknowledged(acknowledged, &actions)
        return true
    }

    mutating func data(_ number: UInt64, _ now: Instant, _ actions: inout [SessionAction]) {
        if number > received + 1 {
            requestResend(now, &actions)
        } else if number <= received {
            acknowledgeDue = now
        } else {
            received = number
            actions.append(.deliver)
            unreported += 1
            if unreported >= policy.acknowledgeFrames {
                acknowledge(now, &actions)
            } else if acknowledgeDue == .distantFuture {
                acknowledgeDue = now + policy.acknowledgeDelay
            }
        }
    }

    mutating func requestResend(_ now: Instant, _ actions: inout [SessionAction]) {
        let wanted = received + 1
        if let last = lastRequest, last.from == wanted, now < last.at + policy.heartbeat { return }
        lastRequest = (wanted, now)
        actions.append(.sendResend(from: wanted))
        sentFrame(now)
    }

    mutating func acknowledge(_ now: Instant, _ actions: inout [SessionAction]) {
        actions.append(.sendAcknowledge(last: lastNumber))
        sentFrame(now)
    }

    /// Every frame carries the acknowledgement and is a sign of life.
    mutating func sentFrame(_ now: Instant) {
        lastSent = now
        unreported = 0
        acknowledgeDue = .distantFuture
    }
}
