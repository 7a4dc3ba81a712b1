import TaskModel

package enum RecordType: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case defineFunction = 1
    case forgetFunction = 2
    case defineOptions = 3
    case submit = 4
    case cancel = 5
    case release = 6
    case setup = 7
    case want = 8
    case accepted = 17
    case outcome = 18
    case started = 20
    case workerFinished = 33
    case workerStarted = 34
    case returned = 35
    case report = 36
    case function = 49
    case assign = 50
    case retract = 51
    case stop = 52
    case workerSetup = 53
    case forgetSession = 54
    case forgetWorkerFunction = 55
    case drain = 56
    case value = 57
    case forgetValues = 58
    case greeting = 64
    case ready = 65
    case failed = 66
    case shutdown = 67
    case devices = 68
}

/// A record found in a frame: where its body is, and which of the message's attachments are its own.
package struct Record: Hashable, Sendable, BitwiseCopyable {
    package static let headerBytes = 8
    /// Flag of a `stop`: the attempts' time is up, nobody cancelled them.
    package static let stopIsTimeout: UInt8 = 1
    /// Flag of a `finished`: the worker keeps the value until it is told to forget it.
    package static let valueIsHeld: UInt8 = 1
    /// Flag of an `outcome`: its value was left out, and comes when its client wants it.
    package static let valueIsLeft: UInt8 = 1

    package let type: RecordType
    package let flags: UInt8
    /// Index of its first attachment among those of the frame.
    package let firstAttachment: Int
    package let attachments: Int
    /// The body, as a range of the frame (or of the buffer that a stream was read into).
    package let bodyStart: Int
    package let bodyCount: Int

    package var body: Range<Int> { bodyStart..<(bodyStart + bodyCount) }
    /// Header and body.
    package var whole: Range<Int> { (bodyStart - Self.headerBytes)..<(bodyStart + bodyCount) }
}

/// The fixed part in front of each body; also what a stream reader needs to know how much to read.
package struct RecordHeader: Hashable, Sendable, BitwiseCopyable {
    package let type: RecordType
    package let flags: UInt8
    package let attachments: Int
    package let bodyCount: Int
}

extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func recordHeader() throws(WireError) -> RecordHeader {
        let rawType = try uint8("record type")
        guard let type = RecordType(rawValue: rawType) else {
            throw WireError("unknown record type \(rawType)")
        }
        let flags = try uint8("record flags")
        let attachments = Int(try uint16("attachments"))
        let count = Int(try uint32("body length"))
        guard attachments <= Limits.attachmentsPerRecordMax else {
            throw WireError("\(attachments) attachments, at most \(Limits.attachmentsPerRecordMax)")
        }
        guard count <= Limits.frameBytesAcceptedMax else {
            throw WireError("record of \(count) bytes, at most \(Limits.frameBytesAcceptedMax)")
        }
        return RecordHeader(type: type, flags: flags, attachments: attachments, bodyCount: count)
    }

    /// The next record of a frame whose earlier records own `attachmentsBefore` attachments.
    @_lifetime(self: copy self)
    package mutating func record(attachmentsBefore: Int) throws(WireError) -> Record {
        let header = try recordHeader()
        let body = try range(header.bodyCount, "record body")
        return Record(
            type: header.type, flags: header.flags, firstAttachment: attachmentsBefore,
            attachments: header.attachments, bodyStart: body.lowerBound, bodyCount: body.count)
    }
}

extension ByteReader {
    /// Reads the body of a record and no byte behind it. Offsets and ranges are those of the frame.
    @_lifetime(copy frame)
    package init(body record: Record, of frame: RawSpan) {
        self.init(frame.extracting(0..<record.body.upperBound), at: record.bodyStart)
    }
}

extension ByteWriter {
    /// Opens a record; close it with `endRecord(opened)`.
    package mutating func beginRecord(_ type: RecordType, flags: UInt8 = 0, attachments: Int = 0) -> Int {
        uint8(type.rawValue)
        uint8(flags)
        uint16(UInt16(attachments))
        uint32(0)
        return count
    }

    package mutating func endRecord(_ bodyStart: Int) {
        patch(UInt32(count - bodyStart), at: bodyStart - 4)
    }

    /// For a record whose attachments were counted only while its body was written.
    package mutating func endRecord(_ bodyStart: Int, attachments: Int) {
        patch(UInt16(attachments), at: bodyStart - 6)
        endRecord(bodyStart)
    }
}
