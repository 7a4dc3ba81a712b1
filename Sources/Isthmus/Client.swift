import Posix
import SessionTransport
import TaskModel
import Wire

/// A program's connection to an Isthmus cluster, in one session: submits tasks and receives their outcomes.
///
///     let client = try await Client.makeEmbedded(slots: 2)
///     let length = try await client.submit(.python("math:hypot"), 3.0, 4.0, as: Double.self).value
///
/// A client is shared freely between Swift tasks. The session ends when the client and all its `RemoteTask`s
/// are gone, or with `close()`; what is unfinished then is dropped by the cluster.
public final class Client: Sendable {
    /// The client that is meant where none is named: that of the innermost `Client.run` around this code.
    @TaskLocal public static var current: Client?

    let lease: SessionLease
    /// Where the scheduler listens: another client may join with it.
    public let address: String
    /// The control socket of an embedded cluster, for `isthmus status --control`; else empty.
    public let control: String
    /// Shown in the cluster's listings.
    public let name: String

    /// Starts a cluster of its own on this machine, which lives as long as the client.
    ///
    /// - Parameters:
    ///   - slots: how many tasks run at once; nil for the cores of this machine.
    ///   - python: the `python` of the environment in which Python functions run; nil for what `isthmus up`
    ///     chooses: `ISTHMUS_PYTHON`, the active virtual environment, the first `python3` on the `PATH`.
    ///   - swiftExecutable: an executable whose main calls `TaskRegistry.main()`, to run its Swift functions.
    ///     `Client.thisExecutable` if that is the running one.
    ///   - binary: the `isthmus` executable; nil to look for it: `ISTHMUS_BINARY`, beside this executable, in
    ///     `.build/release` of a folder above it, in the virtual environment, on the `PATH`.
    ///   - name: shown in listings.
    ///   - initializer: called once in each executor before its first task of this client.
    ///   - forwardOutput: print here what tasks print, as in `init(connecting:)`.
    ///   - reconnectTimeout: how long to look for the scheduler when it does not answer, as in
    ///     `init(connecting:)`. When it has ended, unfinished tasks end at once.
    ///   - lease: how long the scheduler keeps this client's tasks while its connection is cut; nil: 60
    ///     seconds.
    /// - Throws: `IsthmusError.connection` when it cannot be started, with what to do;
    ///   `IsthmusError.invalidOptions` for a number of slots below 1.
    public static func makeEmbedded(
        slots: Int? = nil, python: String? = nil, swiftExecutable: String? = nil, binary: String? = nil,
        name: String = "", initializer: TaskInitializer? = nil, forwardOutput: Bool = false,
        reconnectTimeout: Duration? = .seconds(60), lease: Duration? = nil
    ) async throws -> Client {
        if let slots, slots <= 0 { throw IsthmusError.invalidOptions("slots must be greater than 0") }
        let path: String
        if let binary { path = binary } else { path = try Installation.findBinary() }
        let started = Waiter<Result<EmbeddedCluster, IsthmusError>>()
        // Starting blocks for as long as Python needs to start: not on a thread of the cooperative pool.
        let starter: OSThread
        do {
            starter = try OSThread(name: "isthmus-start") {
                started.give(
                    Result { () throws(IsthmusError) in
                        try EmbeddedCluster(
                            binary: path, slots: slots, python: python, swiftExecutable: swiftExecutable)
                    })
            }
        } catch {
            throw IsthmusError.connection("the embedded cluster cannot be started: \(error)")
        }
        let result = await started.value
        starter.join()
        let cluster = try result.get()
        return try await Client(
            cluster.address, keys: nil, name: name, initializer: initializer, forwardOutput: forwardOutput,
            reconnectTimeout: reconnectTimeout, lease: lease, cluster: cluster)
    }

    /// Joins a cluster.
    ///
    /// - Parameters:
    ///   - address: `ipc:///…/scheduler.ipc` or `tcp://host:port`, as `isthmus up` and `isthmus scheduler`
    ///     print it.
    ///   - keys: the key file of a client (`isthmus keys` writes `client.key`); needed for `tcp`.
    ///   - name: shown in listings.
    ///   - initializer: called once in each executor before its first task of this client.
    ///   - forwardOutput: print here what tasks print, when they end, each line with its task's name before
    ///     it. What does not fit into a slow terminal is left out, and `RemoteTask.output` has it.
    ///   - reconnectTimeout: how long to look for a scheduler that was lost before unfinished tasks end with
    ///     `IsthmusError.sessionLost`, which says what is known of each; nil: for ever.
    ///   - lease: how long the scheduler keeps this client's tasks while it is silent or cut off; nil: the
    ///     scheduler's own time, 60 seconds. On the scheduler's machine it counts only from the end of the
    ///     connection.
    /// - Throws: `IsthmusError.connection` when nobody answers within ten seconds,
    ///   `IsthmusError.sessionRefused` when the scheduler does not let this client in, `CancellationError`
    ///   when the Swift task is cancelled meanwhile.
    public convenience init(
        connecting address: String, keys: String? = nil, name: String = "",
        initializer: TaskInitializer? = nil, forwardOutput: Bool = false,
        reconnectTimeout: Duration? = .seconds(60), lease: Duration? = nil
    ) async throws {
        try await self.init(
            address, keys: keys, name: name, initializer: initializer, forwardOutput: forwardOutput,
            reconnectTimeout: reconnectTimeout, lease: lease, cluster: nil)
    }

    private init(
        _ address: String, keys: String?, name: String, initializer: TaskInitializer?, forwardOutput: Bool,
        reconnectTimeout: Duration?, lease askedLease: Duration?, cluster: EmbeddedCluster?
    ) async throws {
        self.address = address
        self.name = name
        control = cluster?.control ?? ""
        let configuration = try Self.configuration(address, keys: keys, name: name, lease: askedLease)
        lease = try SessionLease(
            configuration, initializer: initializer, cluster: cluster,
            reconnectTimeout: reconnectTimeout.map(milliseconds), forwardOutput: forwardOutput)
        let session = lease.session
        let problem = await withTaskCancellationHandler {
            await session.opened.value
        } onCancel: {
            session.requestClose()
        }
        if let problem {
            try Task.checkCancellation()
            throw problem
        }
    }

    private static func configuration(
        _ address: String, keys: String?, name: String, lease askedLease: Duration?
    ) throws(IsthmusError) -> ConnectorConfiguration {
        var configuration: ConnectorConfiguration
        do {
            var fields = [
                Field("host", .string(hostName())), Field("pid", .unsigned(UInt64(processID()))),
                Field("name", .string(name)),
                Field("value_bytes", .unsigned(UInt64(Limits.valueBytesUnaskedMax))),
            ]
            if let askedLease {
                fields.append(
                    Field("lease_ms", .unsigned(UInt64(milliseconds(askedLease).nanoseconds / 1_000_000))))
            }
            configuration = ConnectorConfiguration(
                address: try Address(address), role: .client, fields: fields)
            if let keys { configuration.keys = try PeerKeys(reading: keys) }
        } catch {
            throw .connection("\(error)")
        }
        if case .tcp = configuration.address, configuration.keys == nil {
            throw .connection(
                "\(address) needs a key: pass keys: with the path of the client.key that `isthmus keys` wrote"
            )
        }
        return configuration
    }

    /// The path of the running executable, for `swiftExecutable:`.
    public static var thisExecutable: String? { try? executablePath() }

    /// Submits a task and returns as soon as it is on its way. Suspends while the cluster takes no more
    /// unfinished tasks of this client.
    ///
    /// - Parameters:
    ///   - function: what to call.
    ///   - arguments: positional arguments, `Codable` values. Arrays become lists, dictionaries and structs
    ///     become dictionaries, `[UInt8]` becomes `bytes`, `NDArray` a NumPy array. A `RemoteTask` stands for
    ///     its value, which goes from worker to worker without passing through here; so does its `argument`
    ///     inside arrays and dictionaries.
    ///   - keywords: keyword arguments, for Python functions.
    ///   - type: the type of the value.
    ///   - options: how to run the task.
    /// - Throws: `IsthmusError.argumentNotEncodable`, `limit`, `invalidFunction`, `invalidOptions`,
    ///   `connection` or `closed`, or `CancellationError` if the Swift task is cancelled while it waits.
    nonisolated(nonsending) public func submit<each Argument: Encodable, Value: Decodable & Sendable>(
        _ function: TaskFunction, _ arguments: repeat each Argument,
        keywords: [String: any Encodable & Sendable] = [:], as type: Value.Type = Value.self,
        options: TaskOptions = TaskOptions()
    ) async throws -> RemoteTask<Value> {
        var encoder = CallEncoder(function)
        for argument in repeat each arguments { try encoder.append(argument) }
        // Holds the handles of the arguments until the task is on its way: their outcomes are still needed.
        let call = try encoder.finish(keywords: keywords)
        let handle = try await lease.session.submit(
            function, options, call.bytes, dependencies: try call.tasks(), lease: lease)
        return RemoteTask(handle: handle)
    }

    /// Calls a function once per element (of several sequences: once per row, until the shortest ends), with
    /// many calls at once, and gives the values in the order of the elements.
    ///
    /// Elements travel in chunks whose size follows the time that they take, or is `chunkSize`. They are
    /// taken as they are needed, a bounded way ahead of the one that is awaited, so an endless sequence needs
    /// bounded memory. With a timeout and no `chunkSize`, with retries, with another codec of the result, and
    /// when they must not run twice, each element is a task of its own.
    ///
    /// Values that come before an error are delivered; the error ends the sequence. When the iteration is
    /// left, tasks that have not ended are cancelled. Nothing is submitted before the iteration begins.
    ///
    /// - Parameters:
    ///   - chunkSize: elements of each task; nil to let the time decide that they take.
    ///   - bufferSize: how many elements are read ahead at most.
    ///   - options: `timeout` limits each call.
    public func map<each Inputs: Sequence, Value: Decodable & Sendable>(
        _ function: TaskFunction, over inputs: repeat each Inputs, as type: Value.Type = Value.self,
        chunkSize: Int? = nil, bufferSize: Int? = nil, options: TaskOptions = TaskOptions()
    ) -> RemoteValues<Value> where repeat (each Inputs).Element: Encodable {
        RemoteValues(
            lease: lease, function: function, rows: MapRows(repeat each inputs), chunkSize: chunkSize,
            bufferSize: bufferSize, options: options)
    }

    /// Submits a node with everything that it needs; returns the task of that node.
    nonisolated(nonsending) public func compute<Value>(
        _ node: TaskNode<Value>
    ) async throws -> RemoteTask<Value> {
        try await compute([node], options: TaskOptions())[0]
    }

    /// Submits nodes with everything that they need; what they share runs once.
    nonisolated(nonsending) public func compute<Value>(
        _ nodes: [TaskNode<Value>]
    ) async throws -> [RemoteTask<Value>] {
        try await compute(nodes, options: TaskOptions())
    }

    nonisolated(nonsending) func compute<Value>(
        _ nodes: [TaskNode<Value>], options: TaskOptions
    ) async throws -> [RemoteTask<Value>] {
        var submission = GraphSubmission(lease, options)
        return try await submission.submit(nodes.map(\.node)).map { RemoteTask(handle: $0) }
    }

    /// A view of this client whose tasks have these options.
    public func options(_ options: TaskOptions) -> TaskView { TaskView(client: self, options: options) }

    /// Asks the cluster to stop all tasks of this client that have not ended.
    ///
    /// - Parameter running: also those that run; false to cancel only what has not started.
    public func cancelAll(running: Bool = true) { lease.session.cancelAll(running: running) }

    /// Be the current client while `body` runs; then wait until all tasks have ended, and close. After an
    /// error, what has not ended is dropped instead.
    nonisolated(nonsending) public func run<Result>(
        _ body: (Client) async throws -> Result
    ) async throws -> Result {
        let result: Result
        do {
            result = try await Client.$current.withValue(self) { try await body(self) }
        } catch {
            await close()
            throw error
        }
        await shutdown()
        return result
    }

    /// Takes no more tasks, and ends the session (and an embedded cluster) when all tasks have ended and
    /// their values are here. Returns after that. A value of more than 1 MiB that was an argument of another
    /// task and that nobody has awaited cannot be had any more then. When the Swift task is cancelled
    /// meanwhile, what has not ended is dropped.
    ///
    /// - Parameter cancelsPending: cancel the tasks that have not started instead of waiting for them.
    public func shutdown(cancelsPending: Bool = false) async {
        await lease.session.drain(cancelsPending: cancelsPending)
        await lease.close()
    }

    /// Ends the session at once: unfinished tasks are dropped by the cluster and end with
    /// `IsthmusError.closed` here. An embedded cluster is stopped. Returns when all that is done.
    public func close() async { await lease.close() }
}

/// At least one, and at most some thousand years.
private func milliseconds(_ duration: Duration) -> Interval {
    .milliseconds(Int64(min(max(duration / .milliseconds(1), 1), 1e14)))
}
