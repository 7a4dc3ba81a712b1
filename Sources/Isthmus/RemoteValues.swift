import TaskModel

/// The values of `Client.map`, in the order of the elements.
public struct RemoteValues<Inputs: Sequence, Value: Decodable & Sendable>: AsyncSequence
where Inputs.Element: Encodable {
    /// What the function returns.
    public typealias Element = Value
    /// Why an element has no value.
    public typealias Failure = IsthmusError

    let client: Client
    let function: TaskFunction
    let inputs: Inputs
    let options: TaskOptions

    /// Begins to submit at the first `next`.
    public func makeAsyncIterator() -> Iterator {
        Iterator(client: client, function: function, inputs: inputs.makeIterator(), options: options)
    }

    /// Submits ahead of what is awaited, at most `Limits.mapWindowMax` tasks.
    public struct Iterator: AsyncIteratorProtocol {
        /// Cancels what has not ended when the iteration is left.
        private final class Window {
            var tasks: [RemoteTask<Value>] = []
            var first = 0

            var count: Int { tasks.count - first }

            func takeFirst() -> RemoteTask<Value> {
                defer {
                    first += 1
                    if first >= Limits.mapWindowMax {
                        tasks.removeFirst(first)
                        first = 0
                    }
                }
                return tasks[first]
            }

            func cancelAll() {
                for task in tasks[first...] where !task.isDone { task.cancel() }
                tasks = []
                first = 0
            }

            deinit { cancelAll() }
        }

        private let client: Client
        private let function: TaskFunction
        private let options: TaskOptions
        private var inputs: Inputs.Iterator
        private let window = Window()
        private var isOver = false

        init(client: Client, function: TaskFunction, inputs: Inputs.Iterator, options: TaskOptions) {
            self.client = client
            self.function = function
            self.inputs = inputs
            self.options = options
        }

        /// The next value; nil at the end of the elements.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(IsthmusError) -> Value?
        {
            do {
                while !isOver, window.count < Limits.mapWindowMax {
                    guard let input = inputs.next() else {
                        isOver = true
                        break
                    }
                    window.tasks.append(
                        try await client.submit(function, input, as: Value.self, options: options))
                }
                guard window.count > 0 else { return nil }
                return try await window.takeFirst().value
            } catch {
                isOver = true
                window.cancelAll()
                throw error
            }
        }

        /// The next value; nil at the end of the elements.
        public mutating func next() async throws(IsthmusError) -> Value? {
            try await next(isolation: #isolation)
        }
    }
}
