import Posix
import SessionTransport
import TaskModel
import Testing
import Wire

/// The other end of a Unix socket, byte by byte.
final class RawPeer {
    private let descriptor: FileDescriptor
    private(set) var received: [UInt8] = []
    private(set) var isClosed = false

    /// What a DEALER says first: a greeting, and READY.
    static let handshake: [UInt8] =
        [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1] + Array("NULL".utf8)
        + [UInt8](repeating: 0, count: 48) + [4, 41, 5] + Array("READY".utf8) + [11]
        + Array("Socket-Type".utf8) + [0, 0, 0, 6] + Array("DEALER".utf8) + [8] + Array("Identity".utf8)
        + [0, 0, 0, 0]

    init(to address: Address) throws {
        guard case .ipc(let path) = address else { throw PosixError("not a Unix socket", code: 0) }
        descriptor = try FileDescriptor.connected(toUnixSocket: path)
    }

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Writes all of it, or nothing more once the other side has closed.
    func say(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            guard case .bytes(let count) = try? descriptor.write(bytes, from: start) else { return }
            start += count
        }
    }

    /// Reads what there is.
    func listen() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while !isClosed {
            switch try? descriptor.read(into: &buffer) {
            case .bytes(let count): received += buffer[..<count]
            case .wouldBlock: return
            case .endOfFile, nil: isClosed = true
            }
        }
    }

    /// Whether the scheduler has closed this connection.
    var wasClosed: Bool {
        listen()
        return isClosed
    }
}

/// A frame of ZMTP that is one short message.
func zmtpFrame(_ bytes: [UInt8], flags: UInt8 = 0) -> [UInt8] {
    precondition(bytes.count < 256, "not a short one")
    return [flags, UInt8(bytes.count)] + bytes
}

func helloBytes(session: UInt64 = randomUInt64(), role: Role = .client) -> [UInt8] {
    Handshake(
        kind: .hello, role: role, session: SessionID(session), epoch: Epoch(0), received: 0,
        fields: [Field("name", .string("raw"))]
    ).encoded()
}
