import Synchronization

/// One value for one `await`, given at most once, before or after the wait begins.
final class Waiter<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Value, Never>)
        case given(Value)
        case taken
    }

    private let state = Mutex(State.idle)

    /// Answers false when a value was given before.
    @discardableResult
    func give(_ value: Value) -> Bool {
        let (first, continuation) = state.withLock { state -> (Bool, CheckedContinuation<Value, Never>?) in
            switch state {
            case .idle:
                state = .given(value)
                return (true, nil)
            case .waiting(let continuation):
                state = .taken
                return (true, continuation)
            case .given, .taken: return (false, nil)
            }
        }
        continuation?.resume(returning: value)
        return first
    }

    /// Whether a value was given, or the wait was given up.
    var isGiven: Bool {
        state.withLock { state in
            switch state {
            case .given, .taken: true
            case .idle, .waiting: false
            }
        }
    }

    /// To be awaited once.
    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let given = state.withLock { state -> Value? in
                    switch state {
                    case .idle:
                        state = .waiting(continuation)
                        return nil
                    case .given(let value):
                        state = .taken
                        return value
                    case .waiting, .taken: preconditionFailure("a waiter is awaited twice")
                    }
                }
                if let given { continuation.resume(returning: given) }
            }
        }
    }
}
