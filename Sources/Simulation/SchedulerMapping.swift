// From what a task asks for, in the simulator's words, to the scheduler core's.

import SchedulerCore
import TaskModel

extension TaskOptions {
    init(_ spec: TaskSpec) {
        self.init(
            retries: spec.retries, idempotent: spec.isIdempotent, needsNeutral: spec.kind == .swift,
            priority: spec.priority, backoffMilliseconds: spec.backoff,
            backoffMaxMilliseconds: spec.backoffMax, deadlineMilliseconds: spec.deadline)
    }
}

extension AttemptReport {
    init(_ report: Report, of spec: TaskSpec?, task: TaskSlot, worker: WorkerSlot) {
        self.init(
            task: task, attempt: report.attempt.number, worker: worker, status: report.status,
            reason: report.reason, codec: report.codec, isRetryable: spec?.isRetryable ?? true,
            ranMicroseconds: report.ran.wireMicroseconds)
    }
}

extension WorkerOffer {
    /// The number of each kind of executor among the requirements.
    static func requirement(of spec: TaskSpec) -> RequirementID {
        switch spec.kind {
        case .python, .command: RequirementID(0)
        case .swift: RequirementID(1)
        }
    }

    var requirements: [RequirementID] {
        var requirements: [RequirementID] = []
        if python { requirements.append(RequirementID(0)) }
        if swift { requirements.append(RequirementID(1)) }
        return requirements
    }
}
