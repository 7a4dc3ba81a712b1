import Glibc
import Posix
import Wire

/// The Swift functions that an executable offers to a cluster.
///
///     var registry = TaskRegistry()
///     registry.register("tokenize") { (text: String) -> [String] in
///         text.split(separator: " ").map(String.init)
///     }
///     await registry.main()
///
/// The executable is then a worker (`my-functions worker --connect ADDRESS --slots N`), or is given to
/// `isthmus up --swift` and `Client.makeEmbedded(swiftExecutable:)`. Either way the functions run in child
/// processes, for which the executable starts itself again: a trap costs the one task that hit it.
///
/// A function receives the positional arguments of `submit` and returns its value, both `Codable`. What it
/// throws arrives as `IsthmusError.swift` (in Python as an exception). When its task is cancelled or times
/// out, the Swift task that runs it is cancelled; one that takes no notice is killed after the grace period.
public struct TaskRegistry: Sendable {
    typealias Body = @Sendable ([NeutralValue]) async throws -> NeutralValue

    private(set) var functions: [String: Body] = [:]

    /// An empty registry.
    public init() {}

    /// Registers a function under a name, by which `.swift(name)` and Python's `swift(name)` call it.
    ///
    /// - Parameter body: any number of `Decodable` arguments; `async` and `throws` if it likes.
    public mutating func register<each Argument: Decodable & Sendable, Value: Encodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) async throws -> Value
    ) {
        add(name) { arguments in
            var reader = try ArgumentReader(name, arguments, repeat (each Argument).self)
            let value = try await body(repeat try reader.next(as: (each Argument).self))
            do {
                return try NeutralValue(encoding: value)
            } catch {
                throw CallFailure.resultNotEncodable("the result of \(name) has no neutral form: \(error)")
            }
        }
    }

    /// Registers a function without a value: it arrives as `NoValue`, in Python as `None`.
    public mutating func register<each Argument: Decodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) async throws -> Void
    ) {
        add(name) { arguments in
            var reader = try ArgumentReader(name, arguments, repeat (each Argument).self)
            try await body(repeat try reader.next(as: (each Argument).self))
            return .null
        }
    }

    private mutating func add(_ name: String, _ body: @escaping Body) {
        precondition(
            !name.isEmpty && !name.contains("\n"), "a function's name is one line of text, not \"\(name)\"")
        precondition(functions[name] == nil, "two functions are registered as \"\(name)\"")
        functions[name] = body
    }

    /// What the executable does, according to its command line: an executor of a worker, a worker, or usage
    /// text. To be called last in `main`; does not return.
    public func main() async -> Never {
        let code = await run(Array(CommandLine.arguments.dropFirst()))
        BufferedOutput.flush()
        exit(code)
    }
}

/// Why a call could not be made or its result not be sent, apart from what the function threw.
enum CallFailure: Error {
    case argumentsNotDecodable(String)
    case resultNotEncodable(String)
}

/// Hands out the arguments of one call, one after the other.
struct ArgumentReader {
    private let name: String
    private let arguments: [NeutralValue]
    private var position = 0

    init<each Argument>(
        _ name: String, _ arguments: [NeutralValue], _ types: repeat (each Argument).Type
    ) throws(CallFailure) {
        var wanted = 0
        for _ in repeat each types { wanted += 1 }
        guard arguments.count == wanted else {
            throw .argumentsNotDecodable("\(name) takes \(wanted) arguments, \(arguments.count) were given")
        }
        self.name = name
        self.arguments = arguments
    }

    mutating func next<Argument: Decodable>(as type: Argument.Type) throws(CallFailure) -> Argument {
        defer { position += 1 }
        do {
            return try arguments[position].decoded(as: type)
        } catch {
            throw .argumentsNotDecodable("argument \(position + 1) of \(name) is not a \(type): \(error)")
        }
    }
}
