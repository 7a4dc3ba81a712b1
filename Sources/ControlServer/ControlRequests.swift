internal import ControlAPI
internal import GRPCCore
internal import SchedulerServer
internal import ServiceLifecycle
internal import SwiftProtobuf
internal import TaskModel

/// Answers each call of the control API from the cluster behind it.
struct ControlRequests<Cluster: ControlledCluster>: API.SimpleServiceProtocol {
    let cluster: Cluster
    let metrics: MetricsRegistry

    func status(
        request: Isthmus_Control_V1_StatusRequest, context: ServerContext
    ) async throws -> Isthmus_Control_V1_StatusResponse {
        .init(
            try await cluster.status(), residentBytes: ProcessMemory.residentBytes(),
            metrics: metrics.samples())
    }

    func listNodes(
        request: Isthmus_Control_V1_ListNodesRequest, context: ServerContext
    ) async throws -> Isthmus_Control_V1_ListNodesResponse {
        let nodes = try await cluster.nodes()
        return .with { $0.nodes = nodes.map(Isthmus_Control_V1_Node.init) }
    }

    func listTasks(
        request: Isthmus_Control_V1_ListTasksRequest, context: ServerContext
    ) async throws -> Isthmus_Control_V1_ListTasksResponse {
        var cursor: TaskCursor?
        if !request.pageToken.isEmpty {
            cursor = TaskCursor(request.pageToken)
            guard cursor != nil else {
                throw RPCError.wrong(
                    "page_token", request.pageToken, expected: "the `next_page_token` of the page before")
            }
        }
        let asked = request.pageSize == 0 ? Limits.controlPageDefault : Int(request.pageSize)
        let page = try await cluster.tasks(
            try filter(request.filter), limit: min(asked, Limits.controlPageMax), after: cursor)
        return .with {
            $0.tasks = page.tasks.map(Isthmus_Control_V1_TaskSummary.init)
            $0.nextPageToken = page.next?.description ?? ""
        }
    }

    func explainTask(
        request: Isthmus_Control_V1_ExplainTaskRequest, context: ServerContext
    ) async throws -> Isthmus_Control_V1_ExplainTaskResponse {
        .init(try await cluster.explain(try task(request.task)))
    }

    func taskOutput(
        request: Isthmus_Control_V1_TaskOutputRequest, context: ServerContext
    ) async throws -> Isthmus_Control_V1_TaskOutputResponse {
        .init(try await cluster.output(of: try task(request.task)))
    }

    func cancelTask(
        request: Isthmus_Control_V1_CancelTaskRequest, context: ServerContext
    ) async throws -> Isthmus_Control_V1_CancelTaskResponse {
        let cancelled = try await cluster.cancel(try task(request.task))
        return .with { $0.cancelled = cancelled }
    }

    func drainNode(
        request: Isthmus_Control_V1_DrainNodeRequest, context: ServerContext
    ) async throws -> Isthmus_Control_V1_DrainNodeResponse {
        let worker = try await worker(request.node)
        try await cluster.drain(worker: worker)
        return .with { $0.id = worker.description }
    }

    /// Ends with the scheduler, so that a watcher never holds up a graceful stop.
    func watchEvents(
        request: Isthmus_Control_V1_WatchEventsRequest, response: RPCWriter<Isthmus_Control_V1_Event>,
        context: ServerContext
    ) async throws {
        for await event in try await cluster.events().cancelOnGracefulShutdown() {
            try await response.write(.init(event))
        }
    }

    private func task(_ text: String) throws -> TaskID {
        guard let id = TaskID(text) else {
            throw RPCError.wrong(
                "task", text,
                expected: "SESSION-SEQUENCE as `isthmus tasks` prints it, "
                    + "for example 4f1c7d3b2a190860-17")
        }
        return id
    }

    private func session(_ text: String, field: String) throws -> SessionID? {
        if text.isEmpty { return nil }
        guard let id = SessionID(text) else {
            throw RPCError.wrong(field, text, expected: "an id of sixteen hexadecimal digits")
        }
        return id
    }

    private func filter(_ message: Isthmus_Control_V1_TaskFilter) throws -> TaskFilter {
        var states: Set<TaskState> = []
        for state in message.states {
            guard let value = state.value else {
                throw RPCError.wrong(
                    "filter.states", "\(state.rawValue)", expected: "a TaskState of this version")
            }
            states.insert(value)
        }
        return TaskFilter(
            states: states, session: try session(message.client, field: "filter.client"),
            worker: try session(message.worker, field: "filter.worker"))
    }

    /// By name first: a name may look like an id, an id is never the name of another worker by accident.
    private func worker(_ text: String) async throws -> SessionID {
        let workers = try await cluster.nodes().filter { $0.kind == .worker }
        let named = workers.filter { $0.name == text }
        if named.count == 1 { return named[0].session }
        if named.count > 1 {
            let ids = named.map(\.session.description).joined(separator: ", ")
            throw RPCError(
                code: .failedPrecondition,
                message: "\(named.count) workers are named \"\(text)\"; say which by its id: \(ids)")
        }
        guard let id = SessionID(text) else {
            throw RPCError(
                code: .notFound,
                message: "no worker is named \"\(text)\"; `isthmus nodes` lists those that are connected")
        }
        return id
    }
}
