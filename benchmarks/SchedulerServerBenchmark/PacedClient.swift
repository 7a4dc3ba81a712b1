import Glibc
import Posix
import SessionTransport
import TaskModel
import Wire
import ZeroMQ

/// A client that submits as fast as it may, or at a steady rate, and counts outcomes.
final class PacedClient {
    private let connector: Connector
    private let submitted: Submissions
    private var poller: Poller
    private var isWelcomed = false
    private var sequence: UInt64 = 0
    private var outcomes = 0
    /// Unfinished tasks at once: within the session's credit.
    private let window = Limits.sessionTasksMax / 2

    init(address: Address, context: Context, _ submitted: Submissions) throws {
        self.submitted = submitted
        let fields = [
            Field("name", .string("benchmark")), Field("python", .string("3.11")),
            Field("cloudpickle", .string("3.1.2")),
        ]
        connector = try Connector(
            ConnectorConfiguration(address: address, role: .client, fields: fields),
            session: SessionID(randomUInt64()), context: context, now: MonotonicClock.now)
        poller = try Poller()
        try poller.watch(connector.pollDescriptor, for: .readable, token: 0)
    }

    func connect() throws { while !isWelcomed { try turn(patience: .milliseconds(10)) } }

    /// Seconds of the clock, and of all processors, until the last outcome came.
    func submitAndGather(_ count: Int) throws -> (wall: Double, cpu: Double) {
        let (started, used) = (MonotonicClock.now, processorSeconds())
        let (last, wanted) = (sequence + UInt64(count), outcomes + count)
        while outcomes < wanted {
            while sequence < last, Int(sequence) - outcomes < window {
                submit()
                if sequence % 1_000 == 0 { break }
            }
            let mustWait = sequence == last || Int(sequence) - outcomes >= window
            try turn(patience: mustWait ? .milliseconds(10) : .zero)
        }
        let wall = Double((MonotonicClock.now - started).nanoseconds) / 1e9
        return (wall, processorSeconds() - used)
    }

    func submitPaced(perSecond: Int, seconds: Int) throws {
        let started = MonotonicClock.now
        let (first, wanted) = (Int(sequence), outcomes + perSecond * seconds)
        while outcomes < wanted {
            let elapsed = (MonotonicClock.now - started).nanoseconds
            let due = min(perSecond * seconds, Int(elapsed) * perSecond / 1_000_000_000)
            while Int(sequence) - first < due { submit() }
            try turn(patience: .microseconds(1_000))
        }
    }

    private func submit() {
        sequence += 1
        submitted.note(sequence, MonotonicClock.now)
        connector.link.beginRecord(.submit)
        connector.link.writer.submissionHead(
            sequence: sequence, function: 0, options: 0, kind: .python, parent: nil, dependencies: [])
        connector.link.appendPayload(.pickle, [UInt8](repeating: 7, count: 40))
        connector.link.endRecord()
    }

    private func turn(patience: Interval) throws {
        var now = MonotonicClock.now
        connector.flush(now: now)
        if patience > .zero { _ = try poller.wait(until: now + patience, now: now) }
        now = MonotonicClock.now
        while let event = connector.next(now: now) {
            switch event {
            case .welcomed: isWelcomed = true
            case .received(let frame): try count(frame)
            case .refused(let refusal): throw refusal
            case .closed, .interrupted, .unblocked: break
            }
        }
        connector.flush(now: now)
    }

    private func count(_ frame: ReceivedFrame) throws {
        var ended = 0
        try frame.withBytes(of: 0) { (bytes: RawSpan) throws(WireError) in
            var reader = ByteReader(bytes, at: FrameHeader.bytes)
            for _ in 0..<frame.header.records {
                let record = try reader.record(attachmentsBefore: 0)
                guard record.type == .outcome else { continue }
                var body = ByteReader(bytes, at: record.bodyStart)
                let attempt = try OutcomeHead(decoding: &body).attempt
                ended += 1
                release(attempt.task.sequence)
            }
        }
        outcomes += ended
    }

    private func release(_ sequence: UInt64) {
        connector.link.beginRecord(.release)
        connector.link.writer.uint32(1)
        connector.link.writer.uint32(0)
        connector.link.writer.uint64(sequence)
        connector.link.writer.uint64(1)
        connector.link.endRecord()
    }

    private func processorSeconds() -> Double {
        var used = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
        return Double(used.tv_sec) + Double(used.tv_nsec) / 1e9
    }
}
