import TaskModel
import Testing
import Wire

@Suite struct FrameTests {
    struct HandshakeValue: Decodable, Sendable {
        let lowest: UInt16
        let highest: UInt16
        let role: String
        let session: UInt64
        let epoch: UInt64
        let received: UInt64
        let fields: [FieldValue]
    }

    @Test(arguments: [("hello", Handshake.Kind.hello), ("welcome", .welcome), ("refusal", .refusal)])
    func `Handshakes have the layout that never changes`(file: String, kind: Handshake.Kind) throws {
        for vector in try Vector<HandshakeValue>.all(file) {
            let value = vector.value
            var expected = Handshake(
                kind: kind, role: roles[value.role]!, session: SessionID(value.session),
                epoch: Epoch(value.epoch), received: value.received, fields: value.fields.map(\.field))
            expected.lowestVersion = value.lowest
            expected.highestVersion = value.highest
            #expect(expected.encoded().hex == vector.hex, "\(vector.name)")
            try withSpan(vector.bytes) { bytes in
                try expectEqual(isHandshake(bytes), true)
                let decoded = try Handshake(decoding: bytes)
                #expect(decoded == expected, "\(vector.name)")
            }
            expectNoHarm(vector.bytes, vector.name) { _ = try Handshake(decoding: $0) }
        }
    }

    struct HeaderValue: Decodable, Sendable {
        let kind: String
        let records: UInt32
        let session: UInt64
        let epoch: UInt64
        let number: UInt64
        let acknowledged: UInt64
    }

    @Test func `Frame headers keep every field`() throws {
        let kinds: [String: FrameHeader.Kind] = [
            "data": .data, "acknowledge": .acknowledge, "resend": .resend, "goodbye": .goodbye,
        ]
        for vector in try Vector<HeaderValue>.all("frame") {
            let value = vector.value
            let expected = FrameHeader(
                kind: kinds[value.kind]!, records: value.records, session: SessionID(value.session),
                epoch: Epoch(value.epoch), number: value.number, acknowledged: value.acknowledged)
            var writer = ByteWriter()
            writer.frameHeader(expected)
            #expect(writer.bytes == Array(vector.bytes[..<FrameHeader.bytes]), "\(vector.name)")
            try withSpan(vector.bytes) { bytes in
                try expectEqual(isHandshake(bytes), false)
                let decoded = try FrameHeader(decoding: bytes)
                #expect(decoded == expected, "\(vector.name)")
            }
            expectNoHarm(vector.bytes, vector.name) { try readRecords($0) }
        }
    }

    @Test func `The records of a frame are found one behind the other`() throws {
        let vector = try #require(try Vector<HeaderValue>.all("frame").first)
        try withSpan(vector.bytes) { bytes in
            var reader = ByteReader(bytes, at: FrameHeader.bytes)
            let first = try reader.record(attachmentsBefore: 0)
            let second = try reader.record(attachmentsBefore: 0)
            #expect(first.type == .accepted && first.body == 48..<56)
            #expect(second.type == .drain && second.body.isEmpty)
            #expect(reader.remaining == 0)
        }
    }

    @Test func `A record's body cannot be read beyond its end`() throws {
        let vector = try #require(try Vector<HeaderValue>.all("frame").first)
        try withSpan(vector.bytes) { bytes in
            var reader = ByteReader(bytes, at: FrameHeader.bytes)
            let accepted = try reader.record(attachmentsBefore: 0)
            var body = ByteReader(body: accepted, of: bytes)
            try expectEqual(body.uint64("sequence"), 5)
            #expect(throws: WireError.self) { try expectNextByte(accepted, bytes) }
        }
    }

    @Test(arguments: ["handshake", "frame", "record"])
    func `Malformed bytes are refused`(of: String) throws {
        for malformed in try MalformedCase.all(of) {
            #expect(throws: WireError.self, "\(malformed.name)") {
                try withSpan([UInt8](hex: malformed.hex)) { bytes in
                    switch of {
                    case "handshake": _ = try Handshake(decoding: bytes)
                    case "frame": _ = try FrameHeader(decoding: bytes)
                    default:
                        var reader = ByteReader(bytes)
                        _ = try reader.record(attachmentsBefore: 0)
                    }
                }
            }
        }
    }

    private func expectNextByte(_ record: Record, _ frame: RawSpan) throws(WireError) {
        var body = ByteReader(body: record, of: frame)
        try body.skip(record.bodyCount, "body")
        _ = try body.uint8("byte behind the body")
    }

    private func readRecords(_ bytes: RawSpan) throws {
        let header = try FrameHeader(decoding: bytes)
        var reader = ByteReader(bytes, at: FrameHeader.bytes)
        var attachments = 0
        for _ in 0..<header.records {
            attachments += try reader.record(attachmentsBefore: attachments).attachments
        }
    }
}
