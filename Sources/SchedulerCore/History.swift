// The last tasks that ended, in a ring: what `isthmus tasks` and `explain` still know of them after their
// rows are gone.

import TaskModel

struct History: ~Copyable {
    private var ring: [EndedTask] = []
    private var next = 0

    mutating func append(_ task: EndedTask) {
        if ring.count < Limits.endedTasksKeptMax {
            ring.append(task)
        } else {
            ring[next] = task
        }
        next = (next + 1) % Limits.endedTasksKeptMax
    }

    var count: Int { ring.count }

    /// 0 is the newest.
    subscript(age: Int) -> EndedTask {
        ring[(next + ring.count - 1 - age) % ring.count]
    }
}
