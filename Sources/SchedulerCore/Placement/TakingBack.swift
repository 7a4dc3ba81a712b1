// Work stealing, from the scheduler's side: work is taken back for workers that have nothing to do.
//
// After placing, a free slot means that nothing ready fits it. If another worker holds attempts behind its
// running ones, half of these are asked back, the newest first, and return to the front of their queues. It
// is bounded, and no ping-pong: each time needs a free slot that could run the task, enough waiting work to
// be worth it, and a task is asked back at most `Limits.stealsPerTaskMax` times.

import TaskModel

extension Scheduler {
    mutating func takeBack(into actions: inout [Action]) {
        guard placement.freeSlots > 0, placement.excessCount > 0 else { return }
        var budget = Limits.stealsPerTurnMax
        for thief in 0..<placement.classCount where placement.freeSlots(ofClass: thief) > 0 {
            for owner in 0..<placement.classCount where budget > 0 {
                let victim = placement.victim(ofClass: owner)
                guard victim != .none, isWorthwhile(victim) else { continue }
                budget -= takeBack(from: victim, for: thief, atMost: budget, into: &actions)
            }
        }
    }

    /// Short work in front of a worker is done before a message has come and gone; unless what runs is long.
    private func isWorthwhile(_ victim: UInt32) -> Bool {
        let row = workers[victim]
        if row.started >= row.slots { return true }
        let waiting = UInt64(row.load) * UInt64(row.excess) / UInt64(row.held.count)
        return waiting * UInt64(Estimates.unit) >= UInt64(Limits.stealWorkMin.nanoseconds)
    }

    /// Half of what waits there, but no more than the thief's free slots can hold.
    private mutating func takeBack(
        from victim: UInt32, for thief: UInt32, atMost budget: Int, into actions: inout [Action]
    ) -> Int {
        let row = workers[victim]
        let wanted = min((row.excess + 1) / 2, UInt32(budget))
        let weightMax = placement.freeSlots(ofClass: thief) * Estimates.weightOfUnknown
        var (taken, weight): (UInt32, UInt32) = (0, 0)
        // The oldest ones run. What cannot be taken is passed over, within reason.
        var left = min(row.held.count - row.slots, 2 * wanted + 64)
        var task = row.held.tail
        var staying = 0
        while left > 0, taken < wanted, weight < weightMax, staying < Limits.stayingProbesMax {
            let row = tasks[task]
            left -= 1
            if isTakeable(row), placement.canRun(row.requirement, ofClass: thief) {
                if staysWithValues(row, at: victim) {
                    staying += 1
                    task = row.previous
                    continue
                }
                weight += row.phase.holding?.weight ?? 0
                taken += 1
                tasks[task].steals += 1
                retract(task, from: victim, into: &actions)
            }
            task = row.previous
        }
        return Int(taken)
    }

    private func isTakeable(_ row: TaskRecord) -> Bool {
        guard case .assigned = row.phase, row.steals < Limits.stealsPerTaskMax, sessions[row.session].isOpen
        else { return false }
        return row.flags.isDisjoint(with: [.started, .retracting]) && row.flags.isDisjoint(with: .unwanted)
    }
}
