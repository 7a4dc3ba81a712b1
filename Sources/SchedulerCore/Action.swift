// What the server must do: imperative, one effect per case.
//
// Order rules, which the server keeps by running actions in the order in which they were appended:
//   - `record(n)` comes before every `accept`, `deliver` or `assign` that depends on it, and these come only
//     after the core absorbed `recorded(upTo:)` with at least n. A server with a memory store absorbs that
//     in the same turn and runs what it appends.
//   - The dispatch of a task that is not idempotent is recorded before its `assign` leaves.
//   - `conclude` of a task comes before its `record(.ended)`, and after the outcome of its `cause` exists.
//   - `forget` is the last word on a task: its slot's index may name another task afterwards.
//   - `forgetSession` for a worker comes before any later `assign` to it.
//   - `dropValue` of a task comes before its `forget`, and after every `assign` that needs the value there.
//     No `dropValue` follows a `forgetSession`, which means the values of the session as well.

package import TaskModel

/// An effect that the server carries out.
package enum Action: Sendable, BitwiseCopyable {
    /// Write this entry to the store, in the order of the numbers (they have no gaps), then absorb
    /// `recorded(upTo:)`. Several entries may be written at once.
    case record(UInt64, Entry)
    /// Tell the client that every sequence up to this one is accepted.
    case accept(SessionSlot, upTo: UInt64)
    /// Send the attempt with its arguments and the values of `dependencies(of:)` to the worker, each on its
    /// `route(_:to:)`.
    case assign(TaskSlot, attempt: UInt32, to: WorkerSlot)
    /// Ask the worker to give the attempt back if it has not started.
    case retract(TaskSlot, attempt: UInt32, from: WorkerSlot)
    /// Ask the worker to stop the attempt, running or not. It answers with an outcome or gives it back.
    case stop(TaskSlot, attempt: UInt32, on: WorkerSlot)
    /// Make an outcome for the task: no worker's outcome tells its end. With a `cause`, a dependency that
    /// failed: take over the payload and the detail of that task's outcome. The arguments may go.
    case conclude(TaskSlot, OutcomeStatus, OutcomeReason, cause: TaskSlot?)
    /// Send the task's outcome to its client. (Never for an internal task.)
    case deliver(TaskSlot)
    /// Tell the client that the task is running.
    case notifyStarted(TaskSlot)
    /// Nobody needs the task again: its arguments and outcome may go, and its slot.
    case forget(TaskSlot)
    /// Tell the worker that it need not hold the value of this task any longer.
    case dropValue(TaskSlot, on: WorkerSlot)
    /// Remember that the task ran on this worker, or may have, when the worker died: it may be why. Then it
    /// is placed again, or a `conclude` follows.
    case blame(TaskSlot, WorkerSlot)
    /// Tell the worker to stop and drop everything of the session, without reporting it.
    case forgetSession(WorkerSlot, SessionID)
    /// Tell the worker to give back what has not started, finish the rest and say goodbye.
    case drain(WorkerSlot)

    /// What the store keeps of a task.
    package enum Entry: Sendable, BitwiseCopyable {
        case submitted(TaskSlot)
        case dispatched(TaskSlot)
        case ended(TaskSlot)
    }
}
