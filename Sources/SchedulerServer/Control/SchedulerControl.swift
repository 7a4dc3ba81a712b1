import SessionTransport
package import TaskModel

/// What an operator may ask of a running scheduler, from any thread or Swift task. Each request goes through
/// the loop's bounded mailbox and is answered in the turn that took it. Before the loop runs requests wait;
/// after it has ended they fail with `stopped`.
package struct SchedulerControl: Sendable {
    let mailbox: Mailbox<ControlRequest>

    /// The state of the cluster in counts.
    package func status() async throws(ControlError) -> ClusterStatus {
        try await ask { loop in .success(loop.clusterStatus()) }
    }

    /// Workers first, then clients, each in the order of their rows.
    package func nodes() async throws(ControlError) -> [NodeStatus] {
        try await ask { loop in .success(loop.nodes()) }
    }

    /// Some tasks: unfinished ones first, then those that ended, newest first.
    /// - Parameter limit: at most this many, itself bounded by `Limits.controlPageMax`.
    package func tasks(
        _ filter: TaskFilter, limit: Int, after cursor: TaskCursor?
    ) async throws(ControlError) -> TaskPage {
        try await ask { loop in .success(loop.tasks(filter, limit: limit, after: cursor)) }
    }

    package func task(_ id: TaskID) async throws(ControlError) -> TaskSummary {
        try await ask { loop in loop.summary(of: id).map(Result.success) ?? .failure(.unknownTask(id)) }
    }

    /// Says in words where the task is and, when it waits, for what.
    package func explain(_ id: TaskID) async throws(ControlError) -> TaskExplanation {
        try await ask { loop in loop.explanation(of: id).map(Result.success) ?? .failure(.unknownTask(id)) }
    }

    /// What the task wrote, as far as it is still kept (values are not shown: only their owner unpickles).
    package func output(of id: TaskID) async throws(ControlError) -> TaskOutput {
        try await ask { loop in loop.output(of: id).map(Result.success) ?? .failure(.unknownTask(id)) }
    }

    /// Ends the task as `cancelled`; a running attempt is stopped. False: it had ended before.
    @discardableResult
    package func cancel(_ id: TaskID) async throws(ControlError) -> Bool {
        try await ask { loop in loop.cancel(id).map(Result.success) ?? .failure(.unknownTask(id)) }
    }

    /// Tells the worker to give back what has not started, finish the rest and leave.
    package func drain(worker: SessionID) async throws(ControlError) {
        try await ask { loop in loop.drain(worker) }
    }

    /// What happens from now on. The stream holds at most `Limits.controlEventsMax` events for a slow reader
    /// (the oldest are dropped; `number` shows the gap) and ends when the scheduler stops.
    package func events() async throws(ControlError) -> AsyncStream<ClusterEvent> {
        try await ask { loop in
            loop.watchers.add().map(Result.success)
                ?? .failure(.tooManyWatchers(limit: Limits.controlWatchersMax))
        }
    }

    private func ask<Answer: Sendable>(
        _ question: @escaping @Sendable (inout SchedulerLoop) -> Result<Answer, ControlError>
    ) async throws(ControlError) -> Answer {
        let result: Result<Answer, ControlError> = await withCheckedContinuation { continuation in
            let request = ControlRequest(
                answer: { loop in continuation.resume(returning: question(&loop)) },
                abandon: { continuation.resume(returning: .failure(.stopped)) })
            do throws(MailboxError) {
                try mailbox.post(request)
            } catch {
                switch error {
                case .full: continuation.resume(returning: .failure(.busy))
                case .closed: continuation.resume(returning: .failure(.stopped))
                }
            }
        }
        return try result.get()
    }
}
