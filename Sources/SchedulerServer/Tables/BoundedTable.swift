/// What is remembered of things that are gone: the last `capacity` of them; the oldest is forgotten first.
struct BoundedTable<Key: Hashable, Value> {
    private let capacity: Int
    private var values: [Key: Value] = [:]
    /// In the order in which they were first kept, as a ring.
    private var order: [Key] = []
    private var oldest = 0

    /// - Parameter capacity: at least 1.
    init(capacity: Int) {
        precondition(capacity > 0, "a table has room for something")
        self.capacity = capacity
    }

    mutating func keep(_ value: Value, of key: Key) {
        guard values.updateValue(value, forKey: key) == nil else { return }
        if order.count < capacity {
            order.append(key)
            return
        }
        values[order[oldest]] = nil
        order[oldest] = key
        oldest = (oldest + 1) % capacity
    }

    subscript(key: Key) -> Value? { values[key] }
}
