import SessionTransport
import TaskModel
import Testing
import Wire

/// A client by hand.
struct TestClient {
    let peer: TestPeer

    var session: SessionID { peer.session }

    init(
        _ cluster: TestCluster, python: String? = "3.11", cloudpickle: String? = "3.1.2", name: String = "c",
        valueBytes: UInt64? = nil
    ) throws {
        var fields = [
            Field("name", .string(name)), Field("host", .string("here")), Field("pid", .unsigned(7)),
        ]
        if let valueBytes { fields.append(Field("value_bytes", .unsigned(valueBytes))) }
        if let python { fields.append(Field("python", .string(python))) }
        if let cloudpickle, python != nil { fields.append(Field("cloudpickle", .string(cloudpickle))) }
        peer = try TestPeer(cluster, role: .client, fields: fields)
    }

    func connected() throws -> TestClient {
        try peer.connected()
        return self
    }

    func id(_ sequence: UInt64) -> TaskID { TaskID(session: session, sequence: sequence) }

    /// Writes a submit record; `peer.flush()` sends it.
    func submit(
        _ sequence: UInt64, function: UInt32 = 0, options: UInt32 = 0, kind: ExecutorKind = .python,
        codec: Codec = .pickle, after dependencies: [UInt64] = [], _ arguments: [UInt8] = [1, 2, 3]
    ) {
        peer.link.beginRecord(.submit)
        peer.link.writer.submissionHead(
            sequence: sequence, function: function, options: options, kind: kind, parent: nil,
            dependencies: dependencies)
        peer.link.appendPayload(codec, arguments)
        peer.link.endRecord()
    }

    func define(_ function: UInt32, kind: ExecutorKind = .python, _ codec: Codec, _ definition: [UInt8]) {
        peer.link.beginRecord(.defineFunction)
        peer.link.writer.functionHead(
            function: function, kind: kind,
            digest: [UInt8](repeating: UInt8(truncatingIfNeeded: function), count: 16))
        peer.link.appendPayload(codec, definition)
        peer.link.endRecord()
    }

    /// Defines a function by name.
    func define(_ function: UInt32, kind: ExecutorKind = .python, name: String) throws {
        define(function, kind: kind, .neutral, try NeutralValue.string(name).encoded())
    }

    func forgetFunction(_ function: UInt32) {
        peer.link.beginRecord(.forgetFunction)
        peer.link.writer.uint32(function)
        peer.link.endRecord()
    }

    func defineOptions(_ number: UInt32, _ fields: [Field]) {
        peer.link.beginRecord(.defineOptions)
        peer.link.writer.uint32(number)
        peer.link.writer.uint32(UInt32(fields.count))
        peer.link.writer.fields(fields)
        peer.link.endRecord()
    }

    func setUp(function: UInt32, _ arguments: [UInt8]) {
        peer.link.beginRecord(.setup)
        peer.link.writer.uint32(function)
        peer.link.writer.uint32(0)
        peer.link.appendPayload(.pickle, arguments)
        peer.link.endRecord()
    }

    func cancel(_ sequence: UInt64, alsoRunning: Bool = false) {
        peer.link.beginRecord(.cancel, flags: alsoRunning ? 1 : 0)
        peer.link.writer.uint64(sequence)
        peer.link.endRecord()
    }

    func want(_ sequence: UInt64) {
        peer.link.beginRecord(.want)
        peer.link.writer.uint64(sequence)
        peer.link.endRecord()
    }

    func release(_ first: UInt64, count: UInt64 = 1) {
        peer.link.beginRecord(.release)
        peer.link.writer.uint32(1)
        peer.link.writer.uint32(0)
        peer.link.writer.uint64(first)
        peer.link.writer.uint64(count)
        peer.link.endRecord()
    }

    func outcome() throws -> TestOutcome { try TestOutcome(try peer.next(.outcome)) }
}

/// An outcome as its client reads it.
struct TestOutcome {
    let head: OutcomeHead
    /// Its value was left out.
    let isLeft: Bool
    let detail: String
    let parts: [(kind: OutcomePart, codec: Codec, bytes: [UInt8])]

    init(_ record: TestRecord) throws {
        isLeft = record.flags & Record.valueIsLeft != 0
        (head, parts) = try record.read { reader throws(WireError) in
            let head = try OutcomeHead(decoding: &reader)
            var parts: [(kind: OutcomePart, codec: Codec, bytes: [UInt8])] = []
            var before = 0
            for _ in 0..<head.parts {
                let part = try reader.outcomePart()
                parts.append(
                    (part.kind, part.payload.codec, record.bytes(part.payload, attachmentsBefore: before)))
                before += part.payload.attachments
            }
            return (head, parts)
        }
        detail = String(decoding: record.body[head.detail], as: UTF8.self)
    }

    var value: [UInt8]? { parts.first { $0.kind == .value }?.bytes }
}

/// An assignment as its worker reads it.
struct TestAssignment {
    let head: Assignment
    let arguments: [UInt8]
    let dependencies: [[UInt8]]
    let forms: [PayloadForm]

    init(_ record: TestRecord) throws {
        let flags = record.flags
        (head, arguments, dependencies, forms) = try record.read { reader throws(WireError) in
            let head = try Assignment(decoding: &reader, flags: flags)
            var before = 0
            let payload = try reader.payload()
            let arguments = record.bytes(payload)
            before += payload.attachments
            var dependencies: [[UInt8]] = []
            var forms: [PayloadForm] = []
            for _ in 0..<head.dependencies {
                let payload = try reader.payload()
                forms.append(payload.form)
                dependencies.append(record.bytes(payload, attachmentsBefore: before))
                before += payload.attachments
            }
            return (head, arguments, dependencies, forms)
        }
    }

    var sequence: UInt64 { head.attempt.task.sequence }
}

/// A worker by hand.
struct TestWorker {
    let peer: TestPeer

    init(
        _ cluster: TestCluster, slots: UInt64 = 1, python: String? = "3.11", cloudpickle: String = "3.1.2",
        swift: [String] = [], name: String = "w", offers: [Field] = []
    ) throws {
        var fields = [Field("slots", .unsigned(slots)), Field("name", .string(name))]
        if let python {
            fields += [Field("python", .string(python)), Field("cloudpickle", .string(cloudpickle))]
        }
        if !swift.isEmpty { fields.append(Field("swift", .string(swift.joined(separator: "\n")))) }
        peer = try TestPeer(cluster, role: .worker, fields: fields + offers)
    }

    func connected() throws -> TestWorker {
        try peer.connected()
        return self
    }

    func assignment() throws -> TestAssignment { try TestAssignment(try peer.next(.assign)) }

    /// Writes a finished record; `peer.flush()` sends it.
    func finish(
        _ assignment: TestAssignment, status: OutcomeStatus = .value, reason: OutcomeReason = .none,
        codec: Codec = .pickle, _ value: [UInt8], output: [UInt8]? = nil, detail: String = "",
        summary: [UInt8]? = nil, held: Bool = false
    ) {
        peer.link.beginRecord(.workerFinished, flags: held ? Record.valueIsHeld : 0)
        var head = OutcomeHead(
            attempt: assignment.head.attempt, status: status, reason: reason,
            parts: 1 + (output == nil ? 0 : 1) + (summary == nil ? 0 : 1), worker: peer.session,
            detailCount: detail.utf8.count)
        head.ranMicroseconds = 5
        peer.link.writer.outcomeHead(head)
        peer.link.writer.text(detail)
        peer.link.writer.outcomePartHead(.value)
        peer.link.appendPayload(codec, value)
        if let output {
            peer.link.writer.outcomePartHead(.standardOutput)
            peer.link.appendPayload(.raw, output)
        }
        if let summary {
            peer.link.writer.outcomePartHead(.exceptionSummary)
            peer.link.appendPayload(.neutral, summary)
        }
        peer.link.endRecord()
    }

    func report(_ type: RecordType, _ attempts: [AttemptID]) {
        peer.link.beginRecord(type)
        peer.link.writer.uint32(UInt32(attempts.count))
        peer.link.writer.uint32(0)
        for attempt in attempts { peer.link.writer.attempt(attempt) }
        peer.link.endRecord()
    }
}
