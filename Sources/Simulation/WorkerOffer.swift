import TaskModel

/// What a worker tells the scheduler at its hello. It is the same in each of its lives.
struct WorkerOffer: BitwiseCopyable {
    var slots: Int
    var python: Bool
    var swift: Bool
    var spares: Int
    /// What the attempts that run on it take together, at most.
    var amounts: Amounts
    /// As bits.
    var labels: UInt8

    /// Whether it could ever run a task of this kind with this wish.
    func serves(_ kind: ExecutorKind, _ wish: Wish) -> Bool {
        let hasExecutor =
            switch kind {
            case .python: python
            case .swift: swift
            case .command: false
            }
        return hasExecutor && amounts.missing(for: wish.amounts) == nil && suits(wish)
    }

    /// Whether its labels are those that are asked for.
    func suits(_ wish: Wish) -> Bool { labels & wish.labels == wish.labels && labels & wish.avoids == 0 }
}
