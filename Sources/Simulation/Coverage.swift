import TaskModel

/// Promises that a run can easily keep because nothing puts them to the test: what did so, by name.
enum Trial: UInt8, CaseIterable, BitwiseCopyable {
    /// Attempts that run at once take all that their worker has of a kind.
    case cpusUsedUp, memoryUsedUp, gpusUsedUp, customUsedUp
    /// More attempts run at once than there are cpus.
    case cpusDivided
    /// Several attempts have a part of one gpu.
    case gpuShared
    case affinity, antiAffinity, unservable
    // Of contests; see `Contest.Kind`.
    case fairShares, newcomer, aging, urgentFirst, largeTask, spread
    /// Large values on each of their routes.
    case valueReferred, valueSentAhead, valueSentWithTask
    /// What was taken for dead joined again.
    case workerReturned

    var needsFaults: Bool { self == .workerReturned }
}

/// What was exercised. A campaign in which a named fault or an action of a core never came up proves less
/// than it says, so it fails.
package struct Coverage: Sendable {
    private(set) var faults = [UInt64](repeating: 0, count: Fault.allCases.count)
    private(set) var trials = [UInt64](repeating: 0, count: Trial.allCases.count)
    private(set) var schedulerActions = [UInt64](repeating: 0, count: SchedulerActionName.allCases.count)
    private(set) var workerActions = [UInt64](repeating: 0, count: WorkerActionName.allCases.count)
    private(set) var sessionActions = [UInt64](repeating: 0, count: SessionActionName.allCases.count)
    private(set) var statuses = [UInt64](repeating: 0, count: OutcomeStatus.allCases.count)
    private(set) var reasons = [UInt64](repeating: 0, count: OutcomeReason.allCases.count)

    package init() {}

    mutating func count(_ fault: Fault) { faults[Int(fault.rawValue)] += 1 }
    mutating func count(_ trial: Trial) { trials[Int(trial.rawValue)] += 1 }
    mutating func count(_ name: SchedulerActionName) { schedulerActions[Int(name.rawValue)] += 1 }
    mutating func count(_ name: WorkerActionName) { workerActions[Int(name.rawValue)] += 1 }
    mutating func count(_ name: SessionActionName) { sessionActions[Int(name.rawValue)] += 1 }
    mutating func count(_ outcome: Outcome) {
        statuses[Int(outcome.status.rawValue)] += 1
        reasons[Int(outcome.reason.rawValue)] += 1
    }

    mutating func add(_ other: Coverage) {
        for index in faults.indices { faults[index] += other.faults[index] }
        for index in trials.indices { trials[index] += other.trials[index] }
        for index in schedulerActions.indices { schedulerActions[index] += other.schedulerActions[index] }
        for index in workerActions.indices { workerActions[index] += other.workerActions[index] }
        for index in sessionActions.indices { sessionActions[index] += other.sessionActions[index] }
        for index in statuses.indices { statuses[index] += other.statuses[index] }
        for index in reasons.indices { reasons[index] += other.reasons[index] }
    }

    /// Names and counts, in groups.
    package var table: [(group: String, counts: [(name: String, count: UInt64)])] {
        [
            ("faults", zip(Fault.allCases, faults).map { ("\($0)", $1) }),
            ("trials", zip(Trial.allCases, trials).map { ("\($0)", $1) }),
            ("scheduler actions", zip(SchedulerActionName.allCases, schedulerActions).map { ("\($0)", $1) }),
            ("worker actions", zip(WorkerActionName.allCases, workerActions).map { ("\($0)", $1) }),
            ("session actions", zip(SessionActionName.allCases, sessionActions).map { ("\($0)", $1) }),
            ("outcomes", zip(OutcomeStatus.allCases, statuses).map { ("\($0)", $1) }),
            ("reasons", zip(OutcomeReason.allCases, reasons).map { ("\($0)", $1) }),
        ]
    }

    /// Trials, faults and actions of cores that never came up. Without faults many of the latter cannot, so
    /// none is missed.
    package func missing(_ level: FaultLevel) -> [String] {
        var missing: [String] = []
        for (group, counts) in table where group != "outcomes" && group != "reasons" {
            if level == .none, group != "trials" { continue }
            for (name, count) in counts where count == 0 {
                if level == .none, Trial.allCases.contains(where: { $0.needsFaults && "\($0)" == name }) {
                    continue
                }
                missing.append("\(group): \(name)")
            }
        }
        return missing
    }
}
