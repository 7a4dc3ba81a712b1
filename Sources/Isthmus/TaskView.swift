/// A client with options of its own; made by `Client.options`, and as cheap as a variable.
///
///     let patient = client.options(TaskOptions(timeout: .seconds(30), retries: 3))
///     let page = try await patient.submit(.python("urllib.request:urlopen"), "https://…", as: String.self)
public struct TaskView: Sendable {
    /// Whose tasks they are.
    public let client: Client
    /// What each task that is submitted with this view gets.
    public let options: TaskOptions

    /// A view with further options: those of this view, changed.
    public func options(_ change: (inout TaskOptions) -> Void) -> TaskView {
        var changed = options
        change(&changed)
        return TaskView(client: client, options: changed)
    }

    /// See `Client.submit`.
    nonisolated(nonsending) public func submit<each Argument: Encodable, Value: Decodable & Sendable>(
        _ function: TaskFunction, _ arguments: repeat each Argument,
        keywords: [String: any Encodable & Sendable] = [:], as type: Value.Type = Value.self
    ) async throws -> RemoteTask<Value> {
        try await client.submit(
            function, repeat each arguments, keywords: keywords, as: type, options: options)
    }

    /// See `Client.map`.
    public func map<each Inputs: Sequence, Value: Decodable & Sendable>(
        _ function: TaskFunction, over inputs: repeat each Inputs, as type: Value.Type = Value.self,
        chunkSize: Int? = nil, bufferSize: Int? = nil
    ) -> RemoteValues<Value> where repeat (each Inputs).Element: Encodable {
        client.map(
            function, over: repeat each inputs, as: type, chunkSize: chunkSize, bufferSize: bufferSize,
            options: options)
    }

    /// See `Client.compute`. The options hold for each task of the graph that has none of its own.
    nonisolated(nonsending) public func compute<Value>(
        _ node: TaskNode<Value>
    ) async throws -> RemoteTask<Value> {
        try await client.compute([node], options: options)[0]
    }

    /// See `Client.compute`.
    nonisolated(nonsending) public func compute<Value>(
        _ nodes: [TaskNode<Value>]
    ) async throws -> [RemoteTask<Value>] {
        try await client.compute(nodes, options: options)
    }
}
