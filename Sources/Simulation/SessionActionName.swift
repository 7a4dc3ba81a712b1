import SessionCore

/// The cases of `SessionAction` that one version and one leader can show.
enum SessionActionName: UInt8, CaseIterable {
    case connect, disconnect, sendHello, sendWelcome, sendRefusal, transmit, sendAcknowledge, sendResend
    case sendGoodbye, deliver, drop, ask, established, interrupted, blocked, unblocked, ended

    init(_ action: SessionAction) {
        switch action {
        case .connect: self = .connect
        case .disconnect: self = .disconnect
        case .sendHello: self = .sendHello
        case .sendWelcome: self = .sendWelcome
        case .sendRefusal: self = .sendRefusal
        case .transmit: self = .transmit
        case .sendAcknowledge: self = .sendAcknowledge
        case .sendResend: self = .sendResend
        case .sendGoodbye: self = .sendGoodbye
        case .deliver: self = .deliver
        case .drop: self = .drop
        case .ask: self = .ask
        case .established: self = .established
        case .interrupted: self = .interrupted
        case .blocked: self = .blocked
        case .unblocked: self = .unblocked
        case .ended: self = .ended
        }
    }
}
