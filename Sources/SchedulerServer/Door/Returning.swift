// A worker whose connection was closed counts as dead when its lease is over, and what ran there may be why.
// One that joins again in the same life of its process was only cut off.

import Logging
import SchedulerCore
import SessionTransport
import TaskModel
import Wire

/// A worker that died while a task ran there, or may have.
struct Blame {
    let worker: WorkerSlot
    let name: String
}

extension SchedulerLoop {
    /// A worker has joined: it may be one that was taken for dead.
    mutating func acquitReturned(_ hello: Hello) {
        guard let life = hello.fields["life"]?.unsigned, let worker = departed[life] else { return }
        core.absorb(.workerReturned(worker), now: now, into: &actions)
        for (task, blamed) in blames where blamed.contains(where: { $0.worker == worker }) {
            blames[task] = blamed.filter { $0.worker != worker }
        }
        logger.notice(
            "a worker that was taken for dead is back: it was cut off, and no task is blamed for that",
            metadata: ["session": "\(hello.session)", "name": "\(hello.fields["name"]?.string ?? "")"])
    }

    /// Its process is here under another session: it has given this one up by itself.
    func hasReturned(_ worker: WorkerPeer) -> Bool {
        guard let life = worker.life else { return false }
        return peers.allWorkers().contains { $0 !== worker && $0.life == life }
    }
}
