import TaskModel

/// What a worker tells the scheduler at its hello. It is the same in each of its lives.
struct WorkerOffer: BitwiseCopyable {
    var slots: Int
    var python: Bool
    var swift: Bool
    var spares: Int

    func serves(_ kind: ExecutorKind) -> Bool {
        switch kind {
        case .python: python
        case .swift: swift
        case .command: false
        }
    }
}
