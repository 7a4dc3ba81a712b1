import TaskModel

/// One thing that happens at one instant. What belongs to an earlier life of its node is void.
enum Happening {
    /// A node's loop turns, unless it has planned another instant meanwhile.
    case turn(node: Int)
    /// A frame has crossed the network.
    case arrival(Frame, connection: Int, toScheduler: Bool)
    /// A peer learns that its connection is gone.
    case connectionLost(connection: Int)
    case toExecutor(ExecutorAddress, ExecutorRequest)
    case fromExecutor(ExecutorAddress, ExecutorWord)
    /// The running attempt of an executor comes to its end by itself.
    case runEnds(ExecutorAddress, run: UInt64)
    /// A client decides what to do next.
    case clientActs(client: Int, life: Int)
    case clientStarts(client: Int, life: Int)
    case workerStarts(worker: Int, life: Int)
    /// The store has everything up to this record.
    case stored(upTo: UInt64)
    /// Something goes wrong somewhere.
    case mishap
}

/// One life of one executor of one life of a worker.
struct ExecutorAddress: BitwiseCopyable {
    let worker: Int
    let workerLife: Int
    let place: Int
    let life: Int
}

/// What a worker writes to an executor's socket.
enum ExecutorRequest {
    case define(Definition)
    /// Run the session's initializer.
    case setUp(SessionID)
    case forgetFunction(Definition)
    case forgetSession(SessionID)
    case run(Assignment)
    case retract(AttemptID)
    case stop(AttemptID, timedOut: Bool)
}

/// What an executor writes, and its end.
enum ExecutorWord {
    case ready
    case finished(Report)
    case returned(AttemptID)
    case died
}

extension Happening {
    /// What of it goes into the trace hash beside the instant.
    var fingerprint: (kind: UInt64, detail: UInt64) {
        switch self {
        case .turn(let node): (1, UInt64(node))
        case .arrival(let frame, let connection, let toScheduler):
            (toScheduler ? 2 : 3, UInt64(connection) << 32 ^ frame.fingerprint)
        case .connectionLost(let connection): (4, UInt64(connection))
        case .toExecutor(let address, let request): (5, address.fingerprint ^ request.fingerprint)
        case .fromExecutor(let address, let word): (6, address.fingerprint ^ word.fingerprint)
        case .runEnds(let address, let run): (7, address.fingerprint ^ run << 40)
        case .clientActs(let client, let life): (8, UInt64(client) << 16 ^ UInt64(life))
        case .clientStarts(let client, let life): (9, UInt64(client) << 16 ^ UInt64(life))
        case .workerStarts(let worker, let life): (10, UInt64(worker) << 16 ^ UInt64(life))
        case .stored(let number): (11, number)
        case .mishap: (12, 0)
        }
    }
}

extension ExecutorAddress {
    fileprivate var fingerprint: UInt64 {
        UInt64(worker) << 24 ^ UInt64(workerLife) << 16 ^ UInt64(place) << 8 ^ UInt64(life)
    }
}

extension ExecutorRequest {
    fileprivate var fingerprint: UInt64 {
        switch self {
        case .define(let function): function.fingerprint ^ 5 << 60
        case .setUp(let session): session.rawValue ^ 6 << 60
        case .forgetFunction(let function): function.fingerprint ^ 7 << 60
        case .forgetSession(let session): session.rawValue ^ 8 << 60
        case .run(let assignment): assignment.attempt.fingerprint ^ 1 << 60
        case .retract(let attempt): attempt.fingerprint ^ 2 << 60
        case .stop(let attempt, let timedOut): attempt.fingerprint ^ (timedOut ? 3 : 4) << 60
        }
    }
}

extension ExecutorWord {
    fileprivate var fingerprint: UInt64 {
        switch self {
        case .ready: 1 << 60
        case .finished(let report): report.attempt.fingerprint ^ UInt64(report.status.rawValue) << 56
        case .returned(let attempt): attempt.fingerprint ^ 3 << 60
        case .died: 4 << 60
        }
    }
}

extension AttemptID {
    var fingerprint: UInt64 { task.session.rawValue ^ task.sequence << 20 ^ UInt64(number) << 12 }
}
