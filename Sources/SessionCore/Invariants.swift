// What holds after every step, for tests and the simulator.

import TaskModel

extension Session {
    package func checkInvariants() {
        precondition(acknowledged <= lastNumber, "more is acknowledged than was sent")
        if phase != .ended {
            precondition(
                UInt64(kept.count) == lastNumber - acknowledged, "kept is not what is unacknowledged")
            let isFull =
                kept.count >= policy.unacknowledgedFramesMax || kept.bytes >= policy.unacknowledgedBytesMax
            precondition(isBlocked || !isFull, "full and not blocked")
        }
        switch phase {
        case .waiting, .greeting: precondition(side == .connecting, "not a phase of the accepting side")
        case .asked, .detached: precondition(side == .accepting, "not a phase of the connecting side")
        case .established: precondition(wasEstablished, "established without a welcome")
        case .idle, .ended: break
        }
        precondition(
            (acknowledgeDue == .distantFuture) == (unreported == 0) || unreported == 0,
            "a frame waits for its acknowledgement without a time for it")
    }
}
