// When a task may be refused because no worker can ever run it: after no worker that can was there for the
// whole grace period, while others were; and then it is.

import TaskModel

/// When workers were there, as the scheduler knows it. What comes and goes within one instant was not.
struct Presence {
    /// Sessions of each node: one that began anew has two, until the old one is declared lost.
    private var sessions: [Int]
    private var since: [Instant]
    private var seen: [Instant?]
    private var count = 0
    private var emptySince = Instant.origin
    /// When the scheduler last had no worker at all, for a turn at least, and perhaps for a turn.
    private(set) var lastEmpty = Instant.origin
    private(set) var lastPerhapsEmpty = Instant.origin

    init(nodes: Int) {
        sessions = [Int](repeating: 0, count: nodes)
        since = [Instant](repeating: .origin, count: nodes)
        seen = [Instant?](repeating: nil, count: nodes)
    }

    /// - lastTurn: of the scheduler; it may have lost the last one after that had decided.
    mutating func came(_ node: Int, at now: Instant, lastTurn: Instant) {
        if sessions[node] == 0 { since[node] = now }
        sessions[node] += 1
        count += 1
        if count == 1, emptySince < lastTurn { lastEmpty = now }
        if count == 1, emptySince <= lastTurn { lastPerhapsEmpty = now }
    }

    mutating func went(_ node: Int, at now: Instant) {
        count -= 1
        if count == 0 { emptySince = now }
        sessions[node] -= 1
        if sessions[node] == 0, since[node] < now { seen[node] = now }
    }

    var isEmpty: Bool { count == 0 }
    func isHere(_ node: Int) -> Bool { sessions[node] > 0 }
    /// And the scheduler does not take it for several.
    func isOne(_ node: Int) -> Bool { sessions[node] == 1 }
    /// When it was there last, if it is not there now.
    func lastSeen(_ node: Int) -> Instant? { seen[node] }
}

extension Auditor {
    /// The scheduler refuses a task because no worker can run it.
    func foundUnservable(_ id: TaskID) {
        guard let task = task(id) else { return }
        if presence.isEmpty { complain("a task is refused while no worker is known", id) }
        var hopelessSince = presence.lastEmpty
        for worker in world.workers where worker.offer.serves(task.spec.kind, task.spec.wish) {
            if presence.isHere(worker.index) {
                complain("a task is refused that worker \(worker.index) could run", id)
            }
            hopelessSince = max(hopelessSince, presence.lastSeen(worker.index) ?? .origin)
        }
        // Clocks are wrong by up to five in a hundred.
        let grace = world.setting.unservableGrace
        if (world.now - hopelessSince).nanoseconds < grace.nanoseconds / 106 * 100 {
            complain("a task is refused before its grace period is over", id)
        }
        checkPromptness(task, id, hopelessSince)
        _ = update(id) { $0.isUnservable = true }
        world.coverage.count(.unservable)
    }

    /// Where nothing went wrong, what was ready all the time is refused as soon as the grace period is over.
    private func checkPromptness(_ task: Task, _ id: TaskID, _ hopelessSince: Instant) {
        guard let calmSince = world.calmSince, task.dependencies.isEmpty, task.dispatchesLeft == 0,
            // Else a worker may have been chosen whose dispatch never reached the store.
            task.spec.isIdempotent
        else { return }
        let begun = max(max(hopelessSince, presence.lastPerhapsEmpty), max(task.arrival, calmSince))
        let grace = world.setting.unservableGrace.nanoseconds / 94 * 100
        if (world.now - begun).nanoseconds > grace + 1_000_000_000 {
            complain("a task is refused long after its grace period", id)
        }
    }
}
