import TaskModel

/// Names that tasks were given by an option, for as long as the core's history knows the tasks: it keeps
/// numbers of functions only, and a session's options go with the session.
struct EndedNames {
    private var names: [TaskID: String] = [:]
    /// In the order in which they ended, as a ring.
    private var order: [TaskID] = []
    private var next = 0

    mutating func keep(_ name: String, of task: TaskID) {
        guard !name.isEmpty, names.updateValue(name, forKey: task) == nil else { return }
        if order.count < Limits.endedTasksKeptMax {
            order.append(task)
            return
        }
        names[order[next]] = nil
        order[next] = task
        next = (next + 1) % Limits.endedTasksKeptMax
    }

    subscript(task: TaskID) -> String? { names[task] }
}

extension SchedulerLoop {
    /// Before its row goes.
    mutating func keepName(of entry: TaskEntry) {
        guard entry.options != 0, let client = peers.client(entry.client) else { return }
        endedNames.keep(client.options.usable(entry.options).name, of: entry.id)
    }
}
