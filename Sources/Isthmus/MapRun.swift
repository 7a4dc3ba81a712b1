import TaskModel
import Wire

/// One `map` under way. Cancels what has not ended when the iteration is left.
final class MapRun {
    /// A task with some rows, which are kept in case it has to be cut in two.
    private struct Chunk {
        let task: TaskHandle
        let rows: MapColumns
        /// What keeps the tasks among the elements wanted.
        let dependencies: NeutralDependencies
        let bytes: Int
    }

    private let lease: SessionLease
    private let function: TaskFunction
    private let rows: MapRows
    private let options: TaskOptions
    private let problem: String?
    private let isChunked: Bool
    private var pace: MapPace
    private var pending: [Chunk] = []
    private var firstPending = 0
    /// On their way or not yet handed out.
    private var elements = 0
    /// Values of the first chunk, the next one last.
    private var values: [NeutralValue] = []
    /// Whose values they are.
    private var current: (outcome: ReceivedOutcome, entry: TaskEntry)?
    /// What ends the sequence when the values before it were handed out.
    private var error: (any Error)?
    private var isAtEnd = false

    init(
        _ lease: SessionLease, _ function: TaskFunction, _ rows: MapRows, chunkSize: Int?, bufferSize: Int?,
        _ options: TaskOptions
    ) {
        self.lease = lease
        self.rows = rows
        problem = [("chunkSize", chunkSize), ("bufferSize", bufferSize)].first { $1.map { $0 < 1 } ?? false }
            .map { "\($0.0) must be >= 1" }
        // These options speak of single calls, so each call is a task of its own.
        isChunked =
            options.isIdempotent && options.retries.count == 0 && options.result == .neutral
            && (options.timeout == nil || chunkSize != nil)
        var function = function
        var options = options
        function.isChunked = isChunked
        if isChunked, let timeout = options.timeout { options.timeout = timeout * (chunkSize ?? 1) }
        self.function = function
        self.options = options
        pace = MapPace(
            fixed: isChunked ? chunkSize : 1, bufferSize: bufferSize,
            remaining: rows.known == 0 ? nil : rows.known)
    }

    deinit { cancel() }

    func next<Value: Decodable & Sendable>(
        isolation actor: isolated (any Actor)?, _ reading: NeutralReading<Value>
    ) async throws -> Value? {
        do {
            if let problem { throw IsthmusError.invalidOptions(problem) }
            while values.isEmpty {
                if let error {
                    self.error = nil
                    throw error
                }
                try await fill(isolation: actor)
                guard firstPending < pending.count else { return nil }
                try await take(isolation: actor)
            }
            elements -= 1
            return try read(values.removeLast(), reading)
        } catch {
            isAtEnd = true
            cancel()
            throw error
        }
    }

    private func read<Value: Decodable & Sendable>(
        _ value: NeutralValue, _ reading: NeutralReading<Value>
    ) throws -> Value {
        do throws(NeutralError) {
            return try reading.read(value)
        } catch {
            guard let current else { preconditionFailure("values belong to a chunk") }
            throw current.outcome.unreadable("The value does not fit: \(error)", Value.self, current.entry)
        }
    }

    private func cancel() {
        for chunk in pending[firstPending...] where chunk.task.entry.end == nil {
            lease.session.cancel(chunk.task.entry.id, running: true)
        }
        pending = []
        firstPending = 0
        values = []
    }

    // MARK: Sending

    /// Sends chunks while there is room.
    private func fill(isolation actor: isolated (any Actor)?) async throws {
        while !isAtEnd {
            let length = pace.nextLength(chunks: pending.count - firstPending, elements: elements)
            guard length > 0 else { return }
            let dependencies = NeutralDependencies()
            var drawn = MapColumns(width: rows.width)
            do {
                if !(try rows.draw(length, &drawn, dependencies)) { isAtEnd = true }
            } catch {
                // What came before it is sent and handed out.
                self.error = error
                isAtEnd = true
            }
            guard drawn.count > 0 else { break }
            pending.append(try await send(drawn, dependencies, isolation: actor))
            elements += drawn.count
            pace.submitted(drawn.count)
        }
    }

    private func send(
        _ rows: MapColumns, _ dependencies: NeutralDependencies, isolation actor: isolated (any Actor)?
    ) async throws -> Chunk {
        let arguments: NeutralValue
        if isChunked {
            arguments = .array([.array(rows.columns.map { .array($0) })])
        } else {
            arguments = .array(rows.row(0))
        }
        let call = try EncodedCall(arguments, dependencies)
        let task = try await lease.session.submit(
            function, options, call.bytes, dependencies: try call.tasks(), lease: lease)
        // Every value is handed out.
        lease.session.want(task.entry.id)
        return Chunk(task: task, rows: rows, dependencies: dependencies, bytes: call.bytes.count)
    }

    // MARK: Receiving

    /// Waits for the first chunk, and takes its values or cuts it in two.
    private func take(isolation actor: isolated (any Actor)?) async throws {
        let chunk = pending[firstPending]
        let end = await chunk.task.value()
        if firstPending == pending.count { return }
        firstPending += 1
        if firstPending > 1_024 {
            pending.removeFirst(firstPending)
            firstPending = 0
        }
        let entry = chunk.task.entry
        switch end {
        case .interrupted: throw CancellationError()
        case .failed(let error): throw error
        case .outcome(let outcome):
            pace.finished(
                elements: chunk.rows.count, bytes: max(chunk.bytes, outcome.valueBytes),
                waited: Double(outcome.head.waitedMicroseconds) / 1e6,
                ran: Double(outcome.head.ranMicroseconds) / 1e6)
            current = (outcome, entry)
            guard isChunked else {
                values = [try outcome.neutralValue(of: entry)]
                return
            }
            if case .executorCrashed? = outcome.error(of: entry), chunk.rows.count > 1 {
                // Until the guilty element is alone.
                let middle = chunk.rows.count / 2
                var halves: [Chunk] = []
                for part in [0..<middle, middle..<chunk.rows.count] {
                    let rows = MapColumns(chunk.rows, rows: part)
                    halves.append(try await send(rows, chunk.dependencies, isolation: actor))
                }
                pending.insert(contentsOf: halves, at: firstPending)
                return
            }
            let (values, failure) = try outcome.chunk(of: entry)
            self.values = values.reversed()
            if let failure {
                error = failure
                isAtEnd = true
            }
        }
    }
}

extension ReceivedOutcome {
    /// Of its value.
    var valueBytes: Int { parts.first { $0.kind == .value }?.bytes.count ?? 0 }

    /// The values of a chunk in order, and what the first element that failed ended with.
    func chunk(of entry: TaskEntry) throws(IsthmusError) -> ([NeutralValue], IsthmusError?) {
        let value = try neutralValue(of: entry)
        guard case .array(let pair) = value, pair.count == 2, case .array(let values) = pair[0] else {
            throw unreadable("The value is \(value.kind) instead of the values of a chunk", nil, entry)
        }
        guard case .map = pair[1] else { return (values, nil) }
        let type = pair[1]["class"]?.string ?? "an exception"
        let message = pair[1]["message"]?.string ?? ""
        if pair[1]["problem"] == .bool(true) {
            return (values, .resultNotDecodable(failure(of: entry, detail: message)))
        }
        return (values, exception(type, message, pair[1]["traceback"]?.string ?? "", entry))
    }
}
