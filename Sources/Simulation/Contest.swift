// A race for the workers, once everything is healed and has ended: sessions that have more than can run at
// once, so that shares, aging and what is kept free can be measured. The random workload rarely saturates a
// cluster, and while faults strike nobody can say what a fair share is.

import SchedulerCore
import TaskModel

struct Contest {
    enum Kind: CaseIterable, BitwiseCopyable {
        /// Sessions with equal claims, and tasks of different lengths.
        case fairShares
        /// One task of a session, behind very many of others.
        case newcomer
        /// Tasks that are less urgent than a stream of others.
        case aging
        /// One task that needs most of a worker, behind a stream of plain ones.
        case largeTask
        /// One session spreads its tasks, over workers of which some have more to do than others.
        case spread
    }

    /// What one session submits, at once.
    struct Entry: BitwiseCopyable {
        var function = UInt32(Workload.functions)
        var duration: Interval
        var count: Int
        var priority: Int8 = 0
        var isIdempotent = true
        var wish = Wish()
    }

    let kind: Kind
    /// In the order in which they come; the last one comes later in some kinds.
    private(set) var entries: [Entry] = []
    /// How many attempts of the first entry can run at once, at most.
    private(set) var room = 0

    /// Functions that only contests have: nothing is known of how long they run.
    static let functions = 2

    var isLastLate: Bool {
        switch kind {
        case .fairShares: false
        case .newcomer, .aging, .largeTask, .spread: true
        }
    }

    static func spec(of entry: Entry) -> TaskSpec {
        var spec = TaskSpec()
        spec.function = entry.function
        spec.duration = entry.duration
        spec.priority = entry.priority
        spec.isIdempotent = entry.isIdempotent
        spec.wish = entry.wish
        return spec
    }
}

extension WorkerOffer {
    /// How many such Python tasks can run here at once.
    func room(for wish: Wish) -> Int {
        guard serves(.python, wish) else { return 0 }
        var room = slots
        for kind in Amounts.Kind.allCases where wish.amounts[kind] > 0 {
            room = min(room, Int(amounts[kind] / wish.amounts[kind]))
        }
        return room
    }
}

// MARK: Drawing

extension Contest {
    private static let tasksMax = 600

    init(_ setting: Setting, _ random: inout RandomNumbers) {
        let large = Self.largeWishes(setting)
        // The measure of the last one is the coarsest, so it needs the most tries.
        var kind = random.element(of: Kind.allCases + [.spread])
        if kind == .largeTask, large.isEmpty { kind = .newcomer }
        self.kind = kind
        var wish = Wish()
        if kind != .largeTask, random.happens(400) {
            // To be spread over several workers, or to run on any.
            let least = kind == .spread ? 2 : 1
            let served = setting.wishes.filter { wish in
                setting.workers.count { $0.room(for: wish) > 0 } >= least
            }
            if !served.isEmpty { wish = random.element(of: served) }
        }
        for worker in setting.workers { room += worker.room(for: wish) }
        switch kind {
        case .fairShares: drawShares(wish, setting, &random)
        case .newcomer:
            drawStream(wish, then: Entry(duration: .milliseconds(1), count: 1, wish: wish), &random)
        case .aging: drawAging(wish, &random)
        case .largeTask:
            let wish = random.element(of: large)
            drawStream(Wish(), then: Entry(duration: .milliseconds(1), count: 1, wish: wish), &random)
        case .spread: drawSpread(wish, &random)
        }
    }

    /// All cpus of a worker that has several, each.
    private static func largeWishes(_ setting: Setting) -> [Wish] {
        var wishes: [Wish] = []
        for worker in setting.workers where worker.room(for: Wish()) > 1 {
            var wish = Wish()
            wish.amounts[.cpu] = worker.amounts[.cpu]
            wishes.append(wish)
        }
        return wishes
    }

    private mutating func drawShares(_ wish: Wish, _ setting: Setting, _ random: inout RandomNumbers) {
        let longest = Interval.milliseconds(random.element(of: [2, 8, 30, 120, 400]))
        let isOneFunction = random.happens(500)
        let sessions = random.number(2...min(3, setting.clients))
        let bound = ContestBounds.shares(room: room, longest: longest)
        // As much as the whole race may go wrong by, and some more.
        let work = bound.nanoseconds * 3 / 2
        for number in 0..<sessions {
            var duration =
                number == 0
                ? longest : random.interval(Interval(nanoseconds: longest.nanoseconds / 6), longest)
            duration = max(duration, Interval(nanoseconds: work * Int64(sessions) / Int64(Self.tasksMax)))
            duration = min(duration, longest)
            var entry = Entry(duration: duration, count: 0, wish: wish)
            entry.count = Int(work / duration.nanoseconds) + 2 * room
            if !isOneFunction { entry.function += UInt32(number % Self.functions) }
            entries.append(entry)
        }
        // The one with the long tasks comes first, or last.
        if random.happens(500) { entries.reverse() }
    }

    private mutating func drawStream(_ wish: Wish, then last: Entry, _ random: inout RandomNumbers) {
        let duration = Interval.milliseconds(random.element(of: [1, 6, 50, 300]))
        entries = [Entry(duration: duration, count: 24 * room + 20, wish: wish), last]
        entries[1].function += UInt32(random.below(Self.functions))
        entries[1].isIdempotent = random.happens(500)
    }

    private mutating func drawAging(_ wish: Wish, _ random: inout RandomNumbers) {
        let distance = random.number(1...2)
        let least = Interval(
            nanoseconds: Limits.agingInterval.nanoseconds * Int64(distance * room) / Int64(Self.tasksMax))
        let duration = max(.milliseconds(random.element(of: [50, 150, 600])), least)
        let wait = ContestBounds.aging(distance: distance, longest: duration)
        let count = Int((wait.nanoseconds / duration.nanoseconds + 24) * Int64(room))
        let low = Int8(
            random.number(Int(Priority.range.lowerBound)...(Int(Priority.range.upperBound) - distance)))
        entries = [
            Entry(duration: duration, count: count, priority: low + Int8(distance), wish: wish),
            Entry(duration: duration, count: 16 * room, priority: low, wish: wish),
        ]
        if random.happens(500) { entries[1].function += 1 }
    }

    private mutating func drawSpread(_ wish: Wish, _ random: inout RandomNumbers) {
        // Half full of the other session's, or nearly idle.
        let here = random.element(of: [1, (room + 1) / 2])
        let count = random.number(1...max(1, room - here))
        entries = [
            Entry(duration: .seconds(4), count: here, wish: wish),
            Entry(duration: .seconds(1), count: count, wish: wish),
        ]
        entries[0].wish.isSpread = false
        entries[1].wish.isSpread = true
    }
}
