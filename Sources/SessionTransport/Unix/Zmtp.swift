internal import Wire

/// ZMTP 3.0 with the mechanism NULL, as bytes (https://rfc.zeromq.org/spec/23): after a greeting and one
/// READY command from each side, both at once, frames follow. A frame is `u8 flags, u8 or u64 length
/// (big-endian), bytes`, and is a command or a part of a message.
///
/// Only the kernel guards an `ipc` address (the folder's mode), so there is nothing to encrypt.
enum Zmtp {
    static let more: UInt8 = 1
    static let long: UInt8 = 2
    static let command: UInt8 = 4

    /// What a peer is, and whom it talks to.
    enum Kind: String {
        case router = "ROUTER"
        case dealer = "DEALER"

        var partner: Kind {
            switch self {
            case .router: .dealer
            case .dealer: .router
            }
        }
    }

    // MARK: The greeting

    static let greetingBytes = 64
    private static let mechanism = Array("NULL".utf8) + [UInt8](repeating: 0, count: 16)

    /// Signature, version, mechanism, no server (NULL has none), and zeros to the end.
    static let greeting: [UInt8] =
        [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0] + mechanism + [UInt8](repeating: 0, count: 32)

    /// Whether a greeting may have this byte at this place. Who is no ZMTP peer may never send 64 bytes, so
    /// each one is judged when it comes.
    static func isGreeting(_ byte: UInt8, at place: Int) -> Bool {
        switch place {
        case 0: byte == 0xff
        case 9: byte & 1 == 1
        case 10: byte >= 3
        case 12..<32: byte == mechanism[place - 12]
        default: true
        }
    }

    // MARK: Frames

    static func writeHead(flags: UInt8, count: Int, to writer: inout ByteWriter) {
        if count < 256 {
            writer.uint8(flags)
            writer.uint8(UInt8(count))
        } else {
            writer.uint8(flags | long)
            writer.uint64(UInt64(count).byteSwapped)
        }
    }

    // MARK: Commands

    static func ready(_ kind: Kind) -> [UInt8] {
        command("READY", property("Socket-Type", Array(kind.rawValue.utf8)) + property("Identity", []))
    }

    /// The answer to a PING: what that carried after its time to live.
    static func pong(to ping: [UInt8]) -> [UInt8] { command("PONG", Array(ping.dropFirst(2).prefix(16))) }

    private static func command(_ name: String, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writeHead(flags: command, count: 1 + name.utf8.count + body.count, to: &writer)
        writer.uint8(UInt8(name.utf8.count))
        writer.text(name)
        writer.raw(body)
        return writer.bytes
    }

    private static func property(_ name: String, _ value: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(UInt8(name.utf8.count))
        writer.text(name)
        writer.uint32(UInt32(value.count).byteSwapped)
        writer.raw(value)
        return writer.bytes
    }
}

/// A command as it was received.
struct ZmtpCommand {
    let name: String
    let body: [UInt8]

    /// Bytes are a length, a name of that length, and the rest.
    init(_ bytes: [UInt8]) throws(ZmtpFault) {
        guard let count = bytes.first, bytes.count > count else {
            throw ZmtpFault("a ZMTP command whose name is cut off")
        }
        name = String(decoding: bytes[1...Int(count)], as: UTF8.self)
        body = Array(bytes[(1 + Int(count))...])
    }

    /// The kind of socket that a READY names; nil: it names none.
    func socketType() throws(ZmtpFault) -> String? {
        do {
            var reader = unsafe ByteReader(body.span.bytes)
            var found: String?
            while reader.remaining > 0 {
                let name = try reader.string(Int(try reader.uint8("name")), "name of a property")
                let count = Int(try reader.uint32("value").byteSwapped)
                let value = try reader.range(count, "value of a property")
                if name.lowercased() == "socket-type" {
                    found = String(decoding: body[value], as: UTF8.self)
                }
            }
            return found
        } catch {
            throw ZmtpFault("a READY of ZMTP that cannot be read: \(error)")
        }
    }
}

/// What a peer sent that ZMTP does not allow, or this side does not accept. Its connection is closed.
struct ZmtpFault: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
