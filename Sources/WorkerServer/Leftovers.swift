import Logging
import Posix

/// What executors leave behind: processes that made themselves leaders of a session of their own, so that
/// the end of their executor's group is not theirs. A worker that has its process for itself is the parent of
/// all of them once their own has ended, and ends them.
///
/// Each executor marks its children, and theirs, by a variable of their environment. So what a living
/// executor's task has left running is told from what belonged to one that is gone.
extension WorkerLoop {
    static let lifeVariable = "ISTHMUS_EXECUTOR_LIFE"

    func lifeMark(_ life: UInt32) -> String { "\(Self.lifeVariable)=\(lifeName(life))" }

    private func lifeName(_ life: UInt32) -> String { "\(processID()).\(life)" }

    func adoptOrphans() {
        guard configuration.adoptsOrphans else { return }
        do { try Orphans.adopt() } catch {
            logger.warning(
                "what executors leave behind may outlive this worker", metadata: ["why": "\(error)"])
        }
    }

    /// Those of executors that have ended. Also waits for the ones that ended by themselves.
    func endOrphans() {
        guard configuration.adoptsOrphans else { return }
        let left = leftByExecutors()
        guard !left.isEmpty else { return }
        var living: Set<String> = []
        for case let process? in processes where process.status == nil {
            living.insert(lifeName(process.life))
        }
        for orphan in left where !living.contains(orphan.life) { end(orphan.process) }
    }

    /// All of them: no executor lives.
    func endAllOrphans() {
        guard configuration.adoptsOrphans else { return }
        // Those of one that was killed become ours in their turn.
        for _ in 0..<Self.roundsMax {
            let left = leftByExecutors()
            if left.isEmpty { return }
            for orphan in left {
                end(orphan.process)
                Orphans.wait(for: orphan.process)
            }
        }
        logger.warning("processes that executors left behind go on starting others; they are left alone")
    }

    /// Without what this process had started before it became a worker, which says nothing of executors.
    private func leftByExecutors() -> [(process: Int32, life: String)] {
        Orphans.alive().compactMap { process in
            guard let life = Orphans.value(of: Self.lifeVariable, in: process),
                life.hasPrefix("\(processID()).")
            else { return nil }
            return (process, life)
        }
    }

    private func end(_ orphan: Int32) {
        logger.info("ending a process that an executor left behind", metadata: ["pid": "\(orphan)"])
        Orphans.kill(orphan)
    }

    /// Generations of processes that are ended; each is killed with all its descendants that are found.
    private static let roundsMax = 64
}
