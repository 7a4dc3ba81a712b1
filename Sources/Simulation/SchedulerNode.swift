// The scheduler around its core: the same turn, the same order of actions and the same tables as the
// product's loop (SchedulerServer), with values instead of bytes.

import SchedulerCore
import SessionCore
import TaskModel

final class SchedulerNode: Node {
    var core = Scheduler()
    var actions: [Action] = []
    private var running: [Action] = []
    var inbox: [(frame: Frame, connection: Int)] = []

    var entries: [SchedulerEntry?] = []
    private var freeEntries: [Int] = []
    /// When the session of each entry wants to be looked at: thousands of them are looked through often.
    private var wakeUps: [Instant] = []
    var entryOf: [SessionID: Int] = [:]
    var clients: [SchedulerEntry?] = []
    var workers: [SchedulerEntry?] = []
    /// Workers that count as dead, in case they come back.
    var departed: [NodeProcess: WorkerSlot] = [:]
    /// Entries that may have something to send.
    var touched: [Int] = []
    var scanDue = Instant.distantFuture
    private var mercyUntil = Instant.origin
    private var plannedScan = Instant.distantFuture

    var requirements = RequirementNumbers()
    var slab = Slab()
    /// Tasks without an outcome, by their functions.
    var uses: [Definition: Int] = [:]
    var store = VirtualStore()
    var toDrain: [SessionID] = []
    private var acceptDue = Instant.distantFuture
    private var turns = 0
    /// True time of the last turn that is over.
    private(set) var turnBefore = Instant.origin
    var dependencies: [TaskSlot] = []
    private(set) var policy = SessionPolicy()

    func begin(_ setting: Setting) {
        policy = setting.policy
        core.dropsPerTurnMax = setting.dropsPerTurnMax
        core.sentValueBytesMax = setting.heldValuesBytesMax / 2
        core.strategy = setting.strategy
        core.unservableGrace = setting.unservableGrace
    }

    // MARK: The turn

    override func takeTurn() {
        let now = localNow
        defer { turnBefore = world.now }
        if plannedScan != .distantFuture, now > plannedScan + policy.heartbeat {
            // The loop itself was not looking: what its peers sent may still lie before it.
            mercyUntil = now + policy.heartbeat * 2
        }
        plannedScan = .distantFuture
        let frames = inbox
        inbox.removeAll(keepingCapacity: true)
        for (frame, connection) in frames { take(frame, over: connection, now) }
        for session in toDrain {
            guard let worker = core.worker(session) else { continue }
            world.auditor.drained(session)
            core.drainWorker(worker, into: &actions)
        }
        toDrain.removeAll()
        settle(now)
        core.decide(now: now, into: &actions)
        settle(now)
        planStore()
        sendLists(now)
        flush(now)
        check()
        plannedScan = scanDue
        if touched.contains(where: { entries[$0]?.hasMail == true }) { wake() }
        turn(byLocal: min(core.wakeUp ?? .distantFuture, min(scanDue, acceptDue)))
    }

    /// Runs what the core asks for, and tells it what the store has taken, until both are quiet.
    func settle(_ now: Instant) {
        while true {
            runActions(now)
            guard store.hasNews else { return }
            let recorded = store.takeNews(world.auditor)
            core.absorb(.recorded(upTo: recorded), now: now, into: &actions)
        }
    }

    func runActions(_ now: Instant) {
        while !actions.isEmpty {
            swap(&actions, &running)
            for position in running.indices { run(running[position], now) }
            running.removeAll(keepingCapacity: true)
        }
    }

    /// Runs the first `count` of the waiting actions only.
    func runActions(first count: Int, _ now: Instant) {
        let due = Array(actions[..<count])
        actions.removeFirst(count)
        for action in due { run(action, now) }
    }

    private func planStore() {
        guard let number = store.handOver() else { return }
        let delay = world.random.interval(.zero, world.faults.storeDelayMax)
        store.busyUntil = max(world.now + delay, store.busyUntil)
        world.queue.plan(.stored(upTo: number), at: store.busyUntil)
    }

    func stored(upTo number: UInt64) {
        store.confirm(number)
        wake()
    }

    // MARK: Sending

    func touch(_ entry: SchedulerEntry) {
        if entry.isTouched { return }
        entry.isTouched = true
        touched.append(entry.place)
    }

    /// An acceptance alone waits a little for an outcome with which it can travel.
    func expectAccept(_ now: Instant) { acceptDue = min(acceptDue, now + Limits.acceptDelay) }

    private func sendLists(_ now: Instant) {
        let isDue = now >= acceptDue
        var isWaiting = false
        for place in touched {
            guard let entry = entries[place] else { continue }
            if entry.acceptedUpTo > entry.acceptedSent {
                if isDue || entry.hasMail {
                    entry.acceptedSent = entry.acceptedUpTo
                    world.auditor.acceptLeft(entry.session, upTo: entry.acceptedUpTo)
                    entry.link.outgoing.append(.accepted(upTo: entry.acceptedUpTo))
                } else {
                    isWaiting = true
                }
            }
            entry.link.outgoing += entry.late
            entry.late.removeAll(keepingCapacity: true)
            forgetValues(entry)
        }
        if !isWaiting { acceptDue = .distantFuture }
    }

    private func flush(_ now: Instant) {
        var waiting: [Int] = []
        // What is touched meanwhile (a session ends, and frees others of their wait) leaves in the next turn.
        let due = touched
        touched.removeAll(keepingCapacity: true)
        for place in due {
            guard let entry = entries[place] else { continue }
            entry.isTouched = false
            entry.link.closeFrame(now: now)
            runSession(entry, now)
            if entry.acceptedUpTo > entry.acceptedSent { waiting.append(place) }
        }
        for place in waiting { if let entry = entries[place] { touch(entry) } }
        if now >= scanDue { scan(now) }
    }

    private func scan(_ now: Instant) {
        scanDue = .distantFuture
        for place in entries.indices {
            if wakeUps[place] <= now, let entry = entries[place] {
                if entry.link.session.leaseEnd <= now, now < mercyUntil {
                    scanDue = min(scanDue, mercyUntil)
                    continue
                }
                entry.link.decide(now: now)
                runSession(entry, now)
            }
            scanDue = min(scanDue, wakeUps[place])
        }
        // A loop with thousands of sessions does not turn for each of them alone.
        scanDue = max(scanDue, now + .milliseconds(1))
    }

    // MARK: Entries

    func insert(_ entry: SchedulerEntry) {
        if let place = freeEntries.popLast() {
            entry.place = place
            entries[place] = entry
        } else {
            entry.place = entries.count
            entries.append(entry)
            wakeUps.append(.distantFuture)
        }
        noteWakeUp(of: entry)
        entryOf[entry.session] = entry.place
    }

    /// Its session has changed.
    func noteWakeUp(of entry: SchedulerEntry) {
        if entries[entry.place] === entry { wakeUps[entry.place] = entry.link.session.wakeUp }
    }

    func remove(_ entry: SchedulerEntry) {
        if let connection = entry.connection { world.network.use(connection, by: nil) }
        entry.connection = nil
        entries[entry.place] = nil
        wakeUps[entry.place] = .distantFuture
        entryOf[entry.session] = nil
        freeEntries.append(entry.place)
    }

    func move(_ entry: SchedulerEntry, to connection: Int?) {
        if let old = entry.connection { world.network.use(old, by: nil) }
        entry.connection = connection
        if let connection { world.network.use(connection, by: entry.place) }
    }

    // MARK: Checks

    private func check() {
        turns += 1
        guard turns % world.checkInterval == 0 else { return }
        if let broken = core.checkInvariants() {
            world.complain("the scheduler core's invariants: \(broken)", nil)
        }
        for case let entry? in entries { entry.link.session.checkInvariants() }
    }

    /// What is left in the tables when nothing should be, in words.
    func leftovers() -> String? {
        let status = core.status()
        if status.waiting + status.ready + status.held + status.kept > 0 {
            return "the scheduler still knows \(status.waiting) waiting, \(status.ready) ready, "
                + "\(status.held) held and \(status.kept) kept tasks"
        }
        let values = core.heldValueCounts.values
        if values > 0 { return "the scheduler still counts with \(values) large values" }
        if slab.count > 0 { return "the scheduler still keeps the payloads of \(slab.count) tasks" }
        if status.sessions > 0, world.isClosing { return "\(status.sessions) client sessions are still open" }
        if core.indexPages > 0, world.isClosing { return "\(core.indexPages) pages of sequences are in use" }
        return nil
    }
}

/// One life of one node.
struct NodeProcess: Hashable, BitwiseCopyable {
    let node: Int
    let life: Int
}

/// One session of the scheduler.
final class SchedulerEntry {
    enum Peer {
        case asking
        case client(SessionSlot)
        case worker(WorkerSlot)
    }

    let session: SessionID
    let node: Int
    /// Which process of its node it is, as it says.
    let life: Int
    var link: Link
    var place = 0
    var connection: Int?
    var peer = Peer.asking
    var isTouched = false
    /// True time of the last frame that its session has heard.
    var lastArrival = Instant.origin

    var acceptedUpTo: UInt64 = 0
    var acceptedSent: UInt64 = 0
    /// Leave behind everything else of the turn.
    var late: [Record] = []
    /// The same for values that a worker need not hold.
    var forgottenValues: [TaskID] = []
    /// What a worker was told of sessions.
    var introduced: [SessionID: Introduced] = [:]
    /// Outcomes that wait until the link takes more.
    var deferred: [TaskSlot] = []

    var process: NodeProcess { NodeProcess(node: node, life: life) }

    var hasMail: Bool { !link.outgoing.isEmpty || !late.isEmpty || !forgottenValues.isEmpty }

    init(_ session: SessionID, node: Int, life: Int, link: consuming Link) {
        self.session = session
        self.node = node
        self.life = life
        self.link = link
    }
}
