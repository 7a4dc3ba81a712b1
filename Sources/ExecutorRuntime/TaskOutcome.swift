package import TaskModel

/// How an attempt ended, as the code that ran it says. Its attempt, timing and output are added by
/// `ExecutorChannel.finish`.
package struct TaskOutcome: Sendable {
    /// One named part; standard output and error are added by the channel.
    package struct Part: Sendable {
        package let kind: OutcomePart
        package let codec: Codec
        package let bytes: [UInt8]

        package init(_ kind: OutcomePart, _ codec: Codec, _ bytes: [UInt8]) {
            self.kind = kind
            self.codec = codec
            self.bytes = bytes
        }
    }

    package var status: OutcomeStatus
    package var reason: OutcomeReason
    /// For a person: what happened and what to do. Empty when the parts say it all.
    package var detail: String
    package var parts: [Part]

    package init(
        _ status: OutcomeStatus, _ reason: OutcomeReason = .none, detail: String = "", parts: [Part] = []
    ) {
        self.status = status
        self.reason = reason
        self.detail = detail
        self.parts = parts
    }
}

/// Why a running attempt is to stop.
package enum StopReason: UInt8, Sendable, BitwiseCopyable {
    case cancelled = 1
    case timedOut = 2

    /// The outcome of an attempt that stopped because it was told to.
    package var outcome: TaskOutcome {
        switch self {
        case .cancelled: TaskOutcome(.cancelled, .clientRequest)
        case .timedOut: TaskOutcome(.timedOut, .executionTimeout)
        }
    }
}

/// What the worker says of itself before anything else.
package struct Greeting: Sendable {
    package let wire: UInt64
    package let worker: SessionID
    /// Folder of `isthmus_bridge`.
    package let bridge: String
    /// Resident memory that the executor may use; 0 for no bound.
    package let memoryBytesMax: UInt64
}

/// The socket said something that it must not, or broke.
package struct ExecutorError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
