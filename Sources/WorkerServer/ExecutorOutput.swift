import Posix
import SessionTransport
import TaskModel
import Wire
import ZeroMQ

/// Bytes on their way into an executor's socket. Small ones are collected and written once per turn of the
/// loop; attachments are written from the frame that they arrived in.
///
/// Its bound is that of the executor's pipeline: `Limits.lookaheadMax` attempts, whose frames the worker
/// holds anyway.
struct ExecutorOutput: ~Copyable {
    private enum Piece {
        case bytes([UInt8])
        case part(ReceivedFrame, Int)
        case shared(MessagePart)
    }

    /// Attachments below this are cheaper to copy than to write on their own.
    private static let copiedBytesMax = 16 << 10

    private var pieces: [Piece] = []
    /// Written of the first piece, or of the tail when there is none.
    private var written = 0
    /// What comes after the pieces.
    var tail = ByteWriter(capacity: 16 << 10)

    var isEmpty: Bool { pieces.isEmpty && tail.count == 0 }

    /// Appends a part of a frame as an attachment: its length, then its bytes.
    mutating func attach(part: Int, of frame: ReceivedFrame) {
        let count = frame.byteCount(of: part)
        tail.uint64(UInt64(count))
        if count <= Self.copiedBytesMax {
            frame.withBytes(of: part) { tail.raw($0) }
            return
        }
        seal()
        pieces.append(.part(frame, part))
    }

    /// Appends a part of a held value in the same way.
    mutating func attach(_ part: HeldValue.Part) {
        tail.uint64(UInt64(part.byteCount))
        switch part {
        case .made(let bytes):
            if bytes.count <= Self.copiedBytesMax {
                tail.raw(bytes)
            } else {
                seal()
                pieces.append(.bytes(bytes))
            }
        case .sent(let part):
            if part.message.count <= Self.copiedBytesMax {
                part.message.withBytes { tail.raw($0) }
            } else {
                seal()
                pieces.append(.shared(part))
            }
        }
    }

    /// The tail so far becomes a piece, so that something else can follow it.
    private mutating func seal() {
        guard tail.count > 0 else { return }
        pieces.append(.bytes(tail.take()))
    }

    mutating func removeAll() {
        pieces.removeAll()
        tail.removeAll()
        written = 0
    }

    /// Writes what the socket takes. False when it takes no more for now.
    mutating func flush(into socket: borrowing FileDescriptor) throws(PosixError) -> Bool {
        var done = 0
        defer { if done > 0 { pieces.removeFirst(done) } }
        while done < pieces.count {
            switch pieces[done] {
            case .bytes(let bytes):
                guard try unsafe write(bytes.span.bytes, into: socket) else { return false }
            case .part(let frame, let part):
                let complete = try frame.withBytes(of: part) { (bytes) throws(PosixError) in
                    try write(bytes, into: socket)
                }
                guard complete else { return false }
            case .shared(let part):
                let complete = try part.message.withBytes { (bytes) throws(PosixError) in
                    try write(bytes, into: socket)
                }
                guard complete else { return false }
            }
            done += 1
            written = 0
        }
        guard tail.count > 0 else { return true }
        guard try flushTail(into: socket) else { return false }
        tail.removeAll()
        written = 0
        return true
    }

    private mutating func flushTail(into socket: borrowing FileDescriptor) throws(PosixError) -> Bool {
        let bytes = tail.bytes
        return try unsafe write(bytes.span.bytes, into: socket)
    }

    private mutating func write(_ bytes: RawSpan, into socket: borrowing FileDescriptor) throws(PosixError)
        -> Bool
    {
        while written < bytes.byteCount {
            switch try socket.write(bytes.extracting(written..<bytes.byteCount)) {
            case .bytes(let count): written += count
            case .wouldBlock: return false
            case .endOfFile: return false
            }
        }
        return true
    }
}
