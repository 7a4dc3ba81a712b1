package import SchedulerServer
package import TaskModel

/// What the control API asks of the cluster behind it. `SchedulerControl` is the one in production; the
/// tests of the API's words and error codes have another.
package protocol ControlledCluster: Sendable {
    /// The state of the cluster in counts.
    func status() async throws(ControlError) -> ClusterStatus
    /// Workers first, then clients.
    func nodes() async throws(ControlError) -> [NodeStatus]
    /// Some tasks, unfinished ones first.
    func tasks(
        _ filter: TaskFilter, limit: Int, after cursor: TaskCursor?
    ) async throws(ControlError) -> TaskPage
    /// Where a task is and why, in words.
    func explain(_ id: TaskID) async throws(ControlError) -> TaskExplanation
    /// What a task wrote, as far as it is still kept.
    func output(of id: TaskID) async throws(ControlError) -> TaskOutput
    /// False: it had ended before.
    @discardableResult
    func cancel(_ id: TaskID) async throws(ControlError) -> Bool
    /// Lets a worker finish what it runs and leave.
    func drain(worker: SessionID) async throws(ControlError)
    /// What happens from now on.
    func events() async throws(ControlError) -> AsyncStream<ClusterEvent>
}

extension SchedulerControl: ControlledCluster {}
