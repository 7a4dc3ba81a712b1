// Which executor an attempt may have on a worker that offers gpus.
//
// Libraries ask once per process which gpus they may use. So a process serves one set of devices for its
// whole life, that of its first attempt (the empty set too): it could use a wrong device otherwise, or find
// none, and nobody would notice. An attempt goes to an idle slot whose executor has served its set, else to
// one that has served nothing yet. Where there is none, an idle executor is *retired*: as soon as it is gone,
// a spare that has served nothing takes its slot, or a new process. On a worker without gpus the only set is
// the empty one.

import TaskModel

extension WorkerStateMachine {
    /// Whether the attempt may be given to the process.
    func suits(_ executor: ExecutorIndex, _ attempt: UInt32) -> Bool {
        guard let devices = executors[executor.int].devices else { return true }
        return devices == attempts[attempt].devices
    }

    /// Gives idle slots to what waits, the front of the queues first. One that no idle executor suits has a
    /// slot all the same, and whatever is behind it is not kept waiting by it.
    mutating func fillByDevices(now: Instant, into actions: inout [Action]) {
        var (python, swift) = (pythonQueue.head, swiftQueue.head)
        var idle = slots.indices.count { slots[$0].pipeline.isEmpty }
        var unsuited: (python: Int, swift: Int) = (0, 0)
        while idle > 0, python != noIndex || swift != noIndex {
            let isPython =
                swift == noIndex || python != noIndex && attempts[python].order < attempts[swift].order
            let index = isPython ? python : swift
            if isPython { python = attempts[index].next } else { swift = attempts[index].next }
            idle -= 1
            if let number = idleSlot(for: index) {
                send(index, to: number, now: now, into: &actions)
            } else if isPython {
                unsuited.python += 1
            } else {
                unsuited.swift += 1
            }
        }
        retire(.python, for: unsuited.python, into: &actions)
        retire(.swift, for: unsuited.swift, into: &actions)
    }

    private func idleSlot(for attempt: UInt32) -> Int? {
        var fresh: Int?
        for number in slots.indices where slots[number].pipeline.isEmpty {
            guard let executor = slots[number].executor(attempts[attempt].kind),
                executors[executor.int].isReady
            else { continue }
            if executors[executor.int].devices == attempts[attempt].devices { return number }
            if executors[executor.int].devices == nil, fresh == nil { fresh = number }
        }
        return fresh
    }

    /// So many attempts wait for processes that have served nothing yet. Some are on their way; for the
    /// others executors without devices go first, since those with some may hold much in memory.
    private mutating func retire(
        _ kind: ExecutorKind, for waiting: Int, into actions: inout [Action]
    ) {
        var missing = waiting
        if missing == 0 { return }
        for slot in slots where slot.pipeline.isEmpty {
            if let executor = slot.executor(kind), !executors[executor.int].isReady { missing -= 1 }
        }
        for withDevices in [false, true] {
            for slot in slots where slot.pipeline.isEmpty && missing > 0 {
                guard let executor = slot.executor(kind), executors[executor.int].isReady,
                    let devices = executors[executor.int].devices, (devices != 0) == withDevices
                else { continue }
                executors[executor.int].phase = .killed(.retired)
                actions.append(.retire(executor))
                missing -= 1
            }
        }
    }
}
