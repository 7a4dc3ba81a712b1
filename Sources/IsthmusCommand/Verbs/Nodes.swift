internal import ArgumentParser
internal import ControlAPI

/// `isthmus nodes`
struct Nodes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the connected workers and clients.")

    @OptionGroup var cluster: ControlOptions
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var watch: WatchOptions

    func run() async throws { try await watch.repeating(list) }

    private func list() async throws {
        let all = try await cluster.withCluster {
            try await $0.calls.listNodes(.init(), metadata: $0.metadata, options: $0.options).nodes
        }
        let workers = all.filter { $0.kind == .worker }
        let clients = all.filter { $0.kind == .client }
        if json {
            return try JSONOutput.show(
                NodesReport(nodes: workers.map(WorkerReport.init), clients: clients.map(ClientReport.init)))
        }
        try show(workers: workers)
        if !clients.isEmpty {
            try Screen.show("\n")
            try show(clients: clients)
        }
    }

    private func show(workers: [Isthmus_Control_V1_Node]) throws {
        if workers.isEmpty {
            try Screen.show(
                "no worker is connected; start one with `isthmus worker --connect ADDRESS`\n")
            return
        }
        var table = Table([
            .text("WORKER"), .text("NAME"), .text("STATE"), .text("HOST"), .number("PID"), .text("PYTHON"),
            .number("SLOTS"), .number("RUNNING"), .number("QUEUED"), .number("MEMORY"), .number("JOINED"),
            .text("RESOURCES IN USE"), .text("LABELS"), .text("SWIFT FUNCTIONS"),
        ])
        for node in workers {
            table.add([
                node.id, node.name, state(node), node.host, "\(node.pid)", node.python, "\(node.slots)",
                "\(node.running)", "\(node.queued)",
                node.residentBytes == 0 ? "" : Words.bytes(node.residentBytes),
                Words.duration(microseconds: node.connectedUs) + " ago",
                Words.resources(node.resources, gpus: node.gpus), Words.labels(node.labels),
                node.swiftFunctions.joined(separator: ","),
            ])
        }
        try table.show()
    }

    private func show(clients: [Isthmus_Control_V1_Node]) throws {
        var table = Table([
            .text("CLIENT"), .text("NAME"), .text("STATE"), .text("HOST"), .number("PID"), .text("PYTHON"),
            .number("UNFINISHED TASKS"), .number("JOINED"),
        ])
        for node in clients {
            table.add([
                node.id, node.name, state(node), node.host, "\(node.pid)", node.python, "\(node.tasks)",
                Words.duration(microseconds: node.connectedUs) + " ago",
            ])
        }
        try table.show()
    }

    private func state(_ node: Isthmus_Control_V1_Node) -> String {
        if node.state != .silent { return node.state.words }
        return "silent for \(Words.duration(microseconds: node.silentUs))"
    }
}

/// What `--json` prints.
struct NodesReport: Encodable {
    let nodes: [WorkerReport]
    let clients: [ClientReport]
}

/// A worker as `--json` shows it.
struct WorkerReport: Encodable {
    let id: String
    let state: String
    let name: String
    let host: String
    let pid: UInt64
    let python: String
    let pythonExecutable: String
    let cloudpickle: String
    let swiftFunctions: [String]
    let labels: String
    let slots: UInt32
    let running: UInt32
    let queued: UInt32
    let residentBytes: UInt64
    let memoryLimitBytes: UInt64
    let connectedUs: UInt64
    let silentUs: UInt64
    let resources: [ResourceReport]
    let gpus: [GpuReport]

    init(_ node: Isthmus_Control_V1_Node) {
        resources = node.resources.map(ResourceReport.init)
        gpus = node.gpus.map { GpuReport(name: $0.name, taken: $0.taken) }
        id = node.id
        state = node.state.words
        name = node.name
        host = node.host
        pid = node.pid
        python = node.python
        pythonExecutable = node.pythonExecutable
        cloudpickle = node.cloudpickle
        swiftFunctions = node.swiftFunctions
        labels = node.labels
        slots = node.slots
        running = node.running
        queued = node.queued
        residentBytes = node.residentBytes
        memoryLimitBytes = node.memoryLimitBytes
        connectedUs = node.connectedUs
        silentUs = node.silentUs
    }
}

/// A client as `--json` shows it.
struct ClientReport: Encodable {
    let id: String
    let state: String
    let name: String
    let host: String
    let pid: UInt64
    let python: String
    let cloudpickle: String
    let unfinished: UInt32
    let connectedUs: UInt64
    let silentUs: UInt64

    init(_ node: Isthmus_Control_V1_Node) {
        id = node.id
        state = node.state.words
        name = node.name
        host = node.host
        pid = node.pid
        python = node.python
        cloudpickle = node.cloudpickle
        unfinished = node.tasks
        connectedUs = node.connectedUs
        silentUs = node.silentUs
    }
}

extension Isthmus_Control_V1_NodeState {
    var words: String {
        switch self {
        case .connected: "connected"
        case .silent: "silent"
        case .draining: "draining"
        case .unspecified, .UNRECOGNIZED: "unknown"
        }
    }
}
