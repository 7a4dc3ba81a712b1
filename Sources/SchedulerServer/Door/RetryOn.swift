// Whether an exception is one that its task's option `retry_on` names. Names are compared, never classes:
// nothing is unpickled here.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    /// True unless the outcome is an exception that the task does not want to be tried again after.
    func isRetryable(
        _ head: OutcomeHead, _ record: Record, of frame: ReceivedFrame, _ task: TaskSlot
    ) -> Bool {
        guard head.status == .exception, tasks.holds(task) else { return true }
        let entry = tasks[task]
        guard let client = peers.client(entry.client) else { return true }
        let wanted = client.options.usable(entry.options).retryOn
        if wanted.isEmpty { return true }
        return Self.exceptionNames(of: StoredRecord(record, of: frame)).contains { wanted.contains($0) }
    }

    /// The exception's class and its bases, as the executor summed it up; empty if it did not.
    private static func exceptionNames(of outcome: StoredRecord) -> [String] {
        guard let summary = outcome.exceptionSummary() else { return [] }
        var names: [String] = []
        if let name = summary["class"]?.string { names.append(name) }
        if case .array(let bases) = summary["bases"] { names += bases.compactMap(\.string) }
        return names
    }
}
