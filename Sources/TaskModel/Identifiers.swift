/// A client's (or worker's) session: 64 random bits chosen by the side that connects.
package struct SessionID: Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt64

    @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// One call of a function with arguments. The client makes the id, so submitting twice is harmless.
package struct TaskID: Hashable, Sendable, BitwiseCopyable {
    package let session: SessionID
    /// Counts from 1 within the session, without gaps.
    package let sequence: UInt64

    @inlinable package init(session: SessionID, sequence: UInt64) {
        self.session = session
        self.sequence = sequence
    }
}

/// One try at running a task. A result names its attempt, so a late one of an older attempt is told apart.
package struct AttemptID: Hashable, Sendable, BitwiseCopyable {
    package let task: TaskID
    /// Counts from 1 within the task.
    package let number: UInt32

    @inlinable package init(task: TaskID, number: UInt32) {
        self.task = task
        self.number = number
    }
}

/// Grows with each change of leader; what carries an older one is refused.
package struct Epoch: Hashable, Comparable, Sendable, BitwiseCopyable {
    package let rawValue: UInt64

    @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable package static func < (left: Epoch, right: Epoch) -> Bool { left.rawValue < right.rawValue }
}

extension SessionID: CustomStringConvertible {
    /// Sixteen hexadecimal digits, as every listing shows a session.
    package var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Reads what `description` writes.
    package init?(_ text: some StringProtocol) {
        guard let value = UInt64(text, radix: 16) else { return nil }
        self.init(value)
    }
}

extension TaskID: CustomStringConvertible {
    /// `session-sequence`, the form in which `isthmus tasks` prints a task and `isthmus explain` reads it.
    package var description: String { "\(session)-\(sequence)" }

    package init?(_ text: String) {
        guard let dash = text.lastIndex(of: "-"),
            let session = SessionID(text[..<dash]),
            let sequence = UInt64(text[text.index(after: dash)...])
        else { return nil }
        self.init(session: session, sequence: sequence)
    }
}

extension AttemptID: CustomStringConvertible {
    package var description: String { "\(task)/\(number)" }
}
