internal import ArgumentParser
internal import ControlAPI
internal import Posix

/// `isthmus tasks`
struct Tasks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List tasks, unfinished ones first.",
        discussion: "Ended tasks are known until 10,000 others have ended after them.")

    enum State: String, ExpressibleByArgument, CaseIterable {
        case waiting, ready, assigned, running, ended

        var message: Isthmus_Control_V1_TaskState {
            switch self {
            case .waiting: .waiting
            case .ready: .ready
            case .assigned: .assigned
            case .running: .running
            case .ended: .ended
            }
        }
    }

    @OptionGroup var cluster: ControlOptions
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var watch: WatchOptions
    @Option(help: "Only tasks in this state; may be repeated.") var state: [State] = []
    @Option(help: "Only tasks of this client (an id from `isthmus nodes`).") var client: String?
    @Option(help: "Only tasks whose latest attempt is on this worker (an id).") var worker: String?
    @Option(parsing: .unconditional, help: "At most this many.") var limit = 50

    /// More than a scheduler can know at once.
    private static let limitMax = 100_000_000

    func validate() throws {
        guard (1...Self.limitMax).contains(limit) else {
            throw ValidationError("--limit \(limit): it must be at least 1 and at most \(Self.limitMax)")
        }
        try OptionChecks.text(client, "--client", "the id of a client, as `isthmus nodes` prints it")
        try OptionChecks.text(worker, "--worker", "the id of a worker, as `isthmus nodes` prints it")
    }

    func run() async throws { try await watch.repeating(list) }

    private func list() async throws {
        var request = Isthmus_Control_V1_ListTasksRequest()
        request.filter.states = state.map(\.message)
        request.filter.client = client ?? ""
        request.filter.worker = worker ?? ""
        let limit = limit
        let (tasks, more) = try await cluster.withCluster { [request] in
            try await Self.pages(request, limit: limit, of: $0)
        }
        if json { return try JSONOutput.show(TasksReport(tasks: tasks.map(TaskReport.init), more: more)) }
        try show(tasks)
        if more {
            StandardStream.error.write("There are more than \(limit) tasks; see them with --limit.\n")
        }
    }

    /// Asks for one task beyond the limit: a page may end where the tasks end.
    private static func pages(
        _ first: Isthmus_Control_V1_ListTasksRequest, limit: Int, of cluster: ClusterCalls
    ) async throws -> (tasks: [Isthmus_Control_V1_TaskSummary], more: Bool) {
        var request = first
        var tasks: [Isthmus_Control_V1_TaskSummary] = []
        repeat {
            request.pageSize = UInt32(clamping: limit + 1 - tasks.count)
            let page = try await cluster.calls.listTasks(
                request, metadata: cluster.metadata, options: cluster.options)
            tasks += page.tasks
            request.pageToken = page.nextPageToken
        } while tasks.count <= limit && !request.pageToken.isEmpty
        return (Array(tasks.prefix(limit)), tasks.count > limit)
    }

    private func show(_ tasks: [Isthmus_Control_V1_TaskSummary]) throws {
        if tasks.isEmpty {
            try Screen.show("no task is known that fits\n")
            return
        }
        var table = Table([
            .text("TASK"), .text("STATE"), .text("NAME"), .number("AGE"), .number("ATTEMPT"), .text("WORKER"),
            .number("RAN"), .text("ENDED WITH"),
        ])
        for task in tasks {
            table.add([
                task.task, task.state.words, task.name, Words.duration(microseconds: task.ageUs),
                "\(task.attempt)", task.workerName.nonEmpty ?? task.worker,
                task.hasRanUs ? Words.duration(microseconds: task.ranUs) : "",
                [task.status, task.reason].filter { !$0.isEmpty }.joined(separator: ": "),
            ])
        }
        try table.show()
    }
}

/// What `--json` prints; `more`: there are further tasks, beyond the limit.
struct TasksReport: Encodable {
    let tasks: [TaskReport]
    let more: Bool
}
