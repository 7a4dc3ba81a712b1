internal import TaskModel

/// What the runner has not taken yet, in order. Attempts can be taken out again until then.
struct WorkQueue: ~Copyable {
    private var items: [Work?] = []
    private var head = 0
    private var holes = 0

    var isEmpty: Bool { items.count - head - holes == 0 }
    var count: Int { items.count - head - holes }

    mutating func append(_ work: Work) { items.append(work) }

    mutating func popFirst() -> Work? {
        while head < items.count {
            let item = items[head]
            items[head] = nil
            head += 1
            if head == items.count {
                items.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 256, head * 2 >= items.count {
                items.removeSubrange(..<head)
                head = 0
            }
            if let item { return item }
            holes -= 1
        }
        return nil
    }

    /// Takes an attempt out; false when it is not here (any more).
    mutating func remove(_ attempt: AttemptID) -> Bool {
        for index in head..<items.count {
            if case .attempt(let waiting)? = items[index], waiting.attempt == attempt {
                items[index] = nil
                holes += 1
                return true
            }
        }
        return false
    }
}
