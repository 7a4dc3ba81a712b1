// Which deaths of workers were held against which tasks, so that it can be taken back.
//
// A worker whose connection was closed counts as dead when its lease is over. If it comes back in the same
// life of its process, it was cut off, and nothing that ran there has killed it.

import TaskModel

/// The last charges, oldest first.
struct Charges {
    private struct Charge: BitwiseCopyable {
        let worker: WorkerSlot
        let task: TaskSlot
    }

    private var charges: [Charge] = []
    /// Where the oldest is, once all places are taken.
    private var oldest = 0

    mutating func add(_ task: TaskSlot, _ worker: WorkerSlot) {
        let charge = Charge(worker: worker, task: task)
        if charges.count < Limits.chargesKeptMax {
            charges.append(charge)
        } else {
            charges[oldest] = charge
            oldest = (oldest + 1) % Limits.chargesKeptMax
        }
    }

    /// The tasks that were charged with the end of this worker. O(charges kept).
    func tasks(chargedWith worker: WorkerSlot) -> [TaskSlot] {
        charges.filter { $0.worker == worker }.map(\.task)
    }
}

extension Scheduler {
    /// The worker lives: what was charged with its death was lost with a worker that was silent.
    mutating func acquit(_ worker: WorkerSlot) {
        for task in charges.tasks(chargedWith: worker) where isLive(task) {
            tasks[task.index].losses.acquit()
        }
    }
}
