// What is true of workers' devices between any two calls, computed anew from what each attempt has.

import TaskModel

extension Scheduler {
    /// No device is given away twice, and each attempt has what it asks for.
    func violationOfDevices(_ worker: UInt32) -> InvariantViolation? {
        let total = placement.rooms[Int(worker)].total[Resources.gpu]
        let taken = placement.rooms[Int(worker)].taken[Resources.gpu]
        guard let bank = placement.devices[worker], total > 0 else {
            return total == 0 && taken == 0
                ? nil : InvariantViolation(rule: "a worker with gpus has devices", row: worker)
        }
        var left = [UInt64](repeating: DeviceBank.whole, count: Int(total / DeviceBank.whole))
        var task = workers[worker].held.head
        while task != .none {
            let amount = demands.resources(tasks[task].requirement)[Resources.gpu]
            let devices = placement.devices.devices(of: task)
            let wanted = amount < DeviceBank.whole ? min(amount, 1) : amount / DeviceBank.whole
            if devices.nonzeroBitCount != wanted {
                return InvariantViolation(rule: "an attempt has the devices that it asks for", row: task)
            }
            for device in 0..<64 where devices & 1 << UInt64(device) != 0 {
                let part = min(amount, DeviceBank.whole)
                guard device < left.count, left[device] >= part else {
                    return InvariantViolation(rule: "no device is given away twice", row: worker)
                }
                left[device] -= part
            }
            task = tasks[task].next
        }
        let whole = UInt64(left.count { $0 == DeviceBank.whole }) * DeviceBank.whole
        let room = whole + (left.filter { $0 < DeviceBank.whole }.max() ?? 0)
        return bank.left == left && bank.room == room && taken == total - room
            ? nil : InvariantViolation(rule: "room on devices is counted", row: worker)
    }

    /// Nobody has devices whom no worker holds.
    func violationOfDeviceTakers() -> InvariantViolation? {
        var takers = 0
        for index in workers.rows.indices {
            var task = workers.rows[index].held.head
            while task != .none {
                if placement.devices.devices(of: task) != 0 { takers += 1 }
                task = tasks[task].next
            }
        }
        return takers == placement.devices.takerCount
            ? nil : InvariantViolation(rule: "devices are freed with the room of their attempt", row: 0)
    }
}
