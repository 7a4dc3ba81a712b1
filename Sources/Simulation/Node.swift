import TaskModel

/// What the scheduler, a worker and a client have in common: a loop that turns when something arrives or a
/// time has come, a clock of its own, and bad days.
class Node {
    unowned let world: World
    /// 0 is the scheduler, then workers, then clients.
    let index: Int
    var clock = Clock()
    /// When the loop turns next, in true time.
    private(set) var plannedTurn = Instant.distantFuture
    var pausedUntil = Instant.origin
    /// So many times slower than it should be.
    var slowness: Int64 = 1
    /// From the arrival of something to the turn that takes it.
    private static let reaction = Interval.microseconds(30)

    init(_ index: Int, world: World) {
        self.index = index
        self.world = world
    }

    var localNow: Instant { clock.reading(at: world.now) }

    /// Something waits for the loop.
    func wake() { turn(by: world.now + Self.reaction * slowness) }

    /// The loop turns at this reading of the node's clock at the latest.
    func turn(byLocal reading: Instant) {
        if reading == .distantFuture { return }
        turn(by: max(clock.instant(of: reading), world.now))
    }

    private func turn(by instant: Instant) {
        let due = max(instant, pausedUntil)
        guard due < plannedTurn else { return }
        plannedTurn = due
        world.queue.plan(.turn(node: index), at: due)
    }

    /// False for a turn that was planned and then replaced by an earlier one.
    func beginsTurn() -> Bool {
        guard plannedTurn == world.now else { return false }
        plannedTurn = .distantFuture
        guard pausedUntil <= world.now else {
            turn(by: pausedUntil)
            return false
        }
        return true
    }

    /// Nothing that was planned counts any longer.
    func cancelTurn() { plannedTurn = .distantFuture }

    func pause(until instant: Instant) {
        pausedUntil = max(pausedUntil, instant)
        if plannedTurn < pausedUntil {
            plannedTurn = .distantFuture
            turn(by: pausedUntil)
        }
    }

    /// Ends a pause.
    func resume() {
        pausedUntil = .origin
        wake()
    }

    func takeTurn() { preconditionFailure("a node has a loop") }
}
