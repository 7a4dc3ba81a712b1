import TaskModel
import Wire

/// The arguments of one call as bytes, and what has to be there before it.
struct EncodedCall: Sendable {
    /// Something whose value is an argument: a submitted task, or a node that has yet to be submitted.
    enum Dependency: Sendable {
        case task(TaskHandle)
        case node(GraphNode)
    }

    let bytes: [UInt8]
    let dependencies: [Dependency]

    /// The tasks that it depends on; fails for nodes, which only `compute` submits.
    func tasks() throws(IsthmusError) -> [TaskID] {
        var tasks: [TaskID] = []
        tasks.reserveCapacity(dependencies.count)
        for dependency in dependencies {
            guard case .task(let handle) = dependency else {
                throw .argumentNotEncodable(
                    path: "", problem: "a TaskNode is an argument of other nodes; submit it with compute")
            }
            tasks.append(handle.entry.id)
        }
        return tasks
    }
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
        keywords: [String: any Encodable & Sendable] = [:]
    ) throws(IsthmusError) -> EncodedCall {
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
        return try EncodedCall(call, dependencies)
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

extension EncodedCall {
    init(_ call: NeutralValue, _ dependencies: NeutralDependencies) throws(IsthmusError) {
        guard dependencies.tasks.count <= Limits.dependenciesPerTaskMax else {
            throw .limit(
                "the arguments contain \(dependencies.tasks.count) tasks, at most "
                    + "\(Limits.dependenciesPerTaskMax) are allowed: gather them in several steps")
        }
        do {
            bytes = try call.encoded()
        } catch {
            throw .limit(
                "the arguments are too large: \(error); let a task read them from where they are")
        }
        self.dependencies = dependencies.owners.map { owner in
            switch owner {
            case let handle as TaskHandle: .task(handle)
            case let node as GraphNode: .node(node)
            default: preconditionFailure("only tasks and nodes are dependencies")
            }
        }
    }
}

/// A function that each executor calls once, before its first task of a client.
///
///     let client = try await Client.makeEmbedded(
///         initializer: TaskInitializer(.python("os:putenv"), "MODEL", "large"))
///
/// If it raises or throws, every task of the client that runs in an executor of its language fails with
/// `IsthmusError.initializerFailed`.
public struct TaskInitializer: Sendable {
    let function: TaskFunction
    let arguments: EncodedCall

    /// Encodes the arguments as `submit` does.
    ///
    /// - Throws: `IsthmusError.argumentNotEncodable` or `limit`.
    public init<each Argument: Encodable>(
        _ function: TaskFunction, _ arguments: repeat each Argument,
        keywords: [String: any Encodable & Sendable] = [:]
    ) throws {
        var call = CallEncoder(function)
        for argument in repeat each arguments { try call.append(argument) }
        self.function = function
        self.arguments = try call.finish(keywords: keywords)
        guard self.arguments.dependencies.isEmpty else {
            throw IsthmusError.argumentNotEncodable(
                path: "", problem: "an initializer runs before all tasks and takes no task as an argument")
        }
    }
}
