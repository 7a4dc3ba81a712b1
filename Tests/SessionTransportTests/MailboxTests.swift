import Posix
import SessionTransport
import TaskModel
import Testing

@Suite struct MailboxTests {
    @Test func lettersFromOtherThreadsWakeTheLoop() throws {
        let mailbox = try Mailbox<Int>(capacity: 1_000)
        var poller = try Poller()
        try poller.watch(mailbox.pollDescriptor, token: 1)
        let senders = try (0..<4).map { sender in
            try Sender { for number in 0..<100 { try? mailbox.post(sender * 100 + number) } }
        }
        var letters: [Int] = []
        let deadline = MonotonicClock.now + .seconds(20)
        while letters.count < 400 {
            let now = MonotonicClock.now
            try #require(now < deadline)
            _ = try poller.wait(until: deadline, now: now)
            mailbox.takeAll(into: &letters)
        }
        #expect(letters.sorted() == Array(0..<400))
        withExtendedLifetime(senders) {}
    }

    @Test func aFullMailboxSaysSo() throws {
        let mailbox = try Mailbox<Int>(capacity: 2)
        try mailbox.post(1)
        try mailbox.post(2)
        #expect(throws: MailboxError.full) { try mailbox.post(3) }
        var letters: [Int] = []
        mailbox.takeAll(into: &letters)
        try mailbox.post(4)
        mailbox.close()
        #expect(throws: MailboxError.closed) { try mailbox.post(5) }
        mailbox.takeAll(into: &letters)
        #expect(letters == [1, 2, 4])
    }
}

/// A thread that is joined at the end of its life.
private final class Sender {
    private var thread: OSThread?

    init(_ body: @escaping @Sendable () -> Void) throws { thread = try OSThread(name: "sender", body) }

    deinit { thread.take()?.join() }
}
