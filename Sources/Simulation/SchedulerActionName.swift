import SchedulerCore

/// The cases of the scheduler core's `Action` and of its store entries.
enum SchedulerActionName: UInt8, CaseIterable {
    case recordSubmitted, recordDispatched, recordEnded, accept, assign, retract, stop, conclude, deliver
    case notifyStarted, forget, dropValue, blame, forgetSession, drain

    init(_ action: Action) {
        switch action {
        case .record(_, .submitted): self = .recordSubmitted
        case .record(_, .dispatched): self = .recordDispatched
        case .record(_, .ended): self = .recordEnded
        case .accept: self = .accept
        case .assign: self = .assign
        case .retract: self = .retract
        case .stop: self = .stop
        case .conclude: self = .conclude
        case .deliver: self = .deliver
        case .notifyStarted: self = .notifyStarted
        case .forget: self = .forget
        case .dropValue: self = .dropValue
        case .blame: self = .blame
        case .forgetSession: self = .forgetSession
        case .drain: self = .drain
        }
    }
}
