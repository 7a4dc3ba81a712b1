import Wire

/// A function that is called once per row: many elements of a `map` as one task.
///
/// Its argument are the columns, its value the results in order, up to the first element that failed, and
/// what that one ended with (docs/wire-protocol.md, "Chunks"). What follows it is not run.
struct ChunkedCall {
    private let body: TaskRegistry.Body

    init(_ body: TaskRegistry.Body) { self.body = body }

    @Sendable func run(_ arguments: [NeutralValue]) async throws -> NeutralValue {
        guard case .array(let lists)? = arguments.first, !lists.isEmpty else {
            throw CallFailure.argumentsNotDecodable("a chunk without columns")
        }
        let columns = try lists.map { column in
            guard case .array(let elements) = column else {
                throw CallFailure.argumentsNotDecodable("a column of a chunk is \(column.kind)")
            }
            return elements
        }
        let rows = CallRows(columns: columns)
        var values: [NeutralValue] = []
        values.reserveCapacity(rows.indices.count)
        do {
            switch body {
            case .plain(let function): try function(rows, &values)
            case .suspending(let function): try await function(rows, &values)
            }
        } catch {
            // Cancellation is not a failure of an element: the whole chunk ends as cancelled.
            if Task.isCancelled { throw error }
            return .array([.array(values), Self.summary(of: error)])
        }
        return .array([.array(values), .null])
    }

    private static func summary(of error: any Error) -> NeutralValue {
        let (type, message, isProblem) =
            switch error {
            case CallFailure.argumentsNotDecodable(let text): ("ArgumentsNotDecodable", text, false)
            case CallFailure.resultNotEncodable(let text): ("ResultNotEncodable", text, true)
            default: ("\(Swift.type(of: error))", "\(error)", false)
            }
        return .map([
            NeutralPair(.string("class"), .string(type)), NeutralPair(.string("message"), .string(message)),
            NeutralPair(.string("traceback"), .string("")), NeutralPair(.string("problem"), .bool(isProblem)),
        ])
    }
}
