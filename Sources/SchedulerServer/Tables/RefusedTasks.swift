import TaskModel

/// Why submissions of one client did not become tasks, for what is submitted later and depends on them: they
/// have no row. The oldest is forgotten first.
struct RefusedTasks {
    private var causes: [UInt64: FirstCause] = [:]
    /// Sequences in the order of their refusal, as a ring.
    private var order: [UInt64] = []
    private var next = 0

    mutating func keep(_ cause: FirstCause, of sequence: UInt64) {
        guard causes.updateValue(cause, forKey: sequence) == nil else { return }
        if order.count < Limits.refusedTasksKeptMax {
            order.append(sequence)
            return
        }
        causes[order[next]] = nil
        order[next] = sequence
        next = (next + 1) % Limits.refusedTasksKeptMax
    }

    subscript(sequence: UInt64) -> FirstCause? { causes[sequence] }
}
