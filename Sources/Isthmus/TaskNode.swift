import Synchronization
import TaskModel
package import Wire

/// A call that is not submitted yet: a node of a graph.
///
///     let text = try TaskNode(.python("inspect:getdoc"), "a string", as: String.self)
///     let words = try TaskNode(.swift("tokenize"), text, as: [String].self)
///     let count = try TaskNode(.python("builtins:len"), words, as: Int.self)
///     print(try await client.compute(count).value)
///
/// Nodes among the arguments, also inside of arrays and dictionaries, stand for their values.
/// `Client.compute` submits a node with all that it needs; a node that is used twice runs once, and values of
/// inner nodes stay in the cluster.
public struct TaskNode<Value: Decodable & Sendable>: Sendable {
    let node: GraphNode

    /// A node; nothing is sent.
    ///
    /// - Parameter options: how its task is run; they count more than those of the view that computes it.
    /// - Throws: `IsthmusError.argumentNotEncodable` or `limit`.
    public init<each Argument: Encodable>(
        _ function: TaskFunction, _ arguments: repeat each Argument,
        keywords: [String: any Encodable & Sendable] = [:], as type: Value.Type = Value.self,
        options: TaskOptions? = nil
    ) throws {
        var call = CallEncoder(function)
        for argument in repeat each arguments { try call.append(argument) }
        node = GraphNode(function, try call.finish(keywords: keywords), options)
    }

    /// The node as an argument inside arrays and dictionaries of other arguments.
    public var argument: TaskArgument { TaskArgument(self) }
}

extension TaskNode: Encodable {
    /// Only another node can encode a node.
    public func encode(to encoder: any Encoder) throws {
        let context = EncodingError.Context(
            codingPath: encoder.codingPath,
            debugDescription: "a TaskNode can be an argument of other nodes, not part of other encoded data")
        throw EncodingError.invalidValue(self, context)
    }
}

extension TaskNode: NeutralRepresentable {
    package func neutralValue(_ dependencies: NeutralDependencies) -> NeutralValue {
        .dependency(dependencies.index(of: node.place, owner: node))
    }
}

/// What the handles of one node share.
final class GraphNode: Sendable {
    /// Stands for the task that the node will become; session 0 has no tasks.
    let place: TaskID
    let function: TaskFunction
    let call: EncodedCall
    let options: TaskOptions?

    private static let made = Atomic<UInt64>(0)

    init(_ function: TaskFunction, _ call: EncodedCall, _ options: TaskOptions?) {
        let number = Self.made.wrappingAdd(1, ordering: .relaxed).newValue
        place = TaskID(session: SessionID(0), sequence: number)
        self.function = function
        self.call = call
        self.options = options
    }
}

/// Submits nodes, each after what it needs and each once.
struct GraphSubmission: ~Copyable {
    private let lease: SessionLease
    private let options: TaskOptions
    /// By the place of their nodes.
    private var submitted: [TaskID: TaskHandle] = [:]

    init(_ lease: SessionLease, _ options: TaskOptions) {
        self.lease = lease
        self.options = options
    }

    /// - Parameter wanted: the nodes whose values come to this client; the values of others do not.
    nonisolated(nonsending) mutating func submit(_ wanted: [GraphNode]) async throws -> [TaskHandle] {
        let last = Set(wanted.map(\.place))
        for node in wanted {
            // Depth first without recursion: a chain may be longer than a stack.
            var path = [node]
            while let node = path.last {
                if submitted[node.place] != nil {
                    path.removeLast()
                    continue
                }
                let missing = missing(for: node)
                if missing.isEmpty {
                    submitted[node.place] = try await send(node, isWanted: last.contains(node.place))
                    path.removeLast()
                } else {
                    path.append(contentsOf: missing.reversed())
                }
            }
        }
        return wanted.map { submitted[$0.place]! }
    }

    private func missing(for node: GraphNode) -> [GraphNode] {
        node.call.dependencies.compactMap { dependency in
            guard case .node(let needed) = dependency, submitted[needed.place] == nil else { return nil }
            return needed
        }
    }

    nonisolated(nonsending) private func send(_ node: GraphNode, isWanted: Bool) async throws -> TaskHandle {
        let tasks = node.call.dependencies.map { dependency in
            switch dependency {
            case .task(let handle): handle.entry.id
            case .node(let needed): submitted[needed.place]!.entry.id
            }
        }
        var options = node.options ?? options
        options.isQuiet = !isWanted
        return try await lease.session.submit(
            node.function, options, node.call.bytes, dependencies: tasks, lease: lease)
    }
}
