import ExecutorRuntime
import Posix
import Synchronization
import TaskModel
import Testing
import Wire

/// Plays the worker at the other end of an executor's socket.
final class WorkerEnd: Sendable {
    static let session = SessionID(0xABCD)
    static let worker = SessionID(77)

    let channel: ExecutorChannel
    private let abandonments: Counter
    private let socket: Mutex<FileDescriptor?>
    private let buffer = Mutex<[UInt8]>([])

    final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    var isAbandoned: Bool { abandonments.value.load(ordering: .relaxed) > 0 }

    /// An executor's channel. Being abandoned is counted, not deadly.
    init() throws {
        let abandonments = Counter()
        self.abandonments = abandonments
        let (ours, theirs) = try SocketPair().split { ours, theirs in (Once(ours), theirs.release()) }
        socket = Mutex(ours.take())
        channel = try ExecutorChannel(
            socket: theirs,
            whenAbandoned: { abandonments.value.add(1, ordering: .relaxed) })
    }

    /// One that has been greeted.
    static func greeted() throws -> WorkerEnd {
        let end = try WorkerEnd()
        end.greet(wire: 1)
        let greeting = try end.channel.greeting()
        #expect(greeting.worker == worker)
        #expect(greeting.bridge == "/the/bridge")
        return end
    }

    deinit { close() }

    func close() { socket.withLock { $0 = nil } }

    func greet(wire: UInt64) {
        let fields = [
            Field("wire", .unsigned(wire)), Field("worker", .unsigned(Self.worker.rawValue)),
            Field("bridge", .string("/the/bridge")), Field("memory_max", .unsigned(0)),
        ]
        send(.greeting) { writer in
            writer.uint32(UInt32(fields.count))
            writer.uint32(0)
            writer.fields(fields)
        }
    }
}

/// Carries a value that cannot be copied out of a closure that can.
private final class Once {
    private var value: FileDescriptor?
    init(_ value: consuming FileDescriptor) { self.value = consume value }
    func take() -> FileDescriptor? { value.take() }
}

extension WorkerEnd {
    static func attempt(_ sequence: UInt64) -> AttemptID {
        AttemptID(task: TaskID(session: session, sequence: sequence), number: 1)
    }

    /// An attempt with its arguments inline, or attached.
    static func assignment(_ sequence: UInt64, _ arguments: [UInt8], attached: Bool = false) -> [UInt8] {
        var writer = ByteWriter()
        let body = writer.beginRecord(.assign, attachments: attached ? 1 : 0)
        writer.assignmentHead(
            Assignment(
                attempt: attempt(sequence), function: 3, kind: .swift, resultCodec: .raw, mode: .process,
                timeoutMilliseconds: 0, graceMilliseconds: 1000, dependencies: 0))
        if attached {
            writer.payloadHeader(.raw, .attached, count: 0)
        } else {
            writer.inlinePayload(.raw, arguments)
        }
        writer.endRecord(body)
        if attached {
            writer.uint64(UInt64(arguments.count))
            writer.raw(arguments)
        }
        return writer.bytes
    }

    func assign(_ sequence: UInt64, _ arguments: [UInt8] = [1]) {
        write(Self.assignment(sequence, arguments))
    }

    func attempts(_ type: RecordType, _ sequences: [UInt64], flags: UInt8 = 0) {
        var writer = ByteWriter()
        writer.attemptsRecord(type, sequences.map(Self.attempt))
        var bytes = writer.bytes
        bytes[1] = flags
        write(bytes)
    }

    func send(_ type: RecordType, _ write: (inout ByteWriter) -> Void = { _ in }) {
        var writer = ByteWriter()
        let body = writer.beginRecord(type)
        write(&writer)
        writer.endRecord(body)
        self.write(writer.bytes)
    }

    func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = socket.withLock { socket in
                rest.withUnsafeBytesOfSlice { try? socket!.write($0) }
            }
            if case .bytes(let count) = written { rest = rest.dropFirst(count) }
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func withUnsafeBytesOfSlice<Result>(_ body: (RawSpan) -> Result) -> Result {
        unsafe withUnsafeBytes { unsafe body($0.bytes) }
    }
}

/// What the executor says.
extension WorkerEnd {
    struct Said {
        let type: RecordType
        let body: [UInt8]
        let attachments: [[UInt8]]
    }

    struct Outcome {
        let head: OutcomeHead
        var parts: [OutcomePart: [UInt8]] = [:]
    }

    /// The next record; nil when none has come within the time.
    func receive(within time: Interval = .seconds(10)) throws -> Said? {
        let deadline = MonotonicClock.now + time
        while MonotonicClock.now < deadline {
            if let said = try buffer.withLock({ try Self.take(&$0) }) { return said }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let read = try socket.withLock { try $0!.read(into: &chunk) }
            if case .bytes(let count) = read { buffer.withLock { $0.append(contentsOf: chunk[..<count]) } }
        }
        return nil
    }

    func outcome(within time: Interval = .seconds(10)) throws -> Outcome {
        let said = try #require(try receive(within: time))
        #expect(said.type == .workerFinished)
        var reader = unsafe ByteReader(said.body.span.bytes)
        var outcome = Outcome(head: try OutcomeHead(decoding: &reader))
        #expect(outcome.head.worker == Self.worker)
        var attachments = said.attachments
        for _ in 0..<outcome.head.parts {
            let part = try reader.outcomePart()
            outcome.parts[part.kind] =
                part.payload.form == .attached
                ? attachments.removeFirst() : Array(said.body[part.payload.inline])
        }
        return outcome
    }

    private static func take(_ buffer: inout [UInt8]) throws -> Said? {
        guard buffer.count >= Record.headerBytes else { return nil }
        var reader = unsafe ByteReader(buffer.span.bytes)
        let header = try reader.recordHeader()
        guard reader.remaining >= header.bodyCount else { return nil }
        let body = Array(buffer[try reader.range(header.bodyCount, "body")])
        var attachments: [[UInt8]] = []
        for _ in 0..<header.attachments {
            guard reader.remaining >= 8 else { return nil }
            let count = Int(try reader.uint64("attachment"))
            guard reader.remaining >= count else { return nil }
            attachments.append(Array(buffer[try reader.range(count, "attachment")]))
        }
        buffer.removeFirst(reader.offset)
        return Said(type: header.type, body: body, attachments: attachments)
    }
}

/// Waits for what another thread does.
func eventually(_ condition: () -> Bool) -> Bool {
    let deadline = MonotonicClock.now + .seconds(10)
    while MonotonicClock.now < deadline {
        if condition() { return true }
    }
    return condition()
}
