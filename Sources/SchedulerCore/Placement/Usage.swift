// What a worker has and what is taken of it, for listings and explanations.

import TaskModel

package struct WorkerUsage: Equatable, Sendable {
    package var offered: Resources
    /// By the attempts that run at once, of all that it holds.
    package var taken: Resources
    /// What is taken of each device, in thousandths.
    package var devices: [UInt64]
}

extension Scheduler {
    package func usage(of worker: WorkerSlot) -> WorkerUsage? {
        guard workers.isCurrent(worker) else { return nil }
        let (row, member) = (workers[worker.index], placement.members[Int(worker.index)])
        let room = placement.rooms[Int(worker.index)]
        let running = min(row.held.count, row.slots)
        var taken =
            room.taken + Resources(cpu: UInt64(running - member.special) * Resources.plain[Resources.cpu])
        let devices = (placement.devices[worker.index]?.left ?? []).map { DeviceBank.whole - $0 }
        taken[Resources.gpu] = devices.reduce(0, +)
        return WorkerUsage(offered: room.total, taken: taken, devices: devices)
    }
}
