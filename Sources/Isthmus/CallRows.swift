import Wire

/// The arguments of some calls, one per row, as they came: in columns.
struct CallRows: Sendable {
    let columns: [[NeutralValue]]
    let indices: Range<Int>

    /// Until the shortest column ends.
    init(columns: [[NeutralValue]]) {
        self.columns = columns
        indices = 0..<(columns.map(\.count).min() ?? 0)
    }

    /// Of a call by itself.
    init(_ arguments: [NeutralValue]) {
        columns = arguments.map { [$0] }
        indices = 0..<1
    }

    subscript(_ row: Int, _ column: Int) -> NeutralValue { columns[column][row] }

    func expect(_ wanted: Int, _ name: String) throws(CallFailure) {
        guard columns.count == wanted else {
            throw .argumentsNotDecodable(
                "\(name) takes \(wanted) arguments, \(columns.count) were given")
        }
    }
}

/// Hands out the arguments of one row, one after the other.
struct RowReader {
    private let rows: CallRows
    private let row: Int
    private var column = 0

    init(_ rows: CallRows, _ row: Int) {
        self.rows = rows
        self.row = row
    }

    mutating func next() -> NeutralValue {
        defer { column += 1 }
        return rows[row, column]
    }
}

/// Reads one argument of a function.
struct ArgumentReading<Argument: Decodable & Sendable>: Sendable {
    private let name: String
    private let position: Int
    private let reading = NeutralReading<Argument>()

    /// - Parameter position: from 1.
    init(_ name: String, _ position: Int) {
        self.name = name
        self.position = position
    }

    func read(_ value: NeutralValue) throws(CallFailure) -> Argument {
        do throws(NeutralError) {
            return try reading.read(value)
        } catch {
            throw .argumentsNotDecodable(
                "argument \(position) of \(name) is not a \(Argument.self): \(error)")
        }
    }
}

/// Makes the value of a function neutral.
struct ResultWriting<Value: Encodable & Sendable>: Sendable {
    private let name: String
    private let writing = NeutralWriting<Value>()

    init(_ name: String) { self.name = name }

    func write(_ value: Value) throws(CallFailure) -> NeutralValue {
        do throws(NeutralError) {
            return try writing.write(value)
        } catch {
            throw .resultNotEncodable("the result of \(name) has no neutral form: \(error)")
        }
    }
}

extension TaskRegistry.Body {
    /// Calls it once.
    func call(_ arguments: [NeutralValue]) async throws -> NeutralValue {
        var values: [NeutralValue] = []
        switch self {
        case .plain(let function): try function(CallRows(arguments), &values)
        case .suspending(let function): try await function(CallRows(arguments), &values)
        }
        return values[0]
    }
}
