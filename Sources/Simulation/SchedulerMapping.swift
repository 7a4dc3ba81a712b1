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
            ranMicroseconds: report.ran.wireMicroseconds, valueBytes: report.valueBytes,
            isHeld: report.isHeld)
    }
}

extension WorkerOffer {
    var requirements: [RequirementID] {
        var requirements: [RequirementID] = []
        if python { requirements.append(RequirementNumbers.base(of: .python)) }
        if swift { requirements.append(RequirementNumbers.base(of: .swift)) }
        return requirements
    }

    /// nil: a cpu for each slot and nothing else, so nothing needs to be said.
    var resources: Resources? { amounts == Amounts(cpus: slots) ? nil : Resources(amounts) }
}

extension Resources {
    init(_ amounts: Amounts) {
        self.init()
        self[Self.cpu] = UInt64(amounts[.cpu])
        self[Self.memory] = UInt64(amounts[.memory])
        self[Self.gpu] = UInt64(amounts[.gpu])
        self[Self.firstCustom] = UInt64(amounts[.custom])
    }
}

/// Numbers what tasks need, as the product's `RequirementTable`: bases from 0, and each combination of a
/// base and a wish when it is first met.
struct RequirementNumbers {
    private struct Key: Hashable {
        let base: RequirementID
        let wish: Wish
    }

    private var numbers: [Key: RequirementID] = [:]

    static func base(of kind: ExecutorKind) -> RequirementID {
        switch kind {
        case .python, .command: RequirementID(0)
        case .swift: RequirementID(1)
        }
    }

    static func labels(_ bits: UInt8) -> [UInt32] { (0..<8).filter { bits >> $0 & 1 == 1 } }

    mutating func requirement(of spec: TaskSpec, _ core: inout Scheduler) -> RequirementID {
        let base = Self.base(of: spec.kind)
        if spec.wish == Wish() { return base }
        let key = Key(base: base, wish: spec.wish)
        if let known = numbers[key] { return known }
        let added = RequirementID(UInt32(2 + numbers.count))
        numbers[key] = added
        let demand = Demand(
            base: base, resources: Resources(spec.wish.amounts), labels: Self.labels(spec.wish.labels),
            avoids: Self.labels(spec.wish.avoids), isSpread: spec.wish.isSpread)
        core.refine(added, demand)
        return added
    }
}
