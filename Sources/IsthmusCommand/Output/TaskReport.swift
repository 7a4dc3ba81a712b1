internal import ControlAPI

/// A task as `--json` shows it.
struct TaskReport: Encodable {
    let task: String
    let name: String
    let kind: String
    let state: String
    let attempt: UInt32
    let worker: String?
    let workerName: String?
    let ageUs: UInt64
    let ranUs: UInt64?
    let status: String?
    let reason: String?

    init(_ summary: Isthmus_Control_V1_TaskSummary) {
        task = summary.task
        name = summary.name
        kind = summary.kind
        state = summary.state.words
        attempt = summary.attempt
        worker = summary.worker.nonEmpty
        workerName = summary.workerName.nonEmpty
        ageUs = summary.ageUs
        ranUs = summary.hasRanUs ? summary.ranUs : nil
        status = summary.status.nonEmpty
        reason = summary.reason.nonEmpty
    }

    enum Key: String, CodingKey, CaseIterable {
        case task, name, kind, state, attempt, worker, workerName, ageUs, ranUs, status, reason
    }

    /// Writes null where there is nothing, so that a reader finds every field.
    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(task, forKey: .task)
        try fields.encode(name, forKey: .name)
        try fields.encode(kind, forKey: .kind)
        try fields.encode(state, forKey: .state)
        try fields.encode(attempt, forKey: .attempt)
        try fields.encode(worker, forKey: .worker)
        try fields.encode(workerName, forKey: .workerName)
        try fields.encode(ageUs, forKey: .ageUs)
        try fields.encode(ranUs, forKey: .ranUs)
        try fields.encode(status, forKey: .status)
        try fields.encode(reason, forKey: .reason)
    }
}

extension Isthmus_Control_V1_TaskState {
    /// As listings show it and `--state` reads it.
    var words: String {
        switch self {
        case .waiting: "waiting"
        case .ready: "ready"
        case .assigned: "assigned"
        case .running: "running"
        case .ended: "ended"
        case .unspecified, .UNRECOGNIZED: "unknown"
        }
    }
}

extension String {
    var nonEmpty: String? { isEmpty ? nil : self }
}
