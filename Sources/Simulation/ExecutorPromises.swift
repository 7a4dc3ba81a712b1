// What the auditor sees of executors: which attempts run on a worker at once, and what they take together.

import TaskModel

extension Auditor {
    /// What a worker's executors run at this moment.
    struct Usage {
        var attempts = 0
        var amounts = Amounts(cpus: 0)
        /// What is taken of each gpu, in thousandths, and by how many.
        var devices = [(taken: Int64, attempts: Int)](repeating: (0, 0), count: 64)
    }

    func runStarted(_ assignment: Assignment, on node: Int) {
        let id = assignment.attempt.task
        checkRoom(for: assignment.spec.wish, on: node, id)
        takeDevices(assignment, on: node)
        world.referee?.started(id)
        guard !isInternal(id) else { return }
        checkInputs(assignment)
        _ = update(id) { task in
            task.runs += 1
            if !task.spec.isIdempotent, task.runs > 1 {
                complain("a task that is not idempotent was started \(task.runs) times", id)
            }
        }
    }

    func runEnded(_ assignment: Assignment, on node: Int) { giveBack(assignment, node) }

    /// The executor died with it.
    func runVanished(_ assignment: Assignment, on node: Int) {
        giveBack(assignment, node)
        _ = update(assignment.attempt.task) { $0.runsVanished += 1 }
    }

    /// It was written to an executor that died before it could begin.
    func runNeverBegan(_ attempt: AttemptID) { _ = update(attempt.task) { $0.runsVanished += 1 } }

    /// What runs at once on a worker takes no more than it offered, and runs only where its labels allow.
    private func checkRoom(for wish: Wish, on node: Int, _ id: TaskID) {
        let offer = world.offer(node)
        usages[node].attempts += 1
        usages[node].amounts.add(wish.amounts)
        let usage = usages[node]
        if usage.attempts > offer.slots {
            complain("worker \(node) runs \(usage.attempts) attempts in \(offer.slots) slots", id)
        }
        if let kind = offer.amounts.missing(for: usage.amounts) {
            complain(
                "attempts on worker \(node) take \(usage.amounts[kind]) of \(kind), and it offers "
                    + "\(offer.amounts[kind])", id)
        }
        if !offer.suits(wish) { complain("worker \(node) runs a task that its labels exclude", id) }
        note(wish, usage, offer)
    }

    private func note(_ wish: Wish, _ usage: Usage, _ offer: WorkerOffer) {
        if wish.labels != 0 { world.coverage.count(.affinity) }
        if wish.avoids != 0 { world.coverage.count(.antiAffinity) }
        guard usage.attempts > 1 else { return }
        for kind in Amounts.Kind.allCases where usage.amounts[kind] == offer.amounts[kind] {
            if usage.amounts[kind] == wish.amounts[kind] { continue }
            switch kind {
            case .cpu: if usage.attempts < offer.slots { world.coverage.count(.cpusUsedUp) }
            case .memory: world.coverage.count(.memoryUsedUp)
            case .gpu: world.coverage.count(.gpusUsedUp)
            case .custom: world.coverage.count(.customUsedUp)
            }
        }
        if usage.attempts > Int(offer.amounts[.cpu] / 1_000) { world.coverage.count(.cpusDivided) }
    }

    /// Each attempt has the gpus that it asked for, and no gpu is had by more than there is of it.
    private func takeDevices(_ assignment: Assignment, on node: Int) {
        let (id, devices) = (assignment.attempt.task, assignment.devices)
        let asked = assignment.spec.wish.amounts[.gpu]
        if devices.nonzeroBitCount != asked / 1_000 + (asked % 1_000 > 0 ? 1 : 0) {
            complain(
                "an attempt asks for \(asked) thousandths of gpus and has \(devices.nonzeroBitCount)", id)
        }
        forEach(in: devices) { device in
            usages[node].devices[device].taken += min(asked, 1_000)
            usages[node].devices[device].attempts += 1
            let use = usages[node].devices[device]
            if use.attempts > 1 { world.coverage.count(.gpuShared) }
            if use.taken > 1_000 || device >= world.offer(node).amounts[.gpu] / 1_000 {
                complain("gpu \(device) of worker \(node) is given out \(use.taken) thousandths", id)
            }
        }
    }

    private func forEach(in devices: UInt64, _ body: (Int) -> Void) {
        for device in 0..<64 where devices & 1 << UInt64(device) != 0 { body(device) }
    }

    private func giveBack(_ assignment: Assignment, _ node: Int) {
        forEach(in: assignment.devices) { device in
            usages[node].devices[device].taken -= min(assignment.spec.wish.amounts[.gpu], 1_000)
            usages[node].devices[device].attempts -= 1
        }
        usages[node].attempts -= 1
        usages[node].amounts.subtract(assignment.spec.wish.amounts)
        world.referee?.ended(assignment.attempt.task)
    }
}
