// Which devices of its worker each attempt has.
//
// A worker that offers n gpus has the devices 0..<n. Whoever asks for whole ones gets so many for itself, the
// free ones with the lowest numbers. Whoever asks for a part of one shares it: of the devices that have
// enough left, the one that has least, so that whole ones stay whole.
//
// Amounts alone would promise too much: two times 0.6 on two devices leave 0.8, and no device has another
// 0.6. So what counts as left of a worker's gpus is its *room*: the devices that are free, and the most that
// is left of any other. An amount that is whole or below one fits exactly if it is at most that.

import TaskModel

/// The devices of one worker.
struct DeviceBank {
    /// What is left of each, in thousandths.
    private(set) var left: [UInt64]
    /// A bit per device of which nobody has a part.
    private var free: UInt64
    private(set) var room: UInt64

    static let whole: UInt64 = 1_000

    init(count: Int) {
        precondition(count > 0 && count <= Limits.devicesPerWorkerMax, "devices within their limit")
        left = Array(repeating: Self.whole, count: count)
        free = UInt64.max >> UInt64(64 - count)
        room = UInt64(count) * Self.whole
    }

    /// Takes so much, which there must be room for, and answers with a bit per device.
    mutating func take(_ amount: UInt64) -> UInt64 {
        precondition(amount > 0 && amount <= room, "nothing is taken for which there is no room")
        var devices: UInt64 = 0
        if amount < Self.whole {
            devices = 1 << UInt64(bestFit(amount))
        } else {
            var rest = free
            for _ in 0..<(amount / Self.whole) {
                devices |= rest & (0 &- rest)
                rest &= rest - 1
            }
        }
        change(devices) { $0 -= min(amount, Self.whole) }
        return devices
    }

    /// Gives back what `take` answered for this amount.
    mutating func give(_ amount: UInt64, of devices: UInt64) {
        change(devices) { $0 += min(amount, Self.whole) }
    }

    private func bestFit(_ amount: UInt64) -> Int {
        var best: Int?
        for device in left.indices where left[device] >= amount {
            if best.map({ left[device] < left[$0] }) ?? true { best = device }
        }
        guard let best else { preconditionFailure("room for a part is on one device") }
        return best
    }

    private mutating func change(_ devices: UInt64, _ body: (inout UInt64) -> Void) {
        var most: UInt64 = 0
        for device in left.indices {
            let bit: UInt64 = 1 << UInt64(device)
            if devices & bit != 0 { body(&left[device]) }
            if left[device] == Self.whole {
                free |= bit
            } else {
                free &= ~bit
                most = max(most, left[device])
            }
        }
        room = UInt64(free.nonzeroBitCount) * Self.whole + most
    }
}

/// The devices of all workers that have some, and of all attempts that were given some. Tasks and workers
/// without gpus are not in it.
struct DeviceTable {
    private var banks: [DeviceBank?] = []
    private var ofTask: [UInt32: UInt64] = [:]

    /// Attempts that have devices.
    var takerCount: Int { ofTask.count }

    subscript(worker: UInt32) -> DeviceBank? { worker < banks.count ? banks[Int(worker)] : nil }

    func devices(of task: UInt32) -> UInt64 { ofTask[task] ?? 0 }

    mutating func open(_ worker: UInt32, gpus: UInt64) {
        guard gpus > 0 || worker < banks.count else { return }
        precondition(Resources.areDevices(offered: gpus), "a worker offers whole devices within their limit")
        while banks.count <= Int(worker) { banks.append(nil) }
        banks[Int(worker)] = gpus == 0 ? nil : DeviceBank(count: Int(gpus / DeviceBank.whole))
    }

    mutating func take(_ amount: UInt64, for task: UInt32, of worker: UInt32) {
        guard let devices = banks[Int(worker)]?.take(amount), ofTask[task] == nil else {
            preconditionFailure("a task has the devices of one worker")
        }
        ofTask[task] = devices
    }

    mutating func give(_ amount: UInt64, of task: UInt32, backTo worker: UInt32) {
        guard let devices = ofTask.removeValue(forKey: task) else {
            preconditionFailure("a task gives back the devices that it has")
        }
        banks[Int(worker)]?.give(amount, of: devices)
    }
}

extension Resources {
    /// One gpu.
    package static let wholeDevice = DeviceBank.whole

    /// Whether a task may ask for so much of `gpu`: whole devices, or a part of one.
    package static func areDevices(asked amount: UInt64) -> Bool {
        amount < DeviceBank.whole || amount % DeviceBank.whole == 0
    }

    /// Whether a worker may offer so much of `gpu`.
    package static func areDevices(offered amount: UInt64) -> Bool {
        amount % DeviceBank.whole == 0 && amount <= UInt64(Limits.devicesPerWorkerMax) * DeviceBank.whole
    }
}

extension Placement {
    /// After `take`, for an attempt that asks for gpus.
    mutating func takeDevices(_ amount: UInt64, for task: UInt32, of worker: UInt32) {
        devices.take(amount, for: task, of: worker)
        countDevices(of: worker)
    }

    /// After `give`.
    mutating func giveDevices(_ amount: UInt64, of task: UInt32, backTo worker: UInt32) {
        devices.give(amount, of: task, backTo: worker)
        countDevices(of: worker)
    }

    /// Of gpus, all that nobody else could have counts as taken.
    private mutating func countDevices(of worker: UInt32) {
        let room = devices[worker]?.room ?? 0
        rooms[Int(worker)].taken[Resources.gpu] = rooms[Int(worker)].total[Resources.gpu] - room
    }
}

extension Scheduler {
    /// Devices of its worker that the task's attempt has, a bit each; 0 for one that asked for none, and for
    /// one that no worker holds.
    package func devices(of task: TaskSlot) -> UInt64 {
        guard tasks.isCurrent(task), !demands.isPlain(tasks[task.index].requirement) else { return 0 }
        return placement.devices.devices(of: task.index)
    }
}
