import Foundation
import Logging
import Posix
import SessionTransport
import TaskModel
import Testing
import Wire
import WorkerServer
import ZeroMQ

/// An outcome as the scheduler gets it.
struct HeardOutcome {
    let head: OutcomeHead
    let detail: String
    let parts: [OutcomePart: [UInt8]]
    /// The worker keeps the value.
    let isHeld: Bool

    var text: String { String(decoding: parts[.value] ?? [], as: UTF8.self) }
}

/// A worker with the fake executor, and the scheduler's side of its session in the hands of the test.
final class Harness {
    static let client = SessionID(0xc1)
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Executors/")
        .path(percentEncoded: false)

    let acceptor: Acceptor
    private(set) var session: SessionHandle?
    private(set) var hello: Hello?
    private(set) var opened = 0
    private(set) var outcomes: [UInt64: HeardOutcome] = [:]
    private(set) var outcomeCount = 0
    private(set) var returned: Set<UInt64> = []
    /// How often the start of each was reported.
    private(set) var started: [UInt64: Int] = [:]
    private(set) var said = false
    let run: Task<Void, any Error>

    init(
        slots: Int, executor: String = "fake_executor.py",
        _ change: (inout WorkerConfiguration) -> Void = { _ in }
    )
        throws
    {
        let context = Context()
        let address = "inproc://worker-test-\(String(randomUInt64(), radix: 16))"
        acceptor = try Acceptor(
            AcceptorConfiguration(addresses: [try Address(address)], epoch: Epoch(1)), context: context)
        var configuration = WorkerConfiguration(
            scheduler: address, slots: slots, python: nil, swift: Self.folder + executor, executor: "",
            bridge: "/nowhere")
        configuration.name = "test"
        change(&configuration)
        var logger = Logger(label: "worker")
        logger.logLevel = .critical
        let service = WorkerService(configuration: configuration, context: context, logger: logger)
        run = Task { try await service.run() }
    }

    deinit { run.cancel() }

    /// Turns the scheduler's loop until something is so. Blocks no thread: the worker's own service needs
    /// one.
    func wait(_ what: String, seconds: Int64 = 20, _ isSo: () -> Bool) async throws {
        let deadline = MonotonicClock.now + .seconds(seconds)
        turn()
        while !isSo() {
            guard MonotonicClock.now < deadline else { throw Late(what: what) }
            try await Task.sleep(for: .microseconds(200))
            turn()
        }
    }

    struct Late: Error, CustomStringConvertible {
        let what: String
        var description: String { "waited in vain for \(what)" }
    }

    private func turn() {
        let now = MonotonicClock.now
        while let event = acceptor.next(now: now) {
            switch event {
            case .opened(let handle, let hello):
                session = handle
                self.hello = hello
                opened += 1
                acceptor.welcome(handle, fields: [], now: now)
            case .received(_, let frame): absorb(frame)
            case .closed: said = true
            case .resumed, .unblocked, .lost, .troubled: break
            }
        }
        acceptor.flush(now: now)
    }

    private func absorb(_ frame: ReceivedFrame) {
        var position = FrameHeader.bytes
        var attachments = 0
        for _ in 0..<frame.header.records {
            do {
                let record = try frame.withBytes(of: 0) { (bytes) throws(WireError) in
                    var reader = ByteReader(bytes, at: position)
                    return try reader.record(attachmentsBefore: attachments)
                }
                position = record.body.upperBound
                attachments += record.attachments
                try absorb(record, frame)
            } catch {
                Issue.record("the worker wrote what cannot be read: \(error)")
            }
        }
    }

    private func absorb(_ record: Record, _ frame: ReceivedFrame) throws(WireError) {
        switch record.type {
        case .workerFinished:
            let heard = try outcome(record, frame)
            outcomes[heard.head.attempt.task.sequence] = heard
            outcomeCount += 1
        case .returned: for id in try attempts(record, frame) { returned.insert(id.task.sequence) }
        case .workerStarted:
            for id in try attempts(record, frame) { started[id.task.sequence, default: 0] += 1 }
        default: break
        }
    }

    private func attempts(_ record: Record, _ frame: ReceivedFrame) throws(WireError) -> [AttemptID] {
        try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(bytes, at: record.bodyStart)
            return try reader.attempts()
        }
    }

    private func outcome(_ record: Record, _ frame: ReceivedFrame) throws(WireError) -> HeardOutcome {
        var next = record.firstAttachment
        return try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(bytes, at: record.bodyStart)
            let head = try OutcomeHead(decoding: &reader)
            let detail = String(decoding: bytes.copied(head.detail), as: UTF8.self)
            var parts: [OutcomePart: [UInt8]] = [:]
            for _ in 0..<head.parts {
                let part = try reader.outcomePart()
                parts[part.kind] =
                    part.payload.form == .attached
                    ? frame.withBytes(of: 1 + next) { $0.copied(0..<$0.byteCount) }
                    : bytes.copied(part.payload.inline)
                next += part.payload.attachments
            }
            return HeardOutcome(
                head: head, detail: detail, parts: parts, isHeld: record.flags & Record.valueIsHeld != 0)
        }
    }

    // MARK: What the scheduler says

    func joined() async throws {
        try await wait("the worker to join") { session != nil }
    }

    var link: OutgoingLink {
        guard let session, let link = acceptor.link(session) else { preconditionFailure("not joined") }
        return link
    }

    func assign(
        _ sequence: UInt64, _ text: String, session: SessionID = client, function: UInt32 = 1,
        timeout: UInt32 = 0, grace: UInt32 = 200
    ) {
        assign(
            sequence, Array(text.utf8), session: session, function: function, timeout: timeout, grace: grace)
    }

    func assign(
        _ sequence: UInt64, _ bytes: [UInt8], session: SessionID = client, function: UInt32 = 1,
        timeout: UInt32 = 0, grace: UInt32 = 200, devices: UInt64 = 0
    ) {
        let id = AttemptID(task: TaskID(session: session, sequence: sequence), number: 1)
        let link = link
        let assignment = Assignment(
            attempt: id, function: function, kind: .swift, resultCodec: .raw, mode: .process,
            timeoutMilliseconds: timeout, graceMilliseconds: grace, dependencies: 0, devices: devices)
        link.beginRecord(.assign, flags: assignment.flags)
        link.writer.assignmentHead(assignment)
        link.appendPayload(.raw, bytes)
        link.endRecord()
    }

    func define(_ function: UInt32, session: SessionID = client) {
        let link = link
        link.beginRecord(.function)
        link.writer.uint64(session.rawValue)
        link.writer.functionHead(
            function: function, kind: .swift,
            digest: [UInt8](repeating: 7, count: FunctionDefinition.digestBytes))
        link.writer.inlinePayload(.neutral, Array("echo".utf8))
        link.endRecord()
    }

    func setup(function: UInt32, session: SessionID = client, _ text: String = "") {
        let link = link
        link.beginRecord(.workerSetup)
        link.writer.uint64(session.rawValue)
        link.writer.uint32(function)
        link.writer.uint32(0)
        link.writer.inlinePayload(.neutral, Array(text.utf8))
        link.endRecord()
    }

    func forget(_ session: SessionID = client) {
        link.beginRecord(.forgetSession)
        link.writer.uint64(session.rawValue)
        link.endRecord()
    }

    func say(_ type: RecordType, _ sequence: UInt64, session: SessionID = client) {
        let id = AttemptID(task: TaskID(session: session, sequence: sequence), number: 1)
        link.beginRecord(type)
        link.writer.uint32(1)
        link.writer.uint32(0)
        link.writer.attempt(id)
        link.endRecord()
    }

    func drain() {
        link.beginRecord(.drain)
        link.endRecord()
    }

    /// As a scheduler that was started again would say.
    func expel() {
        guard let session else { return }
        acceptor.refuse(session, .session, field: "", message: "unknown session", now: MonotonicClock.now)
        self.session = nil
    }

    func outcome(of sequence: UInt64, seconds: Int64 = 20) async throws -> HeardOutcome {
        try await wait("the outcome of \(sequence)", seconds: seconds) { outcomes[sequence] != nil }
        guard let outcome = outcomes[sequence] else { throw Late(what: "an outcome") }
        return outcome
    }

    func forgetOutcomes() { outcomes = [:] }
}

/// Whether a process with this number runs (a zombie does not).
func isRunning(_ process: Int32) -> Bool {
    guard let text = try? readSmallFile("/proc/\(process)/stat") else { return false }
    let state = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first
    return state != "Z"
}
