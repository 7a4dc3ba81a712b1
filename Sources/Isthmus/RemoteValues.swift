import TaskModel
import Wire

/// The values of `Client.map`, in the order of the elements.
///
/// May be iterated once: its sequences may be such that are used up.
public struct RemoteValues<Value: Decodable & Sendable>: AsyncSequence {
    /// What the function returns.
    public typealias Element = Value
    /// `IsthmusError` with the reason why an element has no value, or `CancellationError`.
    public typealias Failure = any Error

    private let run: MapRun

    init(
        lease: SessionLease, function: TaskFunction, rows: MapRows, chunkSize: Int?, bufferSize: Int?,
        options: TaskOptions
    ) {
        run = MapRun(lease, function, rows, chunkSize: chunkSize, bufferSize: bufferSize, options)
    }

    /// Begins to submit at the first `next`.
    public func makeAsyncIterator() -> Iterator { Iterator(run: run) }

    /// Submits ahead of what is awaited.
    public struct Iterator: AsyncIteratorProtocol {
        private let run: MapRun
        private let reading = NeutralReading<Value>()

        init(run: MapRun) { self.run = run }

        /// The next value; nil at the end of the elements.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Value? {
            try await run.next(isolation: actor, reading)
        }

        /// The next value; nil at the end of the elements.
        public mutating func next() async throws -> Value? { try await next(isolation: #isolation) }
    }
}
