// Judges a contest by what executors run and what leaves the scheduler.

import TaskModel

final class Referee {
    private struct Contestant {
        let session: SessionID
        /// Tasks that have not arrived, and those that arrived and are on no worker.
        var missing: Int
        var ready = 0
        /// When the last of its tasks arrived.
        var arrival = Instant.origin
        var hasStarted = false
        var running = 0
        /// Time of slots since all sessions compete.
        var time = Interval.zero
        var placements = 0
    }

    private unowned let world: World
    private let contest: Contest
    private var contestants: [Contestant] = []
    private var starts = 0
    /// While all sessions have something ready.
    private var isRace = false
    private var isDecided = false
    private var clock = Instant.origin
    /// Per worker, what the last one has there, and the others.
    private var spread: [Int]
    private var taken: [Int]

    init(_ contest: Contest, world: World) {
        self.contest = contest
        self.world = world
        spread = [Int](repeating: 0, count: world.workers.count + 1)
        taken = spread
    }

    /// Everybody has come, and what they had has ended, says the world.
    var isComplete: Bool { contestants.count == contest.entries.count }
    private var longest: Interval { contest.entries[0].duration }

    func begin() {
        let early = contest.entries.count - (contest.isLastLate ? 1 : 0)
        for _ in 0..<early { enter() }
    }

    private func enter() {
        let entry = contest.entries[contestants.count]
        let client = world.clients[contestants.count]
        guard let session = client.compete(Contest.spec(of: entry), count: entry.count) else {
            return complain("a client is not there when everything has ended", nil)
        }
        contestants.append(Contestant(session: session, missing: entry.count))
    }

    private func place(of session: SessionID) -> Int? {
        contestants.firstIndex { $0.session == session }
    }

    private var last: Int { contest.entries.count - 1 }

    private func complain(_ text: String, _ id: TaskID?) { world.complain(text, id) }

    // MARK: What happens

    func admitted(_ id: TaskID) {
        guard let place = place(of: id.session) else { return }
        contestants[place].missing -= 1
        contestants[place].ready += 1
        contestants[place].arrival = world.now
        guard contest.kind == .fairShares, isComplete else { return }
        isRace = !contestants.contains { $0.missing > 0 }
        clock = world.now
    }

    func placed(_ id: TaskID, on node: Int) {
        guard let place = place(of: id.session) else { return }
        contestants[place].ready -= 1
        contestants[place].placements += 1
        switch contest.kind {
        case .fairShares: if contestants[place].ready == 0 { endRace() }
        case .spread:
            if place == last { spread[node] += 1 } else { taken[node] += 1 }
            if place == last, contestants[place].ready == 0, contestants[place].missing == 0 { judgeSpread() }
        case .aging: judgeUrgent(id)
        case .newcomer, .largeTask: break
        }
    }

    func returned(_ id: TaskID) {
        guard let place = place(of: id.session) else { return }
        contestants[place].ready += 1
    }

    func started(_ id: TaskID) {
        guard let place = place(of: id.session) else { return }
        passTime(id)
        contestants[place].running += 1
        starts += 1
        if place == last, !contestants[place].hasStarted { judgeStart(id) }
        contestants[place].hasStarted = true
        // The others run: the last one has to wait behind them.
        if !isComplete, starts >= min(2 * contest.room, contest.entries[0].count) { enter() }
    }

    func ended(_ id: TaskID) {
        guard let place = place(of: id.session) else { return }
        passTime(id)
        contestants[place].running -= 1
    }

    // MARK: Shares

    private func passTime(_ id: TaskID) {
        guard isRace else { return }
        let passed = world.now - clock
        clock = world.now
        for place in contestants.indices {
            let share = passed * Int64(contestants[place].running)
            contestants[place].time = contestants[place].time + share
        }
        let (least, most) = extremes
        let bound = ContestBounds.shares(room: contest.room, longest: longestOfAll)
        if least + bound < most {
            complain(
                "sessions with equal claims had \(milliseconds(least)) and \(milliseconds(most)) ms of "
                    + "slots, and may differ by \(milliseconds(bound)) ms", id)
        }
    }

    private var longestOfAll: Interval { contest.entries.map(\.duration).max() ?? .zero }

    private var extremes: (least: Interval, most: Interval) {
        var (least, most) = (Interval.distant, Interval.zero)
        for contestant in contestants {
            least = min(least, contestant.time)
            most = max(most, contestant.time)
        }
        return (least, most)
    }

    /// One of them has nothing more to place.
    private func endRace() {
        guard isRace else { return }
        isRace = false
        // It could have gone wrong.
        let bound = ContestBounds.shares(room: contest.room, longest: longestOfAll)
        if extremes.most > bound { world.coverage.count(.fairShares) }
    }

    // MARK: Waiting

    private func judgeStart(_ id: TaskID) {
        let waited = world.now - contestants[last].arrival
        // Somebody was there to wait for.
        let isTried = contestants[0].ready > 0
        switch contest.kind {
        case .newcomer:
            let bound =
                contest.entries[last].isIdempotent
                ? ContestBounds.newcomer(longest: longest) : ContestBounds.behindOthers(longest: longest)
            judge(waited, atMost: bound, id)
            if isTried { world.coverage.count(.newcomer) }
        case .largeTask:
            judge(waited, atMost: ContestBounds.largeTask(longest: longest), id)
            if isTried { world.coverage.count(.largeTask) }
        case .aging:
            let distance = Int(contest.entries[0].priority - contest.entries[1].priority)
            judge(waited, atMost: ContestBounds.aging(distance: distance, longest: longest), id)
            guard isTried else { return }
            world.coverage.count(.aging)
            if waited < ContestBounds.agingLeast(distance: distance) {
                complain("a task starts after \(milliseconds(waited)) ms while more urgent ones wait", id)
            }
            for place in contestants.indices { contestants[place].placements = 0 }
        case .fairShares, .spread: break
        }
    }

    private func judge(_ waited: Interval, atMost most: Interval, _ id: TaskID) {
        // Where gpus are given out, a process may first have to make place for one that saw others.
        let hasDevices = world.setting.workers.contains { $0.amounts[.gpu] > 0 }
        let bound = hasDevices ? most + ContestBounds.processChange : most
        if waited > bound {
            complain("a task waits for \(milliseconds(waited)) ms, and may for \(milliseconds(bound)) ms", id)
        }
    }

    /// What has aged has its part of the placements, and no more.
    private func judgeUrgent(_ id: TaskID) {
        guard isComplete, contestants[last].hasStarted, !isDecided else { return }
        let (urgent, aged) = (contestants[0].placements, contestants[last].placements)
        if (aged - 2) * Limits.agedPlacementEvery > urgent + aged {
            complain("of \(urgent + aged) placements \(aged) were not of the most urgent", id)
        }
        isDecided = contestants[0].ready == 0
        if isDecided, urgent + aged > 6 * Limits.agedPlacementEvery { world.coverage.count(.urgentFirst) }
    }

    // MARK: Spread

    /// No worker has two more than another that has room.
    private func judgeSpread() {
        guard !isDecided else { return }
        isDecided = true
        let wish = contest.entries[last].wish
        var (most, places) = (0, 0)
        for worker in world.workers {
            most = max(most, spread[worker.index])
            if worker.offer.room(for: wish) > 0 { places += 1 }
        }
        for worker in world.workers {
            let here = spread[worker.index]
            if here + taken[worker.index] < worker.offer.room(for: wish), here + 1 < most {
                complain(
                    "of tasks to be spread one worker has \(most) and worker \(worker.index) \(here)", nil)
            }
        }
        if most > 1, places > 1 { world.coverage.count(.spread) }
    }

    private func milliseconds(_ interval: Interval) -> Int64 { interval.nanoseconds / 1_000_000 }
}
