import TaskModel

/// What ended tasks wrote, for `isthmus output`. Bounded by bytes; the oldest goes first.
struct OutputHistory {
    private var parts: [TaskID: [TaskOutputPart]] = [:]
    /// In the order in which they came; what lies before `head` has gone.
    private var order: [(task: TaskID, bytes: Int)] = []
    private var head = 0
    private(set) var bytes = 0

    mutating func keep(_ output: [TaskOutputPart], of task: TaskID) {
        guard parts[task] == nil else { return }
        let size = output.reduce(64) { $0 + $1.bytes.count }
        parts[task] = output
        order.append((task, size))
        bytes += size
        while bytes > Limits.outputBytesKeptMax {
            let oldest = order[head]
            head += 1
            bytes -= oldest.bytes
            parts[oldest.task] = nil
        }
        if head > 1_024, head * 2 > order.count {
            order.removeFirst(head)
            head = 0
        }
    }

    subscript(task: TaskID) -> [TaskOutputPart]? { parts[task] }
}
