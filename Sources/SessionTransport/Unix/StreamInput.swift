import Posix
import TaskModel
internal import ZeroMQ

/// What was last read from a stream. One buffer serves all streams of a loop: the next one is read when the
/// bytes of the last one were used up.
struct StreamInput: ~Copyable {
    enum Read {
        case some
        case nothing
        /// The other end has closed, or the connection is broken.
        case ended
    }

    private var buffer = [UInt8](repeating: 0, count: Limits.socketReadBytesMax)
    private var offset = 0
    private var end = 0
    /// The last read filled the buffer.
    private var wasFull = false

    /// Reads once. Everything that was read before must have been used.
    mutating func read(from stream: UnixStream) -> Read {
        precondition(offset == end, "what was read is not used yet")
        offset = 0
        end = 0
        wasFull = false
        do {
            if stream.reader.missing >= Limits.socketDirectBytesMin { return try fill(stream) }
            switch try stream.descriptor.read(into: &buffer) {
            case .bytes(let count):
                end = count
                wasFull = count == buffer.count
                return .some
            case .wouldBlock: return .nothing
            case .endOfFile: return .ended
            }
        } catch {
            return .ended
        }
    }

    /// Reads what is missing of a large part into its own memory.
    private func fill(_ stream: UnixStream) throws(PosixError) -> Read {
        var total = 0
        while stream.reader.missing > 0 && total < Limits.socketDirectBytesMax {
            switch try stream.reader.fill(from: stream.descriptor) {
            case .bytes(let count): total += count
            case .wouldBlock: return total > 0 ? .some : .nothing
            case .endOfFile: return .ended
            }
        }
        return .some
    }

    /// The next thing that the bytes come to. `.hungry`: they are used up.
    mutating func next(of stream: UnixStream) throws(ZmtpFault) -> ZmtpReader.Step {
        let step = try stream.reader.step(buffer, at: &offset, end: end)
        // The rest of a large part is likely to be waiting already.
        guard case .hungry = step, wasFull, stream.reader.missing >= Limits.socketDirectBytesMin,
            case .some = read(from: stream)
        else { return step }
        return try stream.reader.step(buffer, at: &offset, end: end)
    }

    mutating func discard() { offset = end }
}
