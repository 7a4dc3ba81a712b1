// What travels. A frame carries values instead of bytes: how they are encoded is tested elsewhere, and the
// cores never see it.

import TaskModel

struct Frame {
    enum Kind: BitwiseCopyable {
        /// `life`: which process of its node says so.
        case hello(epoch: Epoch, received: UInt64, life: Int)
        case welcome(epoch: Epoch, received: UInt64, begun: UInt64, heartbeat: Interval, lease: Interval)
        /// `hello`: only this connection is unknown; else the session is refused for good.
        case refusal(hello: Bool)
        case data(UInt64, acknowledged: UInt64, epoch: Epoch)
        case acknowledge(UInt64, acknowledged: UInt64, epoch: Epoch)
        case resend(UInt64, acknowledged: UInt64, epoch: Epoch)
        case goodbye(epoch: Epoch)
    }

    let session: SessionID
    let kind: Kind
    var records: [Record] = []

    var isHandshake: Bool {
        switch kind {
        case .hello, .welcome, .refusal: true
        case .data, .acknowledge, .resend, .goodbye: false
        }
    }

    var fingerprint: UInt64 {
        let bits: UInt64 =
            switch kind {
            case .hello(_, let received, _): 1 << 56 ^ received
            case .welcome(_, let received, _, _, _): 2 << 56 ^ received
            case .refusal(let hello): 3 << 56 ^ (hello ? 1 : 0)
            case .data(let number, let acknowledged, _): 4 << 56 ^ number << 20 ^ acknowledged
            case .acknowledge(let number, let acknowledged, _): 5 << 56 ^ number << 20 ^ acknowledged
            case .resend(let number, let acknowledged, _): 6 << 56 ^ number << 20 ^ acknowledged
            case .goodbye: 7 << 56
            }
        return bits ^ session.rawValue ^ UInt64(records.count) << 48
    }
}

enum Record {
    // From a client.
    case submit(Submission)
    case cancel(UInt64, alsoRunning: Bool)
    case release(first: UInt64, count: UInt64)
    // To a client.
    case accepted(upTo: UInt64)
    case outcome(Outcome)
    case started(AttemptID)
    // To a worker.
    /// Functions and initializers are their names: what is told is that they are defined.
    case function(Definition)
    case workerSetup(SessionID)
    case forgetFunction(Definition)
    case assign(Assignment)
    case retract(AttemptID)
    case stop(AttemptID)
    case forgetSession(SessionID)
    case drain
    case value(TaskID, Token, bytes: UInt32)
    case forgetValues([TaskID])
    // From a worker.
    case finished(Report)
    case workerStarted(AttemptID)
    case returned(AttemptID)
    case draining
}

/// A function of a session, by its number.
struct Definition: Hashable, BitwiseCopyable {
    let session: SessionID
    let number: UInt32

    var fingerprint: UInt64 { session.rawValue ^ UInt64(number) << 40 }
}

struct Submission {
    let sequence: UInt64
    let spec: TaskSpec
    let dependencies: [UInt64]
}

/// A value that one attempt made, and that others read: equal tokens are equal values.
struct Token: Hashable, BitwiseCopyable {
    let bits: UInt64

    init(of attempt: AttemptID) {
        bits = (attempt.fingerprint &* 0x9e37_79b9_7f4a_7c15) ^ UInt64(attempt.number)
    }
}

struct Outcome: BitwiseCopyable {
    let attempt: AttemptID
    let status: OutcomeStatus
    let reason: OutcomeReason
    /// Set when the status is `value`.
    let value: Token?
    /// The dependency that failed, when the scheduler names one.
    var cause: TaskID?
}

/// What a worker is given of one attempt.
struct Assignment {
    struct Input: BitwiseCopyable {
        /// The task that the value stands for, not the conversion that it may have gone through.
        let task: TaskID
        var value: Token
        /// The worker has the value, of this very task: it is to take its own.
        var reference: TaskID?
    }

    let attempt: AttemptID
    let spec: TaskSpec
    /// Turns its one input into neutral form.
    let isConversion: Bool
    var inputs: [Input]
    let rank: Int8
    /// Of its worker, a bit each.
    let devices: UInt64
    let isCounted: Bool
}

/// What a worker says of an attempt that ended.
struct Report: BitwiseCopyable {
    let attempt: AttemptID
    var status: OutcomeStatus
    var reason: OutcomeReason
    var value: Token?
    var codec: Codec
    var ran: Interval
    var valueBytes: UInt32 = 0
    /// The worker keeps the value.
    var isHeld = false
}
