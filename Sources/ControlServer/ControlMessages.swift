internal import ControlAPI
internal import SchedulerServer
internal import TaskModel

// The scheduler's values as messages of the API. Every field is written here and nowhere else.

typealias API = Isthmus_Control_V1_Control

extension Interval {
    /// Microseconds for the API, never negative.
    var microseconds: UInt64 { UInt64(max(0, nanoseconds / 1_000)) }
}

extension Isthmus_Control_V1_StatusResponse {
    init(_ status: ClusterStatus, residentBytes: UInt64, metrics: [MetricSample]) {
        self.init()
        name = status.name
        version = status.version
        epoch = status.epoch.rawValue
        uptimeUs = status.uptime.microseconds
        pid = UInt32(clamping: status.processID)
        addresses = status.addresses
        self.residentBytes = residentBytes
        payloadBytes = UInt64(clamping: status.payloadBytes)
        stopping = status.stopping
        clients = UInt32(clamping: status.clients)
        workers = UInt32(clamping: status.workers)
        slots = UInt32(clamping: status.slots)
        tasks = .init(status.tasks)
        totals = .init(status.counters)
        resources = status.resources.map { .init($0) }
        self.metrics = metrics.map { sample in
            var metric = Isthmus_Control_V1_Metric()
            metric.name = sample.name
            for (name, value) in sample.labels { metric.labels[name] = value }
            metric.value = sample.value
            return metric
        }
    }
}

extension Isthmus_Control_V1_TaskCounts {
    init(_ counts: TaskCounts) {
        self.init()
        waiting = UInt64(clamping: counts.waiting)
        ready = UInt64(clamping: counts.ready)
        assigned = UInt64(clamping: counts.assigned)
        running = UInt64(clamping: counts.running)
        kept = UInt64(clamping: counts.kept)
    }
}

extension Isthmus_Control_V1_TaskTotals {
    init(_ counters: SchedulerCounters) {
        self.init()
        submitted = counters.submitted
        duplicates = counters.duplicates
        values = counters.values
        exceptions = counters.exceptions
        cancelled = counters.cancelled
        lost = counters.lost
        timedOut = counters.timedOut
        refused = counters.refused
    }
}

extension Isthmus_Control_V1_Node {
    init(_ node: NodeStatus) {
        self.init()
        id = node.session.description
        switch node.kind {
        case .worker: kind = .worker
        case .client: kind = .client
        }
        switch node.state {
        case .connected: state = .connected
        case .silent: state = .silent
        case .draining: state = .draining
        }
        name = node.name
        host = node.host
        pid = node.processID
        python = node.python ?? ""
        pythonExecutable = node.pythonExecutable ?? ""
        cloudpickle = node.cloudpickle ?? ""
        swiftFunctions = node.swiftFunctions
        labels = node.labels
        slots = UInt32(clamping: node.slots)
        running = UInt32(clamping: node.running)
        queued = UInt32(clamping: node.queued)
        residentBytes = node.residentBytes
        memoryLimitBytes = node.memoryLimitBytes
        tasks = UInt32(clamping: node.tasks)
        connectedUs = node.connectedFor.microseconds
        silentUs = node.silentFor.microseconds
        resources = node.resources.map { .init($0) }
        gpus = node.gpus.map { .init($0) }
    }
}

extension Isthmus_Control_V1_Gpu {
    init(_ use: ResourceUse) {
        self.init()
        name = use.name
        taken = use.taken
    }
}

extension Isthmus_Control_V1_Resource {
    init(_ use: ResourceUse) {
        self.init()
        name = use.name
        offered = use.offered
        taken = use.taken
    }
}

extension Isthmus_Control_V1_TaskState {
    init(_ state: TaskState) {
        switch state {
        case .waiting: self = .waiting
        case .ready: self = .ready
        case .assigned: self = .assigned
        case .running: self = .running
        case .ended: self = .ended
        }
    }

    /// Nil for a state that this version does not know.
    var value: TaskState? {
        switch self {
        case .waiting: .waiting
        case .ready: .ready
        case .assigned: .assigned
        case .running: .running
        case .ended: .ended
        case .unspecified, .UNRECOGNIZED: nil
        }
    }
}

extension Isthmus_Control_V1_TaskSummary {
    init(_ task: TaskSummary) {
        self.init()
        self.task = task.id.description
        name = task.name
        kind = task.kind.words
        state = .init(task.state)
        attempt = task.attempt
        worker = task.worker?.description ?? ""
        workerName = task.workerName ?? ""
        ageUs = task.age.microseconds
        if let ran = task.ran { ranUs = ran.microseconds }
        status = task.status?.words ?? ""
        reason = task.reason?.words ?? ""
    }
}

extension Isthmus_Control_V1_ExplainTaskResponse {
    init(_ explanation: TaskExplanation) {
        self.init()
        task = .init(explanation.task)
        summary = explanation.summary
        details = explanation.details
        dependencies = explanation.dependencies.map(\.description)
        parent = explanation.parent?.description ?? ""
    }
}

extension Isthmus_Control_V1_TaskOutputResponse {
    init(_ output: TaskOutput) {
        self.init()
        state = .init(output.state)
        for part in output.parts {
            guard let stream = Isthmus_Control_V1_OutputPart.Stream(part.kind) else { continue }
            var message = Isthmus_Control_V1_OutputPart()
            message.stream = stream
            message.content = .init(part.bytes)
            parts.append(message)
        }
    }
}

extension Isthmus_Control_V1_OutputPart.Stream {
    /// Nil for the value itself: only executors and clients read it.
    init?(_ part: OutcomePart) {
        switch part {
        case .value: return nil
        case .standardOutput: self = .standardOutput
        case .standardError: self = .standardError
        case .log: self = .log
        case .traceback: self = .traceback
        case .exceptionSummary: self = .exceptionSummary
        }
    }
}
