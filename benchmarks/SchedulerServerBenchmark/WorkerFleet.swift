import Posix
import SessionTransport
import Synchronization
import TaskModel
import Wire
import ZeroMQ

/// Many workers with a slot each, all turned by one thread, that answer an assignment with a value at once.
final class WorkerFleet: Sendable {
    private let count: Int
    private let address: Address
    private let context: Context
    private let submitted: Submissions
    private let welcomed = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)
    private let taken = Mutex<[Int64]>([])

    init(count: Int, address: Address, context: Context, _ submitted: Submissions) throws {
        self.count = count
        self.address = address
        self.context = context
        self.submitted = submitted
    }

    var isConnected: Bool { welcomed.load(ordering: .acquiring) == count }
    /// Nanoseconds from each submission to the arrival of its assignment.
    var samples: [Int64] { taken.withLock { $0 } }
    func forgetSamples() { taken.withLock { $0.removeAll() } }
    func stop() { isStopped.store(true, ordering: .releasing) }

    func run() {
        do {
            try turnUntilStopped()
        } catch {
            fatalError("the workers cannot go on: \(error)")
        }
    }

    private func turnUntilStopped() throws {
        var poller = try Poller()
        var connectors: [Connector] = []
        for number in 0..<count {
            let fields = [
                Field("slots", .unsigned(1)), Field("name", .string("w\(number)")),
                Field("python", .string("3.11")), Field("cloudpickle", .string("3.1.2")),
            ]
            let connector = try Connector(
                ConnectorConfiguration(address: address, role: .worker, fields: fields),
                session: SessionID(randomUInt64()), context: context, now: MonotonicClock.now)
            try poller.watch(connector.pollDescriptor, for: .readable, token: UInt64(number))
            connectors.append(connector)
        }
        var next = 0
        while !isStopped.load(ordering: .acquiring) {
            var now = MonotonicClock.now
            let ready = try poller.wait(until: now + .milliseconds(10), now: now)
            now = MonotonicClock.now
            for event in ready { try turn(connectors[Int(event.token)], now) }
            // Heartbeats and acknowledgements of those to whom nothing came: a few at a time.
            for _ in 0..<8 {
                try turn(connectors[next], now)
                next = (next + 1) % connectors.count
            }
        }
        for connector in connectors { connector.close(now: MonotonicClock.now) }
    }

    private func turn(_ connector: Connector, _ now: Instant) throws {
        while let event = connector.next(now: now) {
            switch event {
            case .welcomed: welcomed.add(1, ordering: .releasing)
            case .received(let frame): try answer(frame, on: connector, now)
            case .refused(let refusal): throw refusal
            case .closed, .interrupted, .unblocked: break
            }
        }
        connector.flush(now: now)
    }

    private func answer(_ frame: ReceivedFrame, on connector: Connector, _ now: Instant) throws {
        var arrived: [Int64] = []
        try frame.withBytes(of: 0) { (bytes: RawSpan) throws(WireError) in
            var reader = ByteReader(bytes, at: FrameHeader.bytes)
            for _ in 0..<frame.header.records {
                let record = try reader.record(attachmentsBefore: 0)
                guard record.type == .assign else { continue }
                var body = ByteReader(bytes, at: record.bodyStart)
                let attempt = try Assignment(decoding: &body, flags: record.flags).attempt
                arrived.append(now.nanoseconds - submitted.instant(attempt.task.sequence))
                finish(attempt, on: connector)
            }
        }
        taken.withLock { $0 += arrived }
    }

    private func finish(_ attempt: AttemptID, on connector: Connector) {
        let link = connector.link
        link.beginRecord(.workerFinished)
        var head = OutcomeHead(
            attempt: attempt, status: .value, reason: .none, parts: 1, worker: connector.session,
            detailCount: 0)
        head.ranMicroseconds = 5
        link.writer.outcomeHead(head)
        link.writer.outcomePartHead(.value)
        link.appendPayload(.pickle, [1, 2, 3, 4])
        link.endRecord()
    }
}
