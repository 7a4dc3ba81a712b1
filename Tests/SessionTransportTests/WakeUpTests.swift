import Posix
import SessionTransport
import Synchronization
import TaskModel
import Testing
import Wire
import ZeroMQ

/// Two loops, each in its thread, that sleep until their descriptor or `wakeUp` says so.
@Suite struct WakeUpTests {
    private static let rounds: UInt64 = 3_000

    /// A wake-up that is lost costs the time until the next acknowledgement, which no scheduling explains.
    @Test(arguments: Transport.allCases) func noWakeUpIsLost(over transport: Transport) throws {
        let place = try Place(transport)
        let deadline = MonotonicClock.now + .seconds(60)
        let isDone = Atomic(false)
        let acceptor = try place.harness().acceptor
        let peer = try Caller(place, rounds: Self.rounds, deadline: deadline)
        while MonotonicClock.now < deadline, !isDone.load(ordering: .relaxed) {
            try turn(acceptor, isDone, until: deadline)
        }
        #expect(peer.join() == Self.rounds)
    }

    /// Answers each record with the same number.
    private func turn(_ acceptor: Acceptor, _ isDone: borrowing Atomic<Bool>, until deadline: Instant) throws
    {
        var poller = try Poller()
        try poller.watch(acceptor.pollDescriptor, token: 0)
        while !isDone.load(ordering: .relaxed) {
            let now = MonotonicClock.now
            while let event = acceptor.next(now: now) {
                switch event {
                case .opened(let handle, _): acceptor.welcome(handle, fields: [], now: now)
                case .received(let handle, let frame):
                    for number in try frame.numbers() { acceptor.link(handle)?.say(number) }
                case .closed, .lost: isDone.store(true, ordering: .relaxed)
                case .resumed, .unblocked, .troubled: break
                }
            }
            acceptor.flush(now: now)
            if now >= deadline { return }
            if acceptor.wakeUp > now { _ = try poller.wait(until: min(acceptor.wakeUp, deadline), now: now) }
        }
    }
}

/// A thread that says a number, waits for it to come back, and says the next one.
private final class Caller {
    private var thread: OSThread?
    private let count: Count

    private final class Count: Sendable {
        let answered = Mutex<UInt64>(0)
    }

    init(_ place: Place, rounds: UInt64, deadline: Instant) throws {
        let count = Count()
        self.count = count
        let (configuration, context) = (try place.configuration(), place.context)
        thread = try OSThread(name: "caller") {
            do {
                let peer = try Peer(configuration, context: context)
                var poller = try Poller()
                try poller.watch(peer.connector.pollDescriptor, token: 0)
                peer.connector.link.say(1)
                var answered: UInt64 = 0
                while answered < rounds, MonotonicClock.now < deadline {
                    let now = MonotonicClock.now
                    peer.take()
                    for frame in peer.received {
                        for number in try frame.numbers() where number == answered + 1 {
                            answered = number
                            peer.connector.link.say(number + 1)
                        }
                    }
                    peer.received.removeAll()
                    peer.connector.flush(now: now)
                    let next = min(peer.connector.wakeUp, deadline)
                    if next > now && answered < rounds { _ = try poller.wait(until: next, now: now) }
                }
                peer.connector.close(now: MonotonicClock.now)
                count.answered.withLock { $0 = answered }
            } catch {
                Issue.record(error)
            }
        }
    }

    deinit { thread.take()?.join() }

    func join() -> UInt64 {
        thread.take()?.join()
        return count.answered.withLock { $0 }
    }
}

/// Names within a process.
@Suite struct LocalAddressTests {
    private let address = Address.inproc(name: "scheduler")

    private func harness(_ context: Context) throws -> Harness {
        try Harness(AcceptorConfiguration(addresses: [address], epoch: Epoch(1)), context: context)
    }

    @Test func aPeerMayComeBeforeTheScheduler() throws {
        let context = Context()
        let peer = try Peer(address, context: context)
        peer.connector.flush(now: MonotonicClock.now)
        let harness = try harness(context)
        harness.join(peer)
        try harness.until("welcome") { peer.isWelcome }
    }

    @Test func aNameHasOneScheduler() throws {
        let context = Context()
        let first = try harness(context)
        #expect(throws: TransportError.self) { try harness(context) }
        // Another context has names of its own.
        let other = try harness(Context())
        withExtendedLifetime((first, other)) {}
    }

    @Test func aNameIsFreeAgainWhenItsSchedulerHasGone() throws {
        let context = Context()
        let peer = try Peer(address, context: context)
        do {
            let first = try harness(context)
            first.join(peer)
            try first.until("welcome") { peer.isWelcome }
        }
        let second = try harness(context)
        second.join(peer)
        peer.connector.link.say(1)
        try second.until("its session is unknown") { peer.refusals.first?.code == "session" }
    }
}
