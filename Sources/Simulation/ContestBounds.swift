// What a contest's promises are, in numbers, and what they follow from (docs/task-lifecycle.md).

import TaskModel

enum ContestBounds {
    /// Messages, and the turns of loops.
    private static let slack = Interval.milliseconds(10)

    /// A virtual executor ends and another one starts (`VirtualExecutor`).
    static let processChange = Interval.milliseconds(100)

    /// The time of what is held for one unit of room: the one that runs, and what is held ahead of the next:
    /// one task, or `prefetchTarget` of short ones.
    private static func held(_ longest: Interval) -> Interval { longest * 2 + Limits.prefetchTarget }

    /// By how much the slot time of two sessions with equal claims may differ. Their passes differ by one
    /// charge at most. Slot time differs from a pass by what was charged and has not run yet, by what has run
    /// and was not charged as such, each for what is held, now and when the race began.
    static func shares(room: Int, longest: Interval) -> Interval {
        held(longest) * Int64(2 * room) + slack
    }

    /// From the arrival of one task, in a session that had nothing, to its start: it overtakes what is held
    /// ahead, so it waits for the end of one task, and of what its executor has in the socket.
    static func newcomer(longest: Interval) -> Interval { longest + Limits.lookaheadTarget + slack }

    /// The same for one that is not held ahead itself, or overtakes nobody: what is held where it finds room
    /// ends, or starts, before it.
    static func behindOthers(longest: Interval) -> Interval { held(longest) + longest + slack }

    /// Likewise, but a whole worker has to become free.
    static func largeTask(longest: Interval) -> Interval { behindOthers(longest: longest) }

    /// It counts as one priority more for each `agingInterval`, with clocks that are wrong by up to five in a
    /// hundred. Then it has the next turn of those that have aged.
    static func aging(distance: Int, longest: Interval) -> Interval {
        let interval = Interval(nanoseconds: Limits.agingInterval.nanoseconds / 94 * 100)
        return interval * Int64(distance) + longest * Int64(Limits.agedPlacementEvery)
            + behindOthers(longest: longest)
    }

    /// And not before.
    static func agingLeast(distance: Int) -> Interval {
        Interval(nanoseconds: Limits.agingInterval.nanoseconds * Int64(distance) / 106 * 100)
    }
}
