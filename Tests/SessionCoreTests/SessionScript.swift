import SessionCore
import TaskModel

/// Reads the commands of a scenario and writes down what the core asked for after each.
struct SessionScript: ~Copyable {
    struct Unreadable: Error { let line: String }

    private var session: Session
    private var now = Instant.origin
    private var actions: [SessionAction] = []
    private var transcript = ""

    static func run(_ commands: String) throws -> String {
        let lines = commands.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
        guard let first = lines.first else { throw Unreadable(line: commands) }
        var script = try SessionScript(first)
        for line in lines.dropFirst() { try script.perform(line) }
        return script.transcript
    }

    /// `session connecting|accepting`, with times in milliseconds and bounds where they are not the usual.
    private init(_ line: String) throws {
        let words = ScriptLine(line)
        guard words.verb == "session" else { throw Unreadable(line: line) }
        var policy = SessionPolicy()
        policy.acknowledgeFrames = Int(words["acknowledge_frames"] ?? 64)
        policy.unacknowledgedFramesMax = Int(words["frames_max"] ?? 4_096)
        policy.unacknowledgedBytesMax = Int(words["bytes_max"] ?? 1 << 30)
        policy.isPatient = words.has("patient")
        let side: Session.Side = words.has("accepting") ? .accepting : .connecting
        session = Session(
            SessionID(1), side: side, epoch: Epoch(side == .accepting ? 1 : 0), policy: policy, now: .origin)
    }

    private mutating func perform(_ line: String) throws {
        transcript += line + "\n"
        let words = ScriptLine(line)
        if words.verb == "wait" {
            wait(until: now + .milliseconds(Int64(words.number ?? 0)))
        } else {
            session.absorb(try event(words), now: now, into: &actions)
            note()
        }
    }

    private mutating func wait(until end: Instant) {
        repeat {
            now = max(now, min(end, session.wakeUp))
            session.decide(now: now, into: &actions)
            note()
        } while session.wakeUp <= end
        now = end
    }

    private mutating func note() {
        for action in actions { transcript += "  \(action.words)\n" }
        actions.removeAll()
        session.checkInvariants()
    }

    private func event(_ words: ScriptLine) throws -> SessionEvent {
        let acknowledged = words["ack"] ?? 0
        let epoch = Epoch(words["epoch"] ?? 1)
        switch words.verb {
        case "open": return .opened
        case "lost": return .connectionLost
        case "hello":
            return .helloReceived(
                epoch: Epoch(words["epoch"] ?? 0), received: words["received"] ?? 0,
                lowest: UInt16(words["lowest"] ?? 1), highest: UInt16(words["highest"] ?? 1))
        case "grant": return .granted
        case "welcome":
            return .welcomeReceived(
                epoch: epoch, received: words["received"] ?? 0, version: UInt16(words["version"] ?? 1),
                begun: words["begun"] ?? 1)
        case "refusal": return .refusalReceived(hello: words.has("hello"))
        case "frame": return .frameClosed(bytes: Int(words.number ?? 0))
        case "data":
            return .dataReceived(number: words.number ?? 0, acknowledged: acknowledged, epoch: epoch)
        case "acknowledge":
            return .acknowledgeReceived(number: words["last"] ?? 0, acknowledged: acknowledged, epoch: epoch)
        case "resend":
            return .resendReceived(number: words.number ?? 0, acknowledged: acknowledged, epoch: epoch)
        case "goodbye": return .goodbyeReceived(epoch: epoch)
        case "close": return .closeRequested
        case "turn-away": return .turnedAway
        default: throw Unreadable(line: words.text)
        }
    }
}

/// `verb number name=value …`
struct ScriptLine {
    let text: String
    let verb: String
    private let rest: [Substring]

    init(_ text: String) {
        self.text = text
        let words = text.split(separator: " ")
        verb = words.first.map(String.init) ?? ""
        rest = Array(words.dropFirst())
    }

    var number: UInt64? { rest.first.flatMap { UInt64($0) } }

    func has(_ word: String) -> Bool { rest.contains { $0 == word } }

    subscript(_ name: String) -> UInt64? {
        rest.first { $0.hasPrefix("\(name)=") }.flatMap { UInt64($0.dropFirst(name.count + 1)) }
    }
}

extension SessionAction {
    /// The line of a transcript.
    var words: String {
        switch self {
        case .connect: "connect"
        case .disconnect: "disconnect"
        case .sendHello(let received): "send hello received=\(received)"
        case .sendWelcome(let received, let resumed): "send welcome received=\(received) resumed=\(resumed)"
        case .sendRefusal(let fault): "send refusal \(fault)"
        case .transmit(let number): "transmit \(number)"
        case .sendAcknowledge(let last): "send acknowledge last=\(last)"
        case .sendResend(let first): "send resend \(first)"
        case .sendGoodbye: "send goodbye"
        case .deliver: "deliver"
        case .drop(let number): "drop through \(number)"
        case .ask: "ask"
        case .established(let resumed): "established resumed=\(resumed)"
        case .interrupted: "interrupted"
        case .blocked: "blocked"
        case .unblocked: "unblocked"
        case .ended(let ending): "ended \(ending)"
        }
    }
}
