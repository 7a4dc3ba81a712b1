import TaskModel
internal import Wire
internal import ZeroMQ

/// The allow-list. libzmq asks it about each CURVE connection (ZAP, RFC 27) before anything else of that
/// connection is read; one that is not listed gets nothing.
struct Authenticator: ~Copyable {
    private let socket: Socket
    private let authorized: [String: AuthorizedKey]
    private(set) var refused: UInt64 = 0
    /// Where those came from that were refused since they were last taken.
    private var strangers: [String] = []
    private var part = Message()

    init(_ authorized: [AuthorizedKey], context: Context) throws(TransportError) {
        do {
            let socket = try Socket(.reply, in: context)
            try socket.set(.linger, 0)
            try socket.bind("inproc://zeromq.zap.01")
            self.socket = socket
        } catch {
            throw TransportError("the allow-list cannot be installed: \(error)")
        }
        var table: [String: AuthorizedKey] = [:]
        for key in authorized { table[key.publicKey] = key }
        self.authorized = table
    }

    var descriptor: Int32 { socket.descriptor }
    var hasInput: Bool { socket.hasInput }

    /// Answers what is waiting.
    mutating func answer() {
        while let parts = request() { reply(to: parts) }
    }

    mutating func takeStrangers() -> [String] {
        defer { strangers = [] }
        return strangers
    }

    private mutating func request() -> [[UInt8]]? {
        guard socket.receive(into: &part) else { return nil }
        var parts = [part.bytes]
        while part.hasMore, socket.receive(into: &part) { parts.append(part.bytes) }
        return parts
    }

    /// A request is: version, request id, domain, address, identity, mechanism, credentials.
    private mutating func reply(to parts: [[UInt8]]) {
        let known: AuthorizedKey? =
            if parts.count == 7, parts[5] == Array("CURVE".utf8), parts[6].count == 32 {
                authorized[z85(parts[6])]
            } else {
                nil
            }
        if known == nil {
            refused += 1
            let origin = parts.count > 3 ? String(decoding: parts[3].prefix(64), as: UTF8.self) : "?"
            // They try again and again: who is in the list once is told of.
            if strangers.count < Limits.strangersToldMax, !strangers.contains(origin) {
                strangers.append(origin)
            }
        }
        let answer = [
            Array("1.0".utf8), parts.count > 1 ? parts[1] : [], Array((known == nil ? "400" : "200").utf8),
            [],
            Array((known.map { "\($0.role) \($0.name)" } ?? "").utf8), [],
        ]
        for (index, bytes) in answer.enumerated() {
            part.refill(bytes)
            _ = socket.send(&part, more: index + 1 < answer.count)
        }
    }
}
