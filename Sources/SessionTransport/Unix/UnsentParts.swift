import Posix
internal import ZeroMQ

/// What could not be written at once, in order: heads and parts of messages, shared, not copied.
struct UnsentParts {
    private var parts: [MessagePart] = []
    /// Beside each part: whether a message ends with it.
    private var ends: [Bool] = []
    /// Those before were written.
    private var first = 0
    /// Bytes of the first part that were written.
    private var skipped = 0
    private(set) var messages = 0

    var isEmpty: Bool { first == parts.count }

    mutating func append(_ part: MessagePart, endsMessage: Bool) {
        parts.append(part)
        ends.append(endsMessage)
        if endsMessage { messages += 1 }
    }

    /// Writes what fits. True if some of it went out.
    mutating func write(to descriptor: borrowing FileDescriptor) throws(PosixError) -> Bool {
        var moved = false
        while !isEmpty {
            let end = min(first + FileDescriptor.gatheredPartsMax, parts.count)
            guard case .bytes(let count) = try descriptor.write(parts[first..<end], skipping: skipped) else {
                break
            }
            moved = true
            account(count)
        }
        return moved
    }

    /// So many bytes have been written, of one or several parts.
    mutating func account(_ count: Int) {
        var left = count + skipped
        while first < parts.count, left >= parts[first].message.count {
            left -= parts[first].message.count
            if ends[first] { messages -= 1 }
            first += 1
        }
        skipped = left
        if isEmpty {
            removeAll()
        } else if first > parts.count / 2 {
            // What was written is let go of, at a cost that does not grow with what is left.
            parts.removeFirst(first)
            ends.removeFirst(first)
            first = 0
        }
    }

    mutating func removeAll() {
        parts.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        first = 0
        skipped = 0
        messages = 0
    }
}

extension MessagePart: LendsBytes {
    package func lend(_ body: (RawSpan) -> Void) { message.withBytes { body($0) } }
}
