import Synchronization
import TaskModel

/// Where a registered Swift function runs, seen from inside of it.
public struct TaskContext: Sendable {
    /// The task that this code runs in; nil outside of every task of a cluster.
    @TaskLocal public static var current: TaskContext?

    /// The gpus of the task that this code runs in, as `CUDA_VISIBLE_DEVICES` names them. Empty in a task
    /// that asked for none, and outside of a task. A task that asked for a share of one has that one.
    public static var currentDevices: [String] { current?.devices ?? [] }

    /// The id that `isthmus explain` takes.
    public var task: String { attemptID.task.description }
    /// The number of this attempt, from 1.
    public var attempt: Int { Int(attemptID.number) }
    /// See `currentDevices`.
    public let devices: [String]

    let attemptID: AttemptID
}
