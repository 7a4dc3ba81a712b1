import TaskModel
import Testing
import Wire

/// Each record: its bytes are read to the values that the vector names, and the values are written to the
/// same bytes.
@Suite struct RecordTests {
    struct Definition: Decodable, Sendable {
        let session: UInt64?
        let function: UInt32
        let kind: String
        let digest: String
        let definition: PayloadValue
    }

    @Test(arguments: [RecordType.defineFunction, .function])
    func `Function definitions`(type: RecordType) throws {
        try check("\(type)", type) { (value: Definition, writer) in
            if let session = value.session { writer.uint64(session) }
            writer.functionHead(
                function: value.function, kind: executorKinds[value.kind]!, digest: [UInt8](hex: value.digest)
            )
            value.definition.write(&writer)
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            if let session = value.session { try expectEqual(body.uint64("session"), session) }
            let read = try FunctionDefinition(decoding: &body)
            #expect(read.function == value.function && read.kind == executorKinds[value.kind])
            #expect(read.digest.hex == value.digest)
            try expectMatch(value.definition, read.definition, bytes)
            #expect(read.definition.attachments == record.attachments)
            return body.remaining
        }
    }

    struct SubmitValue: Decodable, Sendable {
        struct Parent: Decodable, Sendable {
            let session: UInt64
            let sequence: UInt64
        }
        let sequence: UInt64
        let function: UInt32
        let options: UInt32
        let kind: String
        let parent: Parent?
        let dependencies: [UInt64]
        let arguments: PayloadValue
    }

    @Test func `Submissions`() throws {
        try check("submit", .submit) { (value: SubmitValue, writer) in
            writer.submissionHead(
                sequence: value.sequence, function: value.function, options: value.options,
                kind: executorKinds[value.kind]!,
                parent: value.parent.map { TaskID(session: SessionID($0.session), sequence: $0.sequence) },
                dependencies: value.dependencies)
            value.arguments.write(&writer)
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            let read = try Submission(decoding: &body, flags: record.flags)
            #expect(read.sequence == value.sequence && read.function == value.function)
            #expect(read.options == value.options && read.kind == executorKinds[value.kind])
            #expect(read.parent?.sequence == value.parent?.sequence)
            #expect(read.parent?.session.rawValue == value.parent?.session)
            var dependencies = ByteReader(bytes, at: read.dependenciesStart)
            for expected in value.dependencies {
                try expectEqual(dependencies.uint64("dependency"), expected)
            }
            #expect(read.dependencies == value.dependencies.count)
            try expectMatch(value.arguments, read.arguments, bytes)
            return body.remaining
        }
    }

    struct AssignValue: Decodable, Sendable {
        let session: UInt64
        let sequence: UInt64
        let attempt: UInt32
        let function: UInt32
        let kind: String
        let resultCodec: String
        let mode: String
        let timeoutMilliseconds: UInt32
        let graceMilliseconds: UInt32
        let arguments: PayloadValue
        let dependencies: [PayloadValue]
        let rank: Int8
        let devices: UInt64
        let isCounted: Bool

        enum CodingKeys: String, CodingKey {
            case session, sequence, attempt, function, kind, resultCodec, mode, arguments, dependencies
            case rank, devices
            case isCounted = "counted"
            case timeoutMilliseconds = "timeout_ms"
            case graceMilliseconds = "grace_ms"
        }

        var assignment: Assignment {
            let modes: [String: ExecutionMode] = [
                "process": .process, "thread": .thread, "asyncio": .asyncio,
            ]
            let codecs: [String: Codec] = ["pickle": .pickle, "neutral": .neutral, "raw": .raw]
            return Assignment(
                attempt: AttemptID(
                    task: TaskID(session: SessionID(session), sequence: sequence), number: attempt),
                function: function, kind: executorKinds[kind]!, resultCodec: codecs[resultCodec]!,
                mode: modes[mode]!, rank: rank, timeoutMilliseconds: timeoutMilliseconds,
                graceMilliseconds: graceMilliseconds, dependencies: dependencies.count, devices: devices,
                isCounted: isCounted)
        }
    }

    @Test func `Assignments`() throws {
        try check("assign", .assign) { (value: AssignValue, writer) in
            writer.assignmentHead(value.assignment)
            value.arguments.write(&writer)
            for dependency in value.dependencies { dependency.write(&writer) }
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            #expect(record.flags == value.assignment.flags)
            var read = try Assignment(decoding: &body, flags: record.flags)
            let arguments = try body.payload()
            try expectMatch(value.arguments, arguments, bytes)
            var attachments = arguments.attachments
            for expected in value.dependencies {
                let payload = try body.payload()
                try expectMatch(expected, payload, bytes)
                attachments += payload.attachments
            }
            #expect(attachments == record.attachments)
            read.payloadsStart = 0
            #expect(read == value.assignment)
            return body.remaining
        }
    }

    struct OutcomeValue: Decodable, Sendable {
        struct Part: Decodable, Sendable {
            let kind: String
            let payload: PayloadValue

            var outcomePart: OutcomePart { OutcomePart.allCases.first { "\($0)" == kind }! }
        }
        let session: UInt64
        let sequence: UInt64
        let attempt: UInt32
        let status: String
        let reason: UInt8
        let backend: UInt8
        let waited: UInt32
        let ran: UInt32
        let worker: UInt64
        let detail: String
        let parts: [Part]

        enum CodingKeys: String, CodingKey {
            case session, sequence, attempt, status, reason, backend, worker, detail, parts
            case waited = "waited_us"
            case ran = "ran_us"
        }

        var head: OutcomeHead {
            var head = OutcomeHead(
                attempt: AttemptID(
                    task: TaskID(session: SessionID(session), sequence: sequence), number: attempt),
                status: OutcomeStatus.allCases.first { "\($0)" == status }!,
                reason: OutcomeReason(rawValue: reason)!, parts: parts.count, worker: SessionID(worker),
                detailCount: detail.utf8.count)
            head.backend = backend
            head.waitedMicroseconds = waited
            head.ranMicroseconds = ran
            return head
        }
    }

    @Test(arguments: [RecordType.outcome, .workerFinished])
    func `Outcomes`(type: RecordType) throws {
        try check("\(type)", type) { (value: OutcomeValue, writer) in
            writer.outcomeHead(value.head)
            writer.text(value.detail)
            for part in value.parts {
                writer.outcomePartHead(part.outcomePart)
                part.payload.write(&writer)
            }
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            var read = try OutcomeHead(decoding: &body)
            try expectEqual(bytes.copied(read.detail), Array(value.detail.utf8))
            for expected in value.parts {
                let part = try body.outcomePart()
                #expect(part.kind == expected.outcomePart)
                try expectMatch(expected.payload, part.payload, bytes)
            }
            read.detailStart = 0
            #expect(read == value.head)
            return body.remaining
        }
    }

    @Test func `A detail that is not UTF-8 is refused before it is passed on`() throws {
        var writer = ByteWriter()
        writer.outcomeRecord(
            .workerFinished, attempt: AttemptID(task: TaskID(session: SessionID(1), sequence: 1), number: 1),
            status: .lost, reason: .workerLost, detail: "a", worker: SessionID(2))
        let bytes = writer.bytes.dropLast() + [0xff]
        #expect(throws: WireError.self) { try withSpan(Array(bytes)) { try readAsWhatItSays($0) } }
    }

    @Test(arguments: [PayloadForm.nothing, .attached])
    func `A payload whose bytes are elsewhere has none inline`(form: PayloadForm) {
        let attempt = AttemptID(task: TaskID(session: SessionID(1), sequence: 1), number: 1)
        var writer = ByteWriter()
        let start = writer.beginRecord(.outcome, attachments: 1)
        writer.outcomeHead(
            OutcomeHead(attempt: attempt, status: .value, reason: .none, parts: 1, worker: SessionID(2)))
        writer.outcomePartHead(.value)
        writer.payloadHeader(.raw, form, count: 1)
        writer.uint8(0)
        writer.endRecord(start)
        #expect(throws: WireError.self) { try withSpan(writer.bytes) { try readAsWhatItSays($0) } }
    }

    struct AttemptList: Decodable, Sendable { let attempts: [AttemptValue] }

    @Test(arguments: [RecordType.started, .workerStarted, .returned, .retract, .stop])
    func `Lists of attempts`(type: RecordType) throws {
        try check("\(type)", type) { (value: AttemptList, writer) in
            var whole = ByteWriter()
            whole.attemptsRecord(type, value.attempts.map(\.id))
            writer.raw(Array(whole.bytes[Record.headerBytes...]))
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            try expectEqual(body.attempts(), value.attempts.map(\.id))
            return body.remaining
        }
    }

    struct FieldList: Decodable, Sendable {
        let options: UInt32?
        let fields: [FieldValue]
    }

    @Test(arguments: [RecordType.defineOptions, .report, .greeting, .ready])
    func `Lists of fields`(type: RecordType) throws {
        try check("\(type)", type) { (value: FieldList, writer) in
            if let options = value.options { writer.uint32(options) }
            writer.uint32(UInt32(value.fields.count))
            if value.options == nil { writer.uint32(0) }
            writer.fields(value.fields.map(\.field))
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            if let options = value.options { try expectEqual(body.uint32("options"), options) }
            let count = try body.uint32("number of fields")
            if value.options == nil { try body.skip(4, "zero") }
            try expectEqual(body.fields(count: count), value.fields.map(\.field))
            return body.remaining
        }
    }

    struct SentValueCase: Decodable, Sendable {
        let session: UInt64
        let sequence: UInt64
        let payload: PayloadValue

        var task: TaskID { TaskID(session: SessionID(session), sequence: sequence) }
    }

    @Test func `Values for a worker to keep`() throws {
        try check("value", .value) { (value: SentValueCase, writer) in
            writer.taskID(value.task)
            value.payload.write(&writer)
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            let sent = try SentValue(decoding: &body)
            try expectEqual(sent.task, value.task)
            try expectMatch(value.payload, sent.payload, bytes)
            return body.remaining
        }
    }

    struct TaskList: Decodable, Sendable {
        struct Entry: Decodable, Sendable {
            let session: UInt64
            let sequence: UInt64
        }
        let tasks: [Entry]

        var ids: [TaskID] { tasks.map { TaskID(session: SessionID($0.session), sequence: $0.sequence) } }
    }

    @Test func `Values to forget`() throws {
        try check("forgetValues", .forgetValues) { (value: TaskList, writer) in
            writer.uint32(UInt32(value.tasks.count))
            writer.uint32(0)
            for task in value.ids { writer.taskID(task) }
        } reading: { value, bytes, record in
            var body = ByteReader(body: record, of: bytes)
            try expectEqual(body.taskIDs(), value.ids)
            return body.remaining
        }
    }

    @Test func `A reference is read as it was written`() throws {
        let task = TaskID(session: SessionID(7), sequence: 1 << 63 | 9)
        let reference = ObjectReference(task, at: SessionID(.max), size: 1 << 33)
        var writer = ByteWriter()
        writer.reference(.neutral, reference)
        try withSpan(writer.bytes) { bytes in
            var reader = ByteReader(bytes)
            let view = try reader.payload()
            try expectEqual(view.form, .reference)
            try expectEqual(view.codec, .neutral)
            var body = ByteReader(bytes, at: view.inlineStart)
            let read = try ObjectReference(decoding: &body)
            try expectEqual(read, reference)
            try expectEqual(read.task, task)
        }
    }

    /// Reads and writes all cases of a file. `reading` answers with the bytes that it left unread.
    private func check<Value: Decodable & Sendable>(
        _ file: String, _ type: RecordType, writing write: (Value, inout ByteWriter) -> Void,
        reading read: (Value, RawSpan, Record) throws -> Int
    ) throws {
        for vector in try Vector<Value>.all(file) {
            var writer = ByteWriter()
            let start = writer.beginRecord(
                type, flags: vector.flags ?? 0, attachments: vector.attachments ?? 0)
            write(vector.value, &writer)
            writer.endRecord(start)
            #expect(writer.bytes.hex == vector.hex, "\(file): \(vector.name)")
            try withSpan(vector.bytes) { bytes in
                var reader = ByteReader(bytes)
                let record = try reader.record(attachmentsBefore: 0)
                #expect(record.type == type && record.whole == 0..<bytes.byteCount)
                let left = try read(vector.value, bytes, record)
                #expect(left == 0, "\(file): \(vector.name): bytes left unread")
            }
            expectNoHarm(vector.bytes, "\(file): \(vector.name)") { try readAsWhatItSays($0) }
        }
    }
}

/// Reads a record as a receiver would: by the type that its header names.
private func readAsWhatItSays(_ bytes: RawSpan) throws {
    var reader = ByteReader(bytes)
    let record = try reader.record(attachmentsBefore: 0)
    var body = ByteReader(body: record, of: bytes)
    switch record.type {
    case .defineFunction: _ = try FunctionDefinition(decoding: &body)
    case .submit: _ = try Submission(decoding: &body, flags: record.flags)
    case .assign:
        let assignment = try Assignment(decoding: &body, flags: record.flags)
        for _ in 0...assignment.dependencies { _ = try body.payload() }
    case .outcome, .workerFinished:
        let head = try OutcomeHead(decoding: &body)
        for _ in 0..<head.parts { _ = try body.outcomePart() }
    case .started, .workerStarted, .returned, .retract, .stop: _ = try body.attempts()
    case .value: _ = try SentValue(decoding: &body)
    case .forgetValues: _ = try body.taskIDs()
    case .report, .greeting, .ready, .defineOptions:
        let count = try body.uint32("number of fields")
        try body.skip(4, "zero")
        _ = try body.fields(count: count)
    case .function, .setup, .workerSetup, .forgetFunction, .forgetSession, .forgetWorkerFunction, .accepted,
        .cancel, .release, .want, .drain, .failed, .shutdown, .devices:
        break
    }
}
