import SchedulerCore
import TaskModel

/// What workers hold of values, as they see it: what they kept, what they were sent, what they were told to
/// drop.
struct AuditedValues {
    private struct Copy {
        var bytes: UInt32
        var isMade: Bool
    }

    private var copies: [WorkerSlot: [TaskSlot: Copy]] = [:]
    private var sizes: [TaskSlot: UInt32] = [:]
    var sentBytesMax = Limits.heldValuesBytesMax / 2
    private(set) var complaints: [String] = []

    mutating func keeps(_ report: AttemptReport) {
        if copies[report.worker]?[report.task] != nil { return }
        copies[report.worker, default: [:]][report.task] = Copy(bytes: report.valueBytes, isMade: true)
    }

    mutating func committed(_ report: AttemptReport) { sizes[report.task] = report.valueBytes }

    mutating func travels(_ value: TaskSlot, to worker: WorkerSlot, _ route: ValueRoute) {
        let isThere = copies[worker]?[value] != nil
        switch route {
        case .withTask:
            if isThere { complaints.append("a value is sent to \(worker), which holds it") }
        case .reference:
            if !isThere { complaints.append("a reference at \(worker) stands for nothing") }
        case .ahead:
            if isThere { complaints.append("a value is sent to \(worker) for the second time") }
            copies[worker, default: [:]][value] = Copy(bytes: sizes[value] ?? 0, isMade: false)
            var sent = 0
            for copy in (copies[worker] ?? [:]).values where !copy.isMade { sent += Int(copy.bytes) }
            if sent > sentBytesMax { complaints.append("\(worker) is sent \(sent) bytes to hold") }
        }
    }

    mutating func dropped(_ value: TaskSlot, on worker: WorkerSlot) {
        if copies[worker]?.removeValue(forKey: value) == nil {
            complaints.append("\(worker) is told to drop what it does not hold")
        }
    }

    mutating func forgotten(_ value: TaskSlot) {
        for (worker, held) in copies where held[value] != nil {
            complaints.append("\(worker) holds the value of a forgotten task")
        }
    }

    mutating func forget(_ values: [TaskSlot], on worker: WorkerSlot) {
        for value in values { copies[worker]?[value] = nil }
    }

    mutating func lost(_ worker: WorkerSlot) { copies[worker] = nil }

    /// Nobody needs anything any more.
    mutating func conclude() {
        for (worker, held) in copies where !held.isEmpty {
            complaints.append("\(worker) holds \(held.count) values for ever")
        }
    }
}
