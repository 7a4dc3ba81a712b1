// What is true of held values between any two calls, computed anew from the tables.

import TaskModel

extension Scheduler {
    /// See `checkInvariants`.
    func violationOfHeldValues() -> InvariantViolation? {
        var (rows, used) = (0, 0)
        for index in tasks.rows.indices {
            guard let value = tasks.rows[index].phase.ending?.value, value != .none else { continue }
            rows += 1
            if heldValues[value].task != index {
                return InvariantViolation(rule: "a held value is that of its task", row: UInt32(index))
            }
        }
        for index in heldValues.rows.indices where heldValues.rows[index].task != .none {
            rows -= 1
            let value = heldValues.rows[index]
            var (holder, count) = (value.first, UInt32(0))
            while holder != .none {
                let worker = heldValues.holder(holder).worker
                if heldValues.holder(holder).value != index || !workers[worker].isOpen
                    || !heldValues.isHeld(UInt32(index), by: worker)
                {
                    return InvariantViolation(rule: "a value is held by workers", row: UInt32(index))
                }
                count += 1
                holder = heldValues.holder(holder).nextOfValue
            }
            if count != value.holders || count > Limits.holdersPerValueMax {
                return InvariantViolation(rule: "holders are counted", row: UInt32(index))
            }
            used += Int(count)
        }
        if rows != 0 { return InvariantViolation(rule: "a value is forgotten with its task", row: 0) }
        if !heldValues.isIndexed(used) {
            return InvariantViolation(rule: "each holder is found by value and worker", row: 0)
        }
        return violationOfShares(holders: used)
    }

    private func violationOfShares(holders expected: Int) -> InvariantViolation? {
        var used = 0
        for worker in heldValues.shares.indices {
            var bytes: UInt64 = 0
            var index = heldValues.shares[worker].first
            while index != .none {
                let holder = heldValues.holder(index)
                if holder.worker != worker {
                    return InvariantViolation(rule: "a worker lists what it holds", row: UInt32(worker))
                }
                if !holder.isMaker { bytes += UInt64(heldValues[holder.value].bytes) }
                used += 1
                index = holder.nextOfWorker
            }
            let share = heldValues.shares[worker]
            if bytes != share.sentBytes || bytes > heldValues.sentBytesMax {
                return InvariantViolation(rule: "what is sent to a worker has room", row: UInt32(worker))
            }
        }
        return used == expected
            ? nil : InvariantViolation(rule: "each holder is listed by its worker", row: 0)
    }
}
