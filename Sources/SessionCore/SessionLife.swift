// The life of a session: handshake, loss of the connection, resume, end.

import TaskModel

extension Session {
    // MARK: Connecting side

    mutating func open(_ now: Instant) {
        precondition(side == .connecting && phase == .idle, "a session is opened once, by who connects")
        phase = .waiting(until: now)
    }

    mutating func greet(_ now: Instant, _ actions: inout [SessionAction]) {
        actions.append(.connect)
        actions.append(.sendHello(received: received))
        phase = .greeting(deadline: now + policy.handshakeTimeout)
    }

    /// Over the same connection: the peer does not know who is behind it.
    mutating func greetAgain(_ now: Instant, _ actions: inout [SessionAction]) {
        actions.append(.sendHello(received: received))
        phase = .greeting(deadline: now + policy.handshakeTimeout)
    }

    mutating func welcome(
        _ epoch: Epoch, _ received: UInt64, _ version: UInt16, _ begun: UInt64, _ now: Instant,
        _ actions: inout [SessionAction]
    ) {
        guard case .greeting = phase, epoch >= self.epoch else { return }
        guard version >= policy.lowestVersion, version <= policy.highestVersion else {
            actions.append(.sendGoodbye)
            actions.append(.disconnect)
            return end(.refused, &actions)
        }
        // A peer that has let go of the session would take what is sent again for new: a task that must not
        // start twice might. And what was acknowledged is no longer kept, so a peer that lacks it cannot be
        // served.
        guard !wasEstablished || begun == self.begun, received >= acknowledged, received <= lastNumber else {
            actions.append(.sendGoodbye)
            actions.append(.disconnect)
            return end(.forgotten, &actions)
        }
        self.epoch = epoch
        self.begun = begun
        let resumed = wasEstablished
        establish(now)
        establishedAt = now
        acknowledged(received, &actions)
        actions.append(.established(resumed: resumed))
        transmitKept(now, &actions)
    }

    mutating func refusal(_ hello: Bool, _ now: Instant, _ actions: inout [SessionAction]) {
        guard hello else {
            actions.append(.disconnect)
            return end(.refused, &actions)
        }
        // Several may come, one for each frame that was on its way before the hello.
        if phase == .established { greetAgain(now, &actions) }
    }

    /// Leaves the connection and comes back after a delay that grows with each failure.
    mutating func retreat(_ now: Instant, _ actions: inout [SessionAction]) {
        if phase == .established {
            actions.append(.interrupted)
            // A connection that ends as soon as it is used (by a message for which there is no memory) would
            // be made again and again without a pause, if each welcome were taken for a success.
            if now >= establishedAt + policy.heartbeat { reconnects = 0 }
        }
        actions.append(.disconnect)
        let doubled = policy.reconnectDelayMin * (1 << Int64(min(reconnects, 16)))
        let delay = min(doubled, policy.reconnectDelayMax)
        // Between half and all of it, so that a thousand workers do not come back in the same millisecond.
        let share = Int64(mixed(id.rawValue &+ reconnects) & 1_023)
        reconnects += 1
        phase = .waiting(until: now + Interval(nanoseconds: delay.nanoseconds / 2 / 1_023 * (1_023 + share)))
    }

    // MARK: Accepting side

    mutating func hello(
        _ epoch: Epoch, _ received: UInt64, _ lowest: UInt16, _ highest: UInt16, _ now: Instant,
        _ actions: inout [SessionAction]
    ) {
        precondition(side == .accepting, "only who accepts is greeted")
        guard lowest <= policy.highestVersion, highest >= policy.lowestVersion else {
            return refuse(.version, .refused, &actions)
        }
        guard epoch <= self.epoch else { return refuse(.epoch, .refused, &actions) }
        lastHeard = max(lastHeard, now)
        switch phase {
        case .idle:
            guard received == 0 else { return refuse(.session, .forgotten, &actions) }
            phase = .asked
            actions.append(.ask)
        case .asked:
            return
        case .established, .detached:
            guard received >= acknowledged, received <= lastNumber else {
                // A peer that lost its state, or a hello that was overtaken by that of a later connection.
                // The former starts a new session, and this one ends with its lease; the latter's frames
                // come over a connection that is asked to say hello again.
                actions.append(.sendRefusal(.session))
                phase = .detached
                return
            }
            establish(now)
            acknowledged(received, &actions)
            actions.append(.sendWelcome(received: self.received, resumed: true))
            actions.append(.established(resumed: true))
            transmitKept(now, &actions)
        case .waiting, .greeting, .ended:
            preconditionFailure("not a phase of the accepting side, or over")
        }
    }

    mutating func grant(_ now: Instant, _ actions: inout [SessionAction]) {
        precondition(phase == .asked, "granted without having been asked")
        establish(now)
        actions.append(.sendWelcome(received: received, resumed: false))
        actions.append(.established(resumed: false))
        transmitKept(now, &actions)
    }

    private mutating func refuse(
        _ fault: SessionFault, _ ending: SessionEnding, _ actions: inout [SessionAction]
    ) {
        actions.append(.sendRefusal(fault))
        end(ending, &actions)
    }

    // MARK: Both

    private mutating func establish(_ now: Instant) {
        phase = .established
        wasEstablished = true
        lastHeard = max(lastHeard, now)
        lastRequest = nil
        lastResend = nil
        sentFrame(now)
    }

    mutating func loseConnection(_ now: Instant, _ actions: inout [SessionAction]) {
        switch phase {
        case .greeting:
            retreat(now, &actions)
        case .established:
            switch side {
            case .connecting: retreat(now, &actions)
            case .accepting:
                phase = .detached
                if policy.isPatient { lastHeard = max(lastHeard, now) }
                actions.append(.interrupted)
            }
        case .idle, .waiting, .asked, .detached, .ended:
            return
        }
    }

    mutating func close(_ actions: inout [SessionAction]) {
        if phase == .established { actions.append(.sendGoodbye) }
        if side == .connecting { actions.append(.disconnect) }
        end(.closed, &actions)
    }

    mutating func end(_ ending: SessionEnding, _ actions: inout [SessionAction]) {
        phase = .ended
        kept.removeAll()
        acknowledged = lastNumber
        actions.append(.ended(ending))
    }
}

/// Spreads neighbouring numbers over all bits (the finaliser of SplitMix64).
private func mixed(_ number: UInt64) -> UInt64 {
    var bits = (number ^ (number >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
}
