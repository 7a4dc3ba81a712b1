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
    private let lease: SessionLease

    /// Starts a cluster of its own on this machine, which lives as long as the client.
    ///
    /// - Parameters:
    ///   - slots: how many tasks run at once.
    ///   - python: the `python` of the environment in which Python functions run; nil for what `isthmus up`
    ///     chooses: `ISTHMUS_PYTHON`, the active virtual environment, the first `python3` on the `PATH`.
    ///   - swiftExecutable: an executable whose main calls `TaskRegistry.main()`, to run its Swift functions.
    ///     `Client.thisExecutable` if that is the running one.
    ///   - binary: the `isthmus` executable; nil to look for it: `ISTHMUS_BINARY`, beside this executable, in
    ///     `.build/release` of a folder above it, in the virtual environment, on the `PATH`.
    /// - Throws: `IsthmusError.connection` when it cannot be started, with what to do.
    public static func makeEmbedded(
        slots: Int, python: String? = nil, swiftExecutable: String? = nil, binary: String? = nil
    ) async throws(IsthmusError) -> Client {
        let path: String
        if let binary { path = binary } else { path = try EmbeddedCluster.findBinary() }
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
            throw .connection("the embedded cluster cannot be started: \(error)")
        }
        let result = await started.value
        starter.join()
        let cluster = try result.get()
        return try await Client(cluster.address, keys: nil, name: "", cluster: cluster)
    }

    /// Joins a cluster.
    ///
    /// - Parameters:
    ///   - address: `ipc:///…/scheduler.ipc` or `tcp://host:port`, as `isthmus up` and `isthmus scheduler`
    ///     print it.
    ///   - keys: the key file of a client (`isthmus keys` writes `client.key`); needed for `tcp`.
    ///   - name: shown in listings.
    ///   - reconnectTimeout: how long to look for a scheduler that was lost before unfinished tasks end with
    ///     `IsthmusError.connection`, which says what is known of each; nil: for ever.
    ///   - lease: how long the scheduler keeps this client's tasks while it is silent or cut off; nil: the
    ///     scheduler's own time, 60 seconds. On the scheduler's machine it counts only from the end of the
    ///     connection.
    /// - Throws: `IsthmusError.connection` when nobody answers within ten seconds,
    ///   `IsthmusError.sessionRefused` when the scheduler does not let this client in.
    public convenience init(
        connecting address: String, keys: String? = nil, name: String = "",
        reconnectTimeout: Duration? = .seconds(60), lease: Duration? = nil
    ) async throws(IsthmusError) {
        try await self.init(
            address, keys: keys, name: name, reconnectTimeout: reconnectTimeout, lease: lease, cluster: nil)
    }

    private init(
        _ address: String, keys: String?, name: String, reconnectTimeout: Duration? = .seconds(60),
        lease askedLease: Duration? = nil, cluster: EmbeddedCluster?
    ) async throws(IsthmusError) {
        var configuration: ConnectorConfiguration
        do {
            var fields = [
                Field("host", .string(hostName())), Field("pid", .unsigned(UInt64(processID()))),
                Field("name", .string(name)),
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
        lease = try SessionLease(
            configuration, cluster: cluster, reconnectTimeout: reconnectTimeout.map(milliseconds))
        let session = lease.session
        let problem = await withTaskCancellationHandler {
            await session.opened.value
        } onCancel: {
            session.requestClose()
        }
        if let problem { throw problem }
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
    ///   `connection`, `closed`, or `cancelled` if the Swift task is cancelled while it is suspended.
    nonisolated(nonsending) public func submit<each Argument: Encodable, Value: Decodable & Sendable>(
        _ function: TaskFunction, _ arguments: repeat each Argument,
        keywords: [String: any Encodable & Sendable] = [:], as type: Value.Type = Value.self,
        options: TaskOptions = TaskOptions()
    ) async throws(IsthmusError) -> RemoteTask<Value> {
        var call = CallEncoder(function)
        for argument in repeat each arguments { try call.append(argument) }
        let (bytes, dependencies) = try call.finish(keywords: keywords)
        let handle = try await lease.session.submit(
            function, options, bytes, dependencies: dependencies, lease: lease)
        // Until here the arguments' own handles keep the outcomes that this task needs from being released.
        repeat withExtendedLifetime(each arguments) {}
        withExtendedLifetime(keywords) {}
        return RemoteTask(handle: handle)
    }

    /// Calls a function of one argument once per element, with as many calls at once as there are slots, and
    /// gives the values in the order of the elements. Elements are taken as they are needed, some ahead of
    /// the one that is awaited, so an endless sequence needs bounded memory.
    ///
    /// Values that come before an error are delivered; the error ends the sequence. When the iteration is
    /// left, tasks that have not ended are cancelled.
    public func map<Inputs: Sequence, Value: Decodable & Sendable>(
        _ function: TaskFunction, over inputs: Inputs, as type: Value.Type = Value.self,
        options: TaskOptions = TaskOptions()
    ) -> RemoteValues<Inputs, Value> where Inputs.Element: Encodable {
        RemoteValues(client: self, function: function, inputs: inputs, options: options)
    }

    /// Ends the session: unfinished tasks are dropped by the cluster and end with `IsthmusError.closed` here.
    /// An embedded cluster is stopped. Returns when all that is done.
    public func close() async { await lease.close() }
}

/// At least one, and at most some thousand years.
private func milliseconds(_ duration: Duration) -> Interval {
    .milliseconds(Int64(min(max(duration / .milliseconds(1), 1), 1e14)))
}

/// Encodes the arguments of one call.
struct CallEncoder {
    private let dependencies = NeutralDependencies()
    private var positional: [NeutralValue] = []
    private let kind: ExecutorKind

    init(_ function: TaskFunction) { kind = function.kind }

    mutating func append(_ argument: some Encodable) throws(IsthmusError) {
        positional.append(try encode(argument, "argument \(positional.count + 1)"))
    }

    mutating func finish(
        keywords: [String: any Encodable & Sendable]
    ) throws(IsthmusError) -> (bytes: [UInt8], dependencies: [TaskID]) {
        var call = NeutralValue.array(positional)
        if !keywords.isEmpty {
            guard kind == .python else {
                throw .argumentNotEncodable(path: "", problem: "Swift functions have no keyword arguments")
            }
            var named: [NeutralPair] = []
            for (name, argument) in keywords.sorted(by: { $0.key < $1.key }) {
                named.append(NeutralPair(.string(name), try encode(argument, "argument \(name)")))
            }
            call = .map([NeutralPair(.string("args"), call), NeutralPair(.string("kwargs"), .map(named))])
        }
        guard dependencies.tasks.count <= Limits.dependenciesPerTaskMax else {
            throw .limit(
                "the arguments contain \(dependencies.tasks.count) tasks, at most "
                    + "\(Limits.dependenciesPerTaskMax) are allowed: gather them in several steps")
        }
        do {
            return (try call.encoded(), dependencies.tasks)
        } catch {
            throw .limit(
                "the arguments are too large: \(error); the cluster can read them from where they are")
        }
    }

    private func encode(_ argument: some Encodable, _ place: String) throws(IsthmusError) -> NeutralValue {
        do {
            return try NeutralValue(encoding: argument, dependencies: dependencies)
        } catch {
            throw .argumentNotEncodable(
                path: error.path.isEmpty ? place : "\(place), \(error.path)", problem: error.problem)
        }
    }
}
