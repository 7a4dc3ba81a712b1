// Functions and initializers on their way to workers, as the product's `AssignWriter` sends them: each worker
// is told of one once, in front of the first attempt that needs it.

import SchedulerCore
import TaskModel

/// What a worker was told of one session.
struct Introduced {
    /// Functions, a bit each.
    var functions: UInt64 = 0
    var isSetUp = false
}

extension SchedulerNode {
    func introduce(_ assignment: Assignment, to worker: SchedulerEntry) {
        let session = assignment.attempt.task.session
        introduce(Definition(session: session, number: assignment.spec.function), to: worker)
        guard assignment.isConversion || assignment.spec.kind == .python,
            world.hasInitializer(session), worker.introduced[session]?.isSetUp != true
        else { return }
        worker.introduced[session, default: Introduced()].isSetUp = true
        introduce(Definition(session: session, number: Workload.initializer), to: worker)
        worker.link.outgoing.append(.workerSetup(session))
    }

    private func introduce(_ function: Definition, to worker: SchedulerEntry) {
        let bit = UInt64(1) << UInt64(function.number)
        let told = worker.introduced[function.session, default: Introduced()].functions
        if told & bit != 0 { return }
        worker.introduced[function.session, default: Introduced()].functions = told | bit
        worker.link.outgoing.append(.function(function))
    }

    /// The task has ended or is dropped. Clients often forget a function with its last task, and define it
    /// again when they need it.
    func leaveFunction(_ task: TaskSlot) {
        guard let row = slab[task], row.outcome == nil, row.id.sequence >> 63 == 0 else { return }
        let function = Definition(session: row.id.session, number: row.spec.function)
        guard let count = uses[function] else { return }
        uses[function] = count > 1 ? count - 1 : nil
        guard count == 1, world.setting.has(.functionsForgotten), world.random.happens(300) else { return }
        let bit = UInt64(1) << UInt64(function.number)
        for case let worker? in workers {
            guard let told = worker.introduced[function.session], told.functions & bit != 0 else { continue }
            worker.introduced[function.session]?.functions = told.functions & ~bit
            worker.link.outgoing.append(.forgetFunction(function))
            touch(worker)
        }
    }
}

extension World {
    /// Whether executors have something to run before the first task of the session.
    func hasInitializer(_ session: SessionID) -> Bool {
        setting.has(.initializers) && session.rawValue & 2 != 0
    }
}
