package import GRPCCore
package import SchedulerServer

extension ControlError: RPCErrorConvertible {
    package var rpcErrorCode: RPCError.Code {
        switch self {
        case .unknownTask, .unknownNode: .notFound
        case .notAWorker: .failedPrecondition
        case .busy, .tooManyWatchers: .resourceExhausted
        case .stopped: .unavailable
        }
    }

    package var rpcErrorMessage: String { description }
}

extension RPCError {
    /// The request itself is wrong: which field, what it holds, what it should hold.
    static func wrong(_ field: String, _ value: String, expected: String) -> RPCError {
        // What a caller sent comes back shortened: an error message travels in a header.
        let shown = value.count > 80 ? value.prefix(80) + "…" : value[...]
        return RPCError(code: .invalidArgument, message: "`\(field)` is \"\(shown)\"; expected \(expected)")
    }
}
