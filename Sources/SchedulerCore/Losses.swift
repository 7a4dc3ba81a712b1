// How often a task was lost with its worker, and whose fault that may be.
//
// A task that kills its worker must not be given to one after the other. But most tasks that are lost with a
// worker are innocent. So what counts against a task is only the end of a worker's process, not its silence
// (it may be paused, or cut off), and only if the task ran there or may have: what was held ahead for certain
// is not blamed. A task that was blamed once is not held ahead any more, so its neighbours are soon told from
// it.

import TaskModel

/// How a worker went.
package enum Farewell: Hashable, Sendable, BitwiseCopyable {
    /// It said goodbye.
    case closed
    /// It was silent for longer than its lease: paused, unreachable, or its machine is gone.
    case silent
    /// Its connection was closed without a goodbye, and it did not come back: its process is dead.
    case gone

    /// What that means for a task that ran there, or may have.
    var loss: Loss {
        switch self {
        case .closed, .silent: .unblamed
        case .gone: .blamed
        }
    }
}

/// What the loss of a worker means for a task that it had.
enum Loss: Hashable, BitwiseCopyable {
    /// It was held ahead.
    case none
    /// It may have run, and is not the cause.
    case unblamed
    /// It may have run, and may be the cause.
    case blamed
}

/// Both counts of one task, in a byte.
struct Losses: BitwiseCopyable {
    private var bits: UInt8 = 0

    var blamed: Int { Int(bits & 3) }
    var unblamed: Int { Int(bits >> 2) }
    var isSuspect: Bool { blamed > 0 }

    /// False when the task is not to be tried again.
    mutating func count(_ loss: Loss) -> Bool {
        switch loss {
        case .none:
            return true
        case .unblamed:
            if unblamed >= Limits.workerAbsencesMax { return false }
            bits += 1 << 2
            return true
        case .blamed:
            if blamed + 1 >= Limits.workerLossesMax { return false }
            bits += 1
            return true
        }
    }

    /// One that was blamed was not to blame.
    mutating func acquit() {
        guard blamed > 0 else { return }
        bits -= 1
        if unblamed < Limits.workerAbsencesMax { bits += 1 << 2 }
    }
}
