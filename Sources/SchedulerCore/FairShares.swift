// How much of the workers' time each session has had: what decides whose task is next.
//
// Stride scheduling (C. Waldspurger and W. Weihl, Stride Scheduling, MIT 1995) with equal tickets: each
// session has a *pass*, the time of slots that it was given; the one with the least pass is served and its
// pass grows by what the task is expected to run. So sessions share time and not turns, however long their
// tasks are. When the attempt ends, what it really ran replaces what was expected.
//
// A session that had nothing ready does not save its share up: it joins at the *virtual time*, which is the
// pass of the session served last. Nor does one fall back for ever whose tasks only a few workers can run:
// it lags by `Limits.fairShareLagMax` at most, lest it shut out others there for as long as it could not
// keep up elsewhere.

import TaskModel

struct FairShares: ~Copyable {
    private struct Share: BitwiseCopyable {
        var pass: Int64 = 0
        /// Time that was charged and not used; the next charges come out of it first.
        var credit: Int64 = 0
    }

    private var shares: [Share] = []
    /// Nanoseconds of slots, as the passes.
    private var virtualTime: Int64 = 0

    mutating func open(_ session: UInt32) {
        while shares.count <= Int(session) { shares.append(Share()) }
        shares[Int(session)] = Share(pass: virtualTime)
    }

    /// The session had nothing ready in some queue, and now it has.
    mutating func join(_ session: UInt32) {
        let pass = max(shares[Int(session)].pass, virtualTime)
        let lagMax = Limits.fairShareLagMax.nanoseconds
        shares[Int(session)].pass = pass
        shares[Int(session)].credit = min(shares[Int(session)].credit, pass - virtualTime + lagMax)
    }

    /// It only grows while the session is open.
    mutating func pass(_ session: UInt32) -> Int64 {
        let least = virtualTime - Limits.fairShareLagMax.nanoseconds
        if shares[Int(session)].pass < least { shares[Int(session)].pass = least }
        return shares[Int(session)].pass
    }

    /// The session is served.
    mutating func charge(_ session: UInt32, _ expected: Interval) {
        virtualTime = max(virtualTime, shares[Int(session)].pass)
        add(session, expected.nanoseconds)
    }

    /// What was charged turns out to have been this.
    mutating func correct(_ session: UInt32, charged: Interval, ran: Interval) {
        let excess = charged.nanoseconds - ran.nanoseconds
        if excess < 0 { return add(session, -excess) }
        // Never more than was charged for what it held at once, since the next charges come out of it.
        shares[Int(session)].credit += excess
    }

    private mutating func add(_ session: UInt32, _ nanoseconds: Int64) {
        let covered = min(shares[Int(session)].credit, nanoseconds)
        shares[Int(session)].credit -= covered
        shares[Int(session)].pass += nanoseconds - covered
    }
}
