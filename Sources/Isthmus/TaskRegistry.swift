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
    /// A function as it is called: with what reads the arguments of some rows and writes their values behind
    /// those that are there. Ends with the first row that fails.
    enum Body: Sendable {
        /// It never suspends: nothing has to be made that could.
        case plain(@Sendable (CallRows, inout [NeutralValue]) throws -> Void)
        case suspending(@Sendable (CallRows, inout [NeutralValue]) async throws -> Void)
    }

    private(set) var functions: [String: Body] = [:]

    /// An empty registry.
    public init() {}

    /// Registers a function under a name, by which `.swift(name)` and Python's `swift(name)` call it.
    ///
    /// - Parameter body: with one argument; `throws` if it likes.
    public mutating func register<Argument: Decodable & Sendable, Value: Encodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (Argument) throws -> Value
    ) {
        let first = ArgumentReading<Argument>(name, 1)
        let result = ResultWriting<Value>(name)
        add(
            name,
            .plain { rows, values in
                try rows.expect(1, name)
                for row in rows.indices {
                    try Task.checkCancellation()
                    values.append(try result.write(try body(try first.read(rows[row, 0]))))
                }
            })
    }

    /// Registers a function under a name, by which `.swift(name)` and Python's `swift(name)` call it.
    ///
    /// - Parameter body: any number of `Decodable` arguments; `throws` if it likes.
    public mutating func register<each Argument: Decodable & Sendable, Value: Encodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) throws -> Value
    ) {
        var count = 0
        func next<One: Decodable & Sendable>(_ type: One.Type) -> ArgumentReading<One> {
            count += 1
            return ArgumentReading(name, count)
        }
        let readings = (repeat next((each Argument).self))
        let result = ResultWriting<Value>(name)
        let wanted = count
        add(
            name,
            .plain { rows, values in
                try rows.expect(wanted, name)
                for row in rows.indices {
                    try Task.checkCancellation()
                    var arguments = RowReader(rows, row)
                    let value = try body(repeat try (each readings).read(arguments.next()))
                    values.append(try result.write(value))
                }
            })
    }

    /// Registers a function under a name, by which `.swift(name)` and Python's `swift(name)` call it.
    ///
    /// - Parameter body: any number of `Decodable` arguments; it may suspend, and `throws` if it likes.
    public mutating func register<each Argument: Decodable & Sendable, Value: Encodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) async throws -> Value
    ) {
        var count = 0
        func next<One: Decodable & Sendable>(_ type: One.Type) -> ArgumentReading<One> {
            count += 1
            return ArgumentReading(name, count)
        }
        let readings = (repeat next((each Argument).self))
        let result = ResultWriting<Value>(name)
        let wanted = count
        add(
            name,
            .suspending { rows, values in
                try rows.expect(wanted, name)
                for row in rows.indices {
                    try Task.checkCancellation()
                    var arguments = RowReader(rows, row)
                    let value = try await body(repeat try (each readings).read(arguments.next()))
                    values.append(try result.write(value))
                }
            })
    }

    /// Registers a function without a value: it arrives as `NoValue`, in Python as `None`.
    public mutating func register<Argument: Decodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (Argument) throws -> Void
    ) {
        let first = ArgumentReading<Argument>(name, 1)
        add(
            name,
            .plain { rows, values in
                try rows.expect(1, name)
                for row in rows.indices {
                    try Task.checkCancellation()
                    try body(try first.read(rows[row, 0]))
                    values.append(.null)
                }
            })
    }

    /// Registers a function without a value: it arrives as `NoValue`, in Python as `None`.
    public mutating func register<each Argument: Decodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) throws -> Void
    ) {
        var count = 0
        func next<One: Decodable & Sendable>(_ type: One.Type) -> ArgumentReading<One> {
            count += 1
            return ArgumentReading(name, count)
        }
        let readings = (repeat next((each Argument).self))
        let wanted = count
        add(
            name,
            .plain { rows, values in
                try rows.expect(wanted, name)
                for row in rows.indices {
                    try Task.checkCancellation()
                    var arguments = RowReader(rows, row)
                    try body(repeat try (each readings).read(arguments.next()))
                    values.append(.null)
                }
            })
    }

    /// Registers a function without a value, which may suspend: it arrives as `NoValue`, in Python as `None`.
    public mutating func register<each Argument: Decodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) async throws -> Void
    ) {
        var count = 0
        func next<One: Decodable & Sendable>(_ type: One.Type) -> ArgumentReading<One> {
            count += 1
            return ArgumentReading(name, count)
        }
        let readings = (repeat next((each Argument).self))
        let wanted = count
        add(
            name,
            .suspending { rows, values in
                try rows.expect(wanted, name)
                for row in rows.indices {
                    try Task.checkCancellation()
                    var arguments = RowReader(rows, row)
                    try await body(repeat try (each readings).read(arguments.next()))
                    values.append(.null)
                }
            })
    }

    private mutating func add(_ name: String, _ body: Body) {
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
