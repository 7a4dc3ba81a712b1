import WorkerCore

/// The cases of the worker core's `Action`.
enum WorkerActionName: UInt8, CaseIterable {
    case start, send, retire, retract, stop, look, kill, giveBack, reportStarted, conclude, forget, leave

    init(_ action: Action) {
        switch action {
        case .start: self = .start
        case .send: self = .send
        case .retire: self = .retire
        case .retract: self = .retract
        case .stop: self = .stop
        case .look: self = .look
        case .kill: self = .kill
        case .giveBack: self = .giveBack
        case .reportStarted: self = .reportStarted
        case .conclude: self = .conclude
        case .forget: self = .forget
        case .leave: self = .leave
        }
    }
}
