// What the system itself has to say of a task's end: what happened, where, and what to do.

import Logging
import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    mutating func conclude(
        _ task: TaskSlot, _ status: OutcomeStatus, _ reason: OutcomeReason, cause: TaskSlot?
    ) {
        // An internal task that was never sent has no entry, and when it is gone nobody asks for its end.
        guard tasks.holds(task) || core.isCurrent(task) else { return }
        ensureEntry(task)
        releaseArguments(of: task)
        let entry = tasks[task]
        keepName(of: entry)
        let detail: String
        var first: FirstCause?
        var payload: StoredRecord?
        if let cause, tasks.holds(cause) {
            let found = firstCause(of: cause)
            detail = words(of: entry, causedBy: cause, found, status)
            first = found
            // What was raised inside a task that was stopped is ours, and says nothing to its dependants.
            payload = found.status == .exception ? tasks[cause].outcome : nil
        } else {
            detail =
                reason == .unservable ? unservableWords(task, entry) : words(of: entry, status, reason)
        }
        tasks.make(
            MadeOutcome(
                status: status, reason: reason, attempt: entry.attempt, worker: workerSession(of: entry),
                detail: detail, firstCause: first),
            payload: payload, for: task)
        if status == .lost {
            logger.warning("task lost", metadata: ["task": "\(entry.id)", "reason": "\(reason)"])
        }
        publish(.taskFailed(entry.id, status, reason, detail: detail))
    }

    private func workerSession(of entry: TaskEntry) -> SessionID {
        guard let worker = peers.worker(entry.worker) else { return SessionID(0) }
        return worker.about.session
    }

    private func words(
        of entry: TaskEntry, causedBy cause: TaskSlot, _ first: FirstCause, _ status: OutcomeStatus
    ) -> String {
        if let source = core.conversionSource(of: cause), core.isCurrent(source) {
            return
                "task \(entry.id) was not run: the pickled value of task \(core.id(of: source)), which it "
                + "depends on, could not be converted to neutral form: \(first.words)"
        }
        if tasks[cause].id == first.task {
            return
                "task \(entry.id) was not run: \(first.name), which it depends on, \(first.how): "
                + first.words
        }
        return
            "task \(entry.id) was not run: task \(tasks[cause].id), which it depends on, was not run either, "
            + "since \(first.name) \(first.how): \(first.words)"
    }

    /// One text for each way in which the core ends a task by itself.
    func words(of entry: TaskEntry, _ status: OutcomeStatus, _ reason: OutcomeReason) -> String {
        let task = "task \(entry.id)"
        let place = place(of: entry)
        let options = peers.client(entry.client)?.options.usable(entry.options)
        switch reason {
        case .clientRequest:
            return entry.attempt == 0
                ? "\(task) was cancelled on request before it had started"
                : "\(task) was cancelled on request\(place)"
        case .workerLost:
            return workerLostWords(entry)
        case .notIdempotent:
            return
                "\(task) may have started\(place) when that worker or its executor was lost, and it was "
                + "submitted "
                + "with idempotent=False, so it is not started again; check what it has done, then submit "
                + "it anew"
        case .executorCrashed, .memoryLimit:
            return
                "\(task) was given up\(place): its executor died \(Limits.executorCrashesMax + 1) times "
                + "while it ran; run the function alone to see why"
        case .dependencyFailed:
            return "\(task) was not run: a task that it depends on did not end with a value"
        case .sessionClosed:
            return "\(task) was dropped\(place): its session is closed"
        case .executionTimeout:
            return "\(task) ran longer than its timeout\(allowed(options?.timeoutMilliseconds))\(place)"
        case .deadlineExceeded:
            let deadline = "its deadline\(allowed(options?.deadlineMilliseconds))"
            return entry.attempt == 0
                ? "\(task) was not started before \(deadline); allow it more time, or add workers"
                : "\(task) had not ended when \(deadline) passed\(place); allow it more time, or add workers"
        case .none, .initializerFailed, .notSerializable, .limitExceeded, .unknownOption, .unservable,
            .functionNotLoadable, .malformed, .argumentsNotLoadable:
            return "\(task) ended as \(status)\(place)"
        }
    }

    private func workerLostWords(_ entry: TaskEntry) -> String {
        let names = (blames[entry.id] ?? []).map(\.name)
        guard names.count >= Limits.workerLossesMax else {
            return
                "task \(entry.id) was lost: its worker fell silent\(place(of: entry)), as others had before, "
                + "more than \(Limits.workerAbsencesMax) times; look at the workers' logs and network, then "
                + "submit it again"
        }
        return
            "task \(entry.id) was given up: it ran on \(names.count) workers when they died "
            + "(\(names.joined(separator: ", "))), so it is likely to be why; it is not tried again. Look "
            + "at the workers' logs and memory, and run the function alone"
    }

    /// " of 1.5 s"; nothing for a limit that is not known any more.
    private func allowed(_ milliseconds: UInt32?) -> String {
        guard let milliseconds, milliseconds > 0 else { return "" }
        return " of \(decimal(thousandths: UInt64(milliseconds))) s"
    }

    private func place(of entry: TaskEntry) -> String {
        guard entry.attempt > 0 else { return "" }
        guard let worker = peers.worker(entry.worker) else { return " (attempt \(entry.attempt))" }
        return " (attempt \(entry.attempt) on worker \(worker.displayName))"
    }
}

extension SchedulerLoop {
    /// Before its row goes.
    mutating func keepName(of entry: TaskEntry) {
        guard entry.options != 0, let client = peers.client(entry.client) else { return }
        let name = client.options.usable(entry.options).name
        if !name.isEmpty { endedNames.keep(name, of: entry.id) }
    }
}

extension WorkerPeer {
    var displayName: String { about.name.isEmpty ? "\(about.session)" : "\(about.name) [\(about.session)]" }
}
