// Why a task is where it is, in words: the answer that `isthmus explain` prints.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    func explanation(of id: TaskID) -> TaskExplanation? {
        guard let summary = summary(of: id) else { return nil }
        guard let slot = core.task(id), let explanation = core.explain(slot) else {
            return TaskExplanation(
                task: summary, summary: endedWords(summary), details: lastWords(of: id), dependencies: [],
                parent: nil)
        }
        let (dependencies, parent) = family(of: slot)
        var details: [String] = []
        for dependency in dependencies.prefix(Self.dependenciesShownMax) {
            details.append("depends on \(dependency), which \(stateWords(dependency))")
        }
        if dependencies.count > Self.dependenciesShownMax {
            details.append("and on \(dependencies.count - Self.dependenciesShownMax) further tasks")
        }
        if let parent { details.append("was submitted by task \(parent)") }
        if tasks.holds(slot), let made = tasks.made(slot) { details.append(made.detail) }
        if tasks.holds(slot), !tasks[slot].isMade, let detail = tasks[slot].outcome?.detail(), !detail.isEmpty
        {
            details.append(detail)
        }
        details += lastWords(of: id)
        return TaskExplanation(
            task: summary, summary: words(explanation), details: details, dependencies: dependencies,
            parent: parent)
    }

    private static var dependenciesShownMax: Int { 10 }

    private func words(_ explanation: Explanation) -> String {
        switch explanation {
        case .waitsForDependencies(let missing, let first):
            return missing == 1
                ? "waits for task \(core.id(of: first)), which it depends on and which "
                    + "\(stateWords(core.id(of: first)))"
                : "waits for \(missing) tasks that it depends on, among them \(core.id(of: first)), "
                    + "which \(stateWords(core.id(of: first)))"
        case .waitsForRetry(let attempt, let until):
            return
                "waits \(seconds(until: until)) before attempt \(attempt): attempt \(attempt - 1) raised an "
                + "exception, and its backoff is not over"
        case .noWorkerProvides(let requirement, let workers, let draining, let refusedAt):
            let refusal =
                refusedAt.map { "; it is refused in \(wholeSeconds(until: $0)) s unless one joins" } ?? ""
            return noWorkerWords(requirements[requirement], workers: workers, draining: draining) + refusal
        case .waitsForExpectedWorker(let requirement):
            return
                "waits for a worker with \(requirements.words(requirements[requirement])): one that was "
                + "announced with --expect has not joined yet"
        case .waitsForSlot(_, let wait): return words(wait)
        case .waitsForResources(let requirement, let workers, let keptFree):
            let kept = keptFree.map { "; worker \(name($0)) is kept free for it" } ?? ""
            if case .refined(let demand) = requirements[requirement], let gpus = whoseGpusAreTaken(demand) {
                return "waits for \(requirements.words(requirements[requirement])): \(gpus)\(kept)"
            }
            return
                "waits for \(requirements.words(requirements[requirement])): "
                + "\(counted(workers, "worker")) \(workers == 1 ? "has" : "have") as much, and other tasks "
                + "take it now\(kept)"
        case .recordsDispatch(let worker):
            return
                "is about to go to worker \(name(worker)): its dispatch is being recorded first, because "
                + "it was submitted with idempotent=False"
        case .held(let worker, let attempt, let since):
            return
                "is held by worker \(name(worker)) as attempt \(attempt) for \(seconds(since)): it waits "
                + "there for an executor, or has just started"
        case .running(let worker, let attempt, let since):
            return
                "runs on worker \(name(worker)) as attempt \(attempt); the worker has it for "
                + "\(seconds(since))"
        case .stopping(let worker, let attempt, let since):
            return
                "is being stopped on worker \(name(worker)) (attempt \(attempt), there for "
                + "\(seconds(since))): cancellation was requested"
        case .expiring(let worker, let attempt, let since):
            return
                "is being stopped on worker \(name(worker)) (attempt \(attempt), there for "
                + "\(seconds(since))): its deadline has passed"
        case .ended(let status, let reason, let cause):
            let because = cause.map { ", because of task \(core.id(of: $0))" } ?? ""
            return "ended: \(words(status, reason))\(because)"
        }
    }

    private func words(_ wait: SlotWait) -> String {
        let (them, hold) = wait.workers == 1 ? ("it", "holds") : ("they", "hold")
        var ahead: [String] = []
        if wait.ahead > 0 { ahead.append("at most \(counted(wait.ahead, "task")) of its session") }
        if wait.moreUrgent > 0 { ahead.append("\(wait.moreUrgent) with a higher priority") }
        let queue =
            ahead.isEmpty
            ? "it is the next one of its session" : "ahead of it are \(ahead.joined(separator: " and "))"
        let sharing = wait.sessions > 1 ? "; \(wait.sessions) sessions take turns" : ""
        return
            "waits for a free slot: \(counted(wait.workers, "worker")) can run it, with "
            + "\(counted(wait.slots, "slot")) in all, and \(hold) \(counted(wait.held, "task")), as many as "
            + "\(them) may; \(queue)\(sharing)"
    }

    /// No worker that takes tasks has what the task needs: says which ones are there.
    private func noWorkerWords(_ requirement: Requirement, workers: UInt32, draining: UInt32) -> String {
        let wanted = "waits for a worker with \(requirements.words(requirement))"
        if workers == 0 {
            return "\(wanted): no worker is connected; start one with `isthmus worker --connect ADDRESS`"
        }
        if draining == workers {
            return
                "\(wanted): \(workers == 1 ? "the only worker is" : "all \(workers) workers are") "
                + "draining; start another"
        }
        let none =
            workers == 1
            ? "which the only connected worker does not have"
            : "which none of the \(workers) connected workers has"
        return "\(wanted), \(none); \(remedy(requirement))"
    }

    private func endedWords(_ task: TaskSummary) -> String {
        guard let status = task.status, let reason = task.reason else { return "has ended" }
        return "ended: \(words(status, reason))"
    }

    /// The last line of the traceback, which names the exception, if it is still kept.
    private func lastWords(of id: TaskID) -> [String] {
        guard let traceback = outputs[id]?.first(where: { $0.kind == .traceback }) else { return [] }
        guard let last = traceback.bytes.split(separator: UInt8(ascii: "\n")).last else { return [] }
        return [String(decoding: last.prefix(Limits.fieldValueBytesMax), as: UTF8.self)]
    }

    /// Completes "task …, which …".
    private func stateWords(_ id: TaskID) -> String {
        guard let summary = summary(of: id) else { return "is forgotten" }
        switch summary.state {
        case .waiting: return "waits for its own dependencies or its next attempt"
        case .ready: return "waits for a worker"
        case .assigned: return "is held by worker \(summary.workerName ?? "?")"
        case .running: return "runs on worker \(summary.workerName ?? "?")"
        case .ended: return "has ended"
        }
    }

    private func words(_ status: OutcomeStatus, _ reason: OutcomeReason) -> String {
        let what =
            switch status {
            case .value: "with a value"
            case .exception: "with an exception"
            case .cancelled: "cancelled"
            case .lost: "lost"
            case .timedOut: "timed out"
            case .refused: "refused"
            }
        return reason == .none ? what : "\(what) (\(reason.words))"
    }

    /// Read from the submit record, which is kept until the task ends.
    private func family(of slot: TaskSlot) -> (dependencies: [TaskID], parent: TaskID?) {
        if let source = core.conversionSource(of: slot) { return ([core.id(of: source)], nil) }
        guard tasks.holds(slot), let record = tasks[slot].submission else { return ([], nil) }
        let session = tasks[slot].id.session
        return record.withBody { (body, bytes) throws(WireError) in
            let submission = try Submission(decoding: &body, flags: record.flags)
            var reader = ByteReader(bytes, at: submission.dependenciesStart)
            var dependencies: [TaskID] = []
            for _ in 0..<submission.dependencies {
                dependencies.append(TaskID(session: session, sequence: try reader.uint64("dependency")))
            }
            return (dependencies, submission.parent)
        }
    }

    private func name(_ slot: WorkerSlot) -> String { peers.worker(slot)?.displayName ?? "?" }

    private func wholeSeconds(until instant: Instant) -> Int64 {
        max(0, (instant - now).nanoseconds + 999_999_999) / 1_000_000_000
    }

    private func seconds(_ since: Instant) -> String { words(now - since) }
    private func seconds(until: Instant) -> String { words(until - now) }

    func words(_ interval: Interval) -> String {
        let milliseconds = UInt64(max(0, interval.nanoseconds / 1_000_000))
        switch milliseconds {
        case ..<1_000: return "\(milliseconds) ms"
        case ..<10_000: return "\(decimal(thousandths: milliseconds / 100 * 100)) s"
        case ..<120_000: return "\(milliseconds / 1_000) s"
        case ..<7_200_000: return "\(milliseconds / 60_000) min"
        default: return "\(milliseconds / 3_600_000) h"
        }
    }

    func counted(_ count: UInt32, _ what: String) -> String {
        "\(count) \(what)\(count == 1 ? "" : "s")"
    }
}

extension OutcomeReason {
    /// For a person, in brackets behind the status.
    var words: String {
        switch self {
        case .none: ""
        case .executorCrashed: "its executor died"
        case .memoryLimit: "its executor was over its memory limit"
        case .workerLost: "its worker was lost"
        case .notIdempotent: "it may have started and was submitted with idempotent=False"
        case .dependencyFailed: "a task that it depends on failed"
        case .initializerFailed: "the session's initializer failed"
        case .notSerializable: "its result could not be serialized"
        case .limitExceeded: "a limit was exceeded"
        case .unknownOption: "unknown option"
        case .unservable: "no worker can run it"
        case .executionTimeout: "it ran longer than its timeout"
        case .clientRequest: "on request"
        case .functionNotLoadable: "its function could not be loaded"
        case .malformed: "malformed"
        case .sessionClosed: "its session was closed"
        case .argumentsNotLoadable: "its arguments could not be unpickled"
        case .deadlineExceeded: "its deadline passed"
        }
    }
}
