// What every decoder promises of any bytes: it refuses them with an error of `Wire`, or what it read can be
// written, and is read as the same again. The tests of this folder and the fuzzer in Tests/Fuzz share it.

import TaskModel
import Wire

/// Bytes that showed a decoder or writer to be wrong.
struct BrokenPromise: Error, CustomStringConvertible {
    let description: String
}

enum RoundTrip: String, CaseIterable, Sendable {
    case handshake
    case frame
    case record
    case neutral

    /// What a writer writes of the value that these bytes hold; nil when they are refused.
    func rewritten(_ bytes: [UInt8]) throws(BrokenPromise) -> [UInt8]? {
        guard let once = try rewriteOnce(bytes) else { return nil }
        guard let twice = try rewriteOnce(once) else {
            throw BrokenPromise(description: "what is written is refused: \(once)")
        }
        guard once == twice else {
            throw BrokenPromise(description: "written as \(once), then as \(twice)")
        }
        return once
    }

    private func rewriteOnce(_ bytes: [UInt8]) throws(BrokenPromise) -> [UInt8]? {
        do {
            // Safe: no span outlives the array.
            let span = unsafe bytes.span.bytes
            switch self {
            case .handshake: return try Self.handshake(span)
            case .frame: return try Self.frame(span)
            case .record: return try Self.record(span)
            case .neutral: return try Self.neutral(span)
            }
        } catch let broken as BrokenPromise {
            throw broken
        } catch is WireError {
            return nil
        } catch is NeutralError {
            return nil
        } catch {
            throw BrokenPromise(description: "an error of another type: \(error)")
        }
    }
}

// MARK: Handshakes and frames

extension RoundTrip {
    private static func handshake(_ bytes: RawSpan) throws -> [UInt8] {
        try Handshake(decoding: bytes).encoded()
    }

    private static func frame(_ bytes: RawSpan) throws -> [UInt8] {
        let header = try FrameHeader(decoding: bytes)
        guard !isHandshake(bytes) else { throw BrokenPromise(description: "a frame is also a handshake") }
        var writer = ByteWriter()
        writer.frameHeader(header)
        var reader = ByteReader(bytes, at: FrameHeader.bytes)
        var attachments = 0
        for _ in 0..<header.records {
            let record = try reader.record(attachmentsBefore: attachments)
            guard record.firstAttachment == attachments, record.body.upperBound == reader.offset else {
                throw BrokenPromise(description: "\(record) is not where the reader stands")
            }
            attachments += record.attachments
            try rewrite(record, of: bytes, into: &writer)
        }
        return writer.take()
    }

    private static func record(_ bytes: RawSpan) throws -> [UInt8] {
        var reader = ByteReader(bytes)
        var writer = ByteWriter()
        try rewrite(try reader.record(attachmentsBefore: 0), of: bytes, into: &writer)
        return writer.take()
    }
}

// MARK: Records

extension RoundTrip {
    private static func rewrite(_ record: Record, of frame: RawSpan, into writer: inout ByteWriter) throws {
        let start = writer.beginRecord(record.type, flags: record.flags, attachments: record.attachments)
        var body = ByteReader(body: record, of: frame)
        switch record.type {
        case .defineFunction: try definition(&body, frame, &writer)
        case .submit: try submission(&body, record.flags, frame, &writer)
        case .assign: try assignment(&body, record.flags, frame, &writer)
        case .outcome, .workerFinished: try outcome(&body, frame, &writer)
        case .started, .workerStarted, .returned, .retract, .stop:
            let attempts = try body.attempts()
            writer.uint32(UInt32(attempts.count))
            writer.uint32(0)
            for attempt in attempts { writer.attempt(attempt) }
        case .defineOptions:
            writer.uint32(try body.uint32("options"))
            let fields = try body.fields(count: try body.uint32("number of fields"))
            writer.uint32(UInt32(fields.count))
            writer.fields(fields)
        case .report, .greeting, .ready:
            let count = try body.uint32("number of fields")
            try body.skip(4, "zero")
            writer.uint32(count)
            writer.uint32(0)
            writer.fields(try body.fields(count: count))
        case .value:
            let value = try SentValue(decoding: &body)
            writer.taskID(value.task)
            try payload(value.payload, frame, &writer)
        case .forgetValues:
            let tasks = try body.taskIDs()
            writer.uint32(UInt32(tasks.count))
            writer.uint32(0)
            for task in tasks { writer.taskID(task) }
        case .accepted: writer.uint64(try body.uint64("sequence"))
        case .function, .setup, .workerSetup, .forgetFunction, .forgetSession, .forgetWorkerFunction, .cancel,
            .release, .want, .drain, .failed, .shutdown, .devices:
            break
        }
        // Bytes behind what was read are for the receivers to judge.
        writer.raw(frame.copied(try body.range(body.remaining, "rest")))
        writer.endRecord(start)
    }

    private static func definition(
        _ body: inout ByteReader, _ frame: RawSpan, _ writer: inout ByteWriter
    ) throws {
        let definition = try FunctionDefinition(decoding: &body)
        writer.functionHead(
            function: definition.function, kind: definition.kind, digest: definition.digest)
        try payload(definition.definition, frame, &writer)
    }

    private static func submission(
        _ body: inout ByteReader, _ flags: UInt8, _ frame: RawSpan, _ writer: inout ByteWriter
    ) throws {
        let submission = try Submission(decoding: &body, flags: flags)
        var numbers = ByteReader(frame, at: submission.dependenciesStart)
        var dependencies: [UInt64] = []
        for _ in 0..<submission.dependencies { dependencies.append(try numbers.uint64("dependency")) }
        writer.submissionHead(
            sequence: submission.sequence, function: submission.function, options: submission.options,
            kind: submission.kind, parent: submission.parent, dependencies: dependencies)
        try payload(submission.arguments, frame, &writer)
    }

    private static func assignment(
        _ body: inout ByteReader, _ flags: UInt8, _ frame: RawSpan, _ writer: inout ByteWriter
    ) throws {
        let assignment = try Assignment(decoding: &body, flags: flags)
        guard assignment.payloadsStart == body.offset else {
            throw BrokenPromise(description: "\(assignment): its payloads begin at \(body.offset)")
        }
        writer.assignmentHead(assignment)
        for _ in 0...assignment.dependencies { try payload(try body.payload(), frame, &writer) }
    }

    private static func outcome(
        _ body: inout ByteReader, _ frame: RawSpan, _ writer: inout ByteWriter
    ) throws {
        let head = try OutcomeHead(decoding: &body)
        guard head.detail.upperBound == body.offset else {
            throw BrokenPromise(description: "\(head): its parts begin at \(body.offset)")
        }
        writer.outcomeHead(head)
        writer.raw(frame.copied(head.detail))
        for _ in 0..<head.parts {
            let part = try body.outcomePart()
            writer.outcomePartHead(part.kind)
            try payload(part.payload, frame, &writer)
        }
    }

    private static func payload(_ view: PayloadView, _ frame: RawSpan, _ writer: inout ByteWriter) throws {
        guard view.whole.lowerBound >= 0, view.whole.upperBound <= frame.byteCount else {
            throw BrokenPromise(description: "\(view) is outside of its frame")
        }
        writer.payloadHeader(view.codec, view.form, buffers: view.buffers, count: view.inlineCount)
        writer.raw(frame.copied(view.inline))
    }
}

// MARK: Neutral values

extension RoundTrip {
    private static func neutral(_ bytes: RawSpan) throws -> [UInt8] {
        let value = try NeutralValue(decoding: bytes)
        let written: [UInt8]
        do {
            written = try value.encoded()
        } catch {
            throw BrokenPromise(description: "\(value) can be read but not written: \(error)")
        }
        // A value that holds a NaN does not equal its own twin; `rewritten` compares its bytes.
        if try NeutralValue(decoding: bytes) == value, try NeutralValue(decoding: written) != value {
            throw BrokenPromise(description: "\(value) is read as another value than was written")
        }
        readAsTypes(value)
        return written
    }

    /// Types decode whatever their sender chose: they may refuse, and must not trap.
    private static func readAsTypes(_ value: NeutralValue) {
        _ = try? value.decoded(as: Int8.self)
        _ = try? value.decoded(as: UInt128.self)
        _ = try? value.decoded(as: Float.self)
        _ = try? value.decoded(as: [UInt8].self)
        _ = try? value.decoded(as: [Double].self)
        _ = try? value.decoded(as: [[Float?]].self)
        _ = try? value.decoded(as: [Int: String].self)
        _ = try? value.decoded(as: [String: [Bool]].self)
        if case .ndArray(let array) = value { _ = try? array.nested() }
    }
}
