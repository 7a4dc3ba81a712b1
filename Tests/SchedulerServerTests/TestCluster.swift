import Logging
import Posix
import SchedulerServer
import SessionTransport
import TaskModel
import Testing
import Wire
import ZeroMQ

/// A scheduler service in this process, and the addresses for hand-written peers.
final class TestCluster: Sendable {
    let context = Context()
    let service: SchedulerService
    let address: Address
    private let running: Task<Void, any Error>

    var control: SchedulerControl { service.control }

    /// - Parameter adjust: changes the configuration before the start.
    init(_ adjust: (inout SchedulerConfiguration) -> Void = { _ in }) async throws {
        let name = "inproc://scheduler-\(randomUInt64())"
        var configuration = SchedulerConfiguration(name: "test", addresses: [name])
        adjust(&configuration)
        var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        let service = SchedulerService(configuration: configuration, context: context, logger: logger)
        self.service = service
        address = try Address(configuration.addresses[0])
        running = Task { try await service.run() }
        _ = try await service.listening()
    }

    /// Waits until the scheduler has ended by itself.
    func ended() async throws { try await running.value }

    /// Ends the scheduler at once.
    func stop() async throws {
        running.cancel()
        try await running.value
    }
}

/// What a test waited for did not come.
struct NotInTime: Error, CustomStringConvertible {
    let description: String
}

/// A record as a peer received it, with copies of its bytes.
struct TestRecord {
    let type: RecordType
    let flags: UInt8
    let body: [UInt8]
    let attachments: [[UInt8]]

    func read<R>(_ read: (inout ByteReader) throws(WireError) -> R) throws -> R {
        var reader = unsafe ByteReader(body.span.bytes)
        return try read(&reader)
    }

    /// The bytes of a payload of this record, of which the first `before` attachments belong to others.
    func bytes(_ payload: PayloadView, attachmentsBefore before: Int = 0) -> [UInt8] {
        payload.form == .attached ? attachments[before] : Array(body[payload.inline])
    }
}

/// A peer whose every step the test decides. Belongs to the test's thread.
final class TestPeer {
    static let patience = Interval.seconds(20)

    let connector: Connector
    let session: SessionID
    private(set) var records: [TestRecord] = []
    private(set) var welcome: Welcome?
    private(set) var refusal: Refusal?
    private(set) var isClosed = false
    private var poller: Poller

    init(_ cluster: TestCluster, role: Role, fields: [Field]) throws {
        session = SessionID(randomUInt64())
        connector = try Connector(
            ConnectorConfiguration(address: cluster.address, role: role, fields: fields), session: session,
            context: cluster.context, now: MonotonicClock.now)
        poller = try Poller()
        try poller.watch(connector.pollDescriptor, for: .readable, token: 0)
    }

    var link: OutgoingLink { connector.link }

    /// Turns until the condition holds.
    func turn(_ what: String, until holds: (TestPeer) -> Bool) throws {
        let deadline = MonotonicClock.now + Self.patience
        while true {
            let now = MonotonicClock.now
            while let event = connector.next(now: now) { take(event) }
            connector.flush(now: now)
            if holds(self) { return }
            guard now < deadline else { throw NotInTime(description: "\(what); has \(records.map(\.type))") }
            let wakeUp = min(connector.wakeUp, now + .milliseconds(20))
            if wakeUp > now { _ = try poller.wait(until: wakeUp, now: now) }
        }
    }

    /// Turns until the peer was welcomed.
    @discardableResult
    func connected() throws -> Self {
        try turn("welcome") { $0.welcome != nil || $0.refusal != nil }
        if let refusal { throw refusal }
        return self
    }

    /// Turns until the peer was refused.
    func refused() throws -> Refusal {
        try turn("refusal") { $0.refusal != nil }
        return try #require(refusal)
    }

    /// Turns once, so that what was written leaves.
    func flush() throws { try turn("flush") { _ in true } }

    /// Takes the oldest record of this type out of those received, and waits for one if there is none.
    func next(_ type: RecordType) throws -> TestRecord {
        try turn("record \(type)") { $0.records.contains { $0.type == type } }
        let place = try #require(records.firstIndex { $0.type == type })
        return records.remove(at: place)
    }

    /// Takes everything that came.
    func takeAll() -> [TestRecord] {
        defer { records.removeAll(keepingCapacity: true) }
        return records
    }

    func close() throws {
        connector.close(now: MonotonicClock.now)
        try flush()
    }

    private func take(_ event: ConnectorEvent) {
        switch event {
        case .welcomed(let welcome, _): self.welcome = welcome
        case .received(let frame): split(frame)
        case .refused(let refusal): self.refusal = refusal
        case .closed: isClosed = true
        case .interrupted, .unblocked: break
        }
    }

    private func split(_ frame: ReceivedFrame) {
        do {
            try frame.withBytes(of: 0) { (bytes: RawSpan) throws(WireError) in
                var reader = ByteReader(bytes, at: FrameHeader.bytes)
                var before = 0
                for _ in 0..<frame.header.records {
                    let record = try reader.record(attachmentsBefore: before)
                    var attachments: [[UInt8]] = []
                    for place in 0..<record.attachments {
                        attachments.append(
                            frame.withBytes(of: 1 + before + place) { $0.copied(0..<$0.byteCount) })
                    }
                    before += record.attachments
                    records.append(
                        TestRecord(
                            type: record.type, flags: record.flags, body: bytes.copied(record.body),
                            attachments: attachments))
                }
            }
        } catch {
            Issue.record("a frame of the scheduler cannot be read: \(error)")
        }
    }
}

/// Asks until the answer is yes.
func eventually(_ what: String, _ holds: () async throws -> Bool) async throws {
    let deadline = MonotonicClock.now + TestPeer.patience
    while try await !holds() {
        guard MonotonicClock.now < deadline else { throw NotInTime(description: what) }
        try await Task.sleep(for: .milliseconds(1))
    }
}
