import Posix
import TaskModel
internal import Wire
internal import ZeroMQ

/// Makes messages of the bytes that come from one peer, however they are cut:
///
///     greeting ─► READY ─► parts and commands …
///
/// Memory for a part is asked for when its length is known and allowed; the system gives it only as it is
/// filled.
struct ZmtpReader: ~Copyable {
    /// What the bytes have come to.
    enum Step {
        /// All were used, and nothing is complete.
        case hungry
        /// A message: `takeMessage` has it.
        case message
        /// The peer's handshake is over.
        case ready
        case ping([UInt8])
    }

    private enum Phase: Hashable {
        /// So many bytes of the greeting have come.
        case greeting(Int)
        case flags
        /// So many bytes of the length are still to come.
        case length(missing: Int)
        case body
        /// So many bytes of an attachment are still to come for which there is no memory.
        case excess(Int)
    }

    private let kind: Zmtp.Kind
    private let messageBytesMax: Int
    private var phase = Phase.greeting(0)
    private var isReady = false

    private var flags: UInt8 = 0
    private var length: UInt64 = 0
    private var body = Message()
    private var filled = 0

    /// The parts of the message that is not complete yet.
    private var first: Message?
    private var attachments: [MessagePart] = []
    private var messageBytes = 0

    /// `kind` is this side's.
    init(as kind: Zmtp.Kind, messageBytesMax: Int) {
        self.kind = kind
        self.messageBytesMax = messageBytesMax
    }

    /// How much of the part that is being received has not come yet.
    var missing: Int { phase == .body ? body.count - filled : 0 }

    /// Reads what there is of the missing bytes, right into their place; some must be missing.
    mutating func fill(from descriptor: borrowing FileDescriptor) throws(PosixError) -> Transferred {
        let start = filled
        let got = try body.withMutableBytes { bytes throws(PosixError) in
            try descriptor.read(into: &bytes, at: start)
        }
        if case .bytes(let count) = got { filled += count }
        return got
    }

    /// Uses bytes up to the next thing that is complete, and moves `offset` behind them.
    mutating func step(_ bytes: [UInt8], at offset: inout Int, end: Int) throws(ZmtpFault) -> Step {
        while true {
            switch phase {
            case .greeting(let count):
                guard offset < end else { return .hungry }
                guard Zmtp.isGreeting(bytes[offset], at: count) else {
                    throw ZmtpFault("no greeting of ZMTP 3 with the mechanism NULL (its byte \(count))")
                }
                offset += 1
                phase = count + 1 == Zmtp.greetingBytes ? .flags : .greeting(count + 1)
            case .flags:
                guard offset < end else { return .hungry }
                try begin(bytes[offset])
                offset += 1
            case .length(let missing):
                guard offset < end else { return .hungry }
                length = length << 8 | UInt64(bytes[offset])
                offset += 1
                if missing == 1 { try makeRoom() } else { phase = .length(missing: missing - 1) }
            case .body:
                let count = min(body.count - filled, end - offset)
                if count > 0 {
                    body.write(bytes[offset..<(offset + count)], at: filled)
                    filled += count
                    offset += count
                }
                guard filled == body.count else { return .hungry }
                phase = .flags
                if let step = try finish() { return step }
            case .excess(let left):
                let count = min(left, end - offset)
                offset += count
                guard count == left else {
                    phase = .excess(left - count)
                    return .hungry
                }
                phase = .flags
                keep(MessagePart(missing: Int(length)))
                if flags & Zmtp.more == 0 { return .message }
            }
        }
    }

    /// The message that was completed by the last step.
    mutating func takeMessage(from peer: UInt32?) -> RawFrame {
        guard let frame = first.take() else { preconditionFailure("no message is complete") }
        defer {
            attachments = []
            messageBytes = 0
        }
        return RawFrame(frame, attachments: attachments, peer: peer)
    }

    private mutating func begin(_ flags: UInt8) throws(ZmtpFault) {
        guard flags <= Zmtp.command | Zmtp.long, flags & Zmtp.command == 0 || flags & Zmtp.more == 0 else {
            throw ZmtpFault("a ZMTP frame with the flags \(flags)")
        }
        guard isReady || flags & Zmtp.command != 0 else {
            throw ZmtpFault("a ZMTP message before the handshake was over")
        }
        self.flags = flags
        length = 0
        phase = .length(missing: flags & Zmtp.long == 0 ? 1 : 8)
    }

    private mutating func makeRoom() throws(ZmtpFault) {
        let isCommand = flags & Zmtp.command != 0
        let most = isCommand ? Limits.commandBytesMax : Limits.payloadBytesMax
        guard length <= UInt64(most) else {
            throw ZmtpFault(
                "a ZMTP \(isCommand ? "command" : "message part") of \(length) bytes, at most \(most)")
        }
        let count = Int(length)
        if !isCommand {
            messageBytes += count
            guard messageBytes <= messageBytesMax else {
                throw ZmtpFault("a message of more than \(messageBytesMax) bytes")
            }
        }
        guard let room = Message(count: count) else {
            // An attachment belongs to one task: that one fails. The connection, and with it all the others,
            // goes on.
            if !isCommand && first != nil {
                phase = .excess(count)
                return
            }
            throw ZmtpFault("a message part of \(count) bytes, for which there is no memory")
        }
        body = room
        body.withMutableBytes { LargeMemory.prepare(&$0) }
        filled = 0
        phase = .body
    }

    /// A frame is complete. nil: nothing that anybody waits for.
    private mutating func finish() throws(ZmtpFault) -> Step? {
        var part = Message()
        swap(&part, &body)
        if flags & Zmtp.command != 0 { return try obey(try ZmtpCommand(part.bytes)) }
        if first == nil {
            first = consume part
        } else {
            keep(MessagePart(consume part))
        }
        return flags & Zmtp.more == 0 ? .message : nil
    }

    /// A message of too many parts loses its last ones, so that its records do not add up.
    private mutating func keep(_ part: MessagePart) {
        if attachments.count < Limits.attachmentsPerFrameMax { attachments.append(part) }
    }

    /// Unknown commands are ignored, as the specification asks.
    private mutating func obey(_ command: ZmtpCommand) throws(ZmtpFault) -> Step? {
        if command.name == "ERROR" {
            throw ZmtpFault("a ZMTP error: \(String(decoding: command.body.dropFirst(), as: UTF8.self))")
        }
        if isReady { return command.name == "PING" ? .ping(command.body) : nil }
        guard command.name == "READY" else {
            throw ZmtpFault("the ZMTP command \(command.name) where READY belongs")
        }
        let type = try command.socketType()
        guard type == kind.partner.rawValue else {
            throw ZmtpFault("a ZMTP peer that is a \(type ?? "nobody"), not a \(kind.partner.rawValue)")
        }
        isReady = true
        return .ready
    }
}
