import Posix
import Synchronization

/// A bounded queue from other threads and from async code into a loop, which it wakes.
///
/// A look into an empty mailbox costs no system call, for the signals that are still to be drained are
/// counted. Neither side makes a system call under the lock: who has just been woken would wait for it.
package final class Mailbox<Letter: Sendable>: Sendable {
    private struct Content {
        var letters: [Letter] = []
        var isClosed = false
        /// Not drained yet, or not even on the descriptor yet. Not 0 while there are letters.
        var signals: UInt64 = 0
    }

    private let capacity: Int
    private let content = Mutex(Content())
    private let event: EventFD

    package init(capacity: Int) throws(TransportError) {
        self.capacity = capacity
        do {
            event = try EventFD()
        } catch {
            throw TransportError("a mailbox cannot be made: \(error)")
        }
    }

    /// Readable when there are letters, and for a moment after they were taken at the same time as signalled.
    package var pollDescriptor: Int32 { event.rawValue }

    /// From any thread.
    package func post(_ letter: Letter) throws(MailboxError) {
        let wasEmpty = try content.withLock { content throws(MailboxError) in
            if content.isClosed { throw .closed }
            if content.letters.count >= capacity { throw .full }
            content.letters.append(letter)
            guard content.letters.count == 1 else { return false }
            content.signals += 1
            return true
        }
        if wasEmpty { event.signal() }
    }

    /// Moves all letters to the end of `letters`; by the loop only.
    package func takeAll(into letters: inout [Letter]) {
        guard content.withLock({ $0.signals > 0 }) else { return }
        // Before the letters: what is posted after they were taken signals again, and that must stay.
        let drained = event.drain()
        content.withLock { content in
            content.signals -= drained
            letters.append(contentsOf: content.letters)
            content.letters.removeAll(keepingCapacity: true)
        }
    }

    /// No further letter is accepted. What was posted before can still be taken.
    package func close() {
        content.withLock { $0.isClosed = true }
    }
}

package enum MailboxError: Error, Hashable, Sendable {
    /// The loop does not keep up; try again later.
    case full
    /// The loop has ended.
    case closed
}
