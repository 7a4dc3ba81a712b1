// What is true of workers' resources between any two calls, computed anew from what each one holds.

import TaskModel

extension Scheduler {
    /// At most what a worker has is taken by what it could run at once.
    func violationOfResources(_ worker: UInt32) -> InvariantViolation? {
        let (record, member) = (workers[worker], placement.members[Int(worker)])
        let total = placement.rooms[Int(worker)].total
        var (special, taken) = (UInt32(0), Resources())
        var task = record.held.head
        while task != .none {
            let requirement = tasks[task].requirement
            if !demands.isPlain(requirement) {
                special += 1
                taken = taken + demands.resources(requirement)
            }
            task = tasks[task].next
        }
        if !taken.fits(in: total) {
            return InvariantViolation(rule: "resources are never oversubscribed", row: worker)
        }
        if let violation = violationOfDevices(worker) { return violation }
        taken[Resources.gpu] = placement.rooms[Int(worker)].taken[Resources.gpu]
        if member.special != special || placement.rooms[Int(worker)].taken != taken {
            return InvariantViolation(rule: "what a worker's attempts take is counted", row: worker)
        }
        let cpu = Resources.plain[Resources.cpu]
        let isCounted = special > 0 || total[Resources.cpu] < UInt64(record.slots) * cpu
        let running = isCounted ? record.held.count : min(record.held.count, record.slots)
        let plainTasks = Resources(cpu: UInt64(running - special) * cpu)
        if running > record.slots || !(taken + plainTasks).fits(in: total) {
            return InvariantViolation(rule: "resources are never oversubscribed", row: worker)
        }
        return nil
    }

    /// Slots of a worker that plain tasks could have.
    func freeSlots(_ worker: UInt32) -> Int {
        let (record, member) = (workers[worker], placement.members[Int(worker)])
        if member.reservedFor != .none || record.held.count >= record.slots { return 0 }
        let free = Int(record.slots - record.held.count)
        if !member.isCounted { return free }
        return min(free, Int(placement.left(worker)[Resources.cpu] / Resources.plain[Resources.cpu]))
    }

    func violationOfReservations() -> InvariantViolation? {
        var count = 0
        for index in placement.members.indices {
            let requirement = placement.members[index].reservedFor
            if requirement == .none { continue }
            count += 1
            if placement.reservation(of: requirement) != index || !workers.rows[index].isOpen {
                return InvariantViolation(
                    rule: "a worker is kept free for one requirement", row: UInt32(index))
            }
        }
        return count == placement.reservations.count
            ? nil : InvariantViolation(rule: "reservations are of workers", row: 0)
    }
}
