package import TaskModel

/// The head of a frame of version 1.
package struct FrameHeader: Hashable, Sendable, BitwiseCopyable {
    package enum Kind: UInt8, Sendable, BitwiseCopyable {
        case data = 4
        case acknowledge = 5
        case resend = 6
        case goodbye = 7
    }

    package static let version: UInt8 = 1
    package static let bytes = 40

    package var kind: Kind
    package var records: UInt32 = 0
    package var session: SessionID
    package var epoch: Epoch
    package var number: UInt64 = 0
    package var acknowledged: UInt64

    package init(
        kind: Kind, records: UInt32 = 0, session: SessionID, epoch: Epoch, number: UInt64 = 0,
        acknowledged: UInt64
    ) {
        self.kind = kind
        self.records = records
        self.session = session
        self.epoch = epoch
        self.number = number
        self.acknowledged = acknowledged
    }

    package init(decoding frame: RawSpan) throws(WireError) {
        var reader = ByteReader(frame)
        let version = try reader.uint8("version")
        guard version == Self.version else {
            throw WireError("frame of protocol version \(version), this build speaks \(Self.version)")
        }
        let rawKind = try reader.uint8("kind")
        guard let kind = Kind(rawValue: rawKind) else { throw WireError("unknown frame kind \(rawKind)") }
        self.kind = kind
        try reader.skip(2, "zero")
        records = try reader.uint32("number of records")
        session = SessionID(try reader.uint64("session"))
        epoch = Epoch(try reader.uint64("epoch"))
        number = try reader.uint64("number")
        acknowledged = try reader.uint64("acknowledged")
        guard records <= Limits.recordsPerFrameMax else {
            throw WireError("\(records) records in a frame, at most \(Limits.recordsPerFrameMax)")
        }
    }
}

extension ByteWriter {
    package mutating func frameHeader(_ header: FrameHeader) {
        uint8(FrameHeader.version)
        uint8(header.kind.rawValue)
        uint16(0)
        uint32(header.records)
        uint64(header.session.rawValue)
        uint64(header.epoch.rawValue)
        uint64(header.number)
        uint64(header.acknowledged)
    }
}

/// The first byte tells a handshake from a frame of a negotiated version.
package func isHandshake(_ frame: RawSpan) -> Bool {
    frame.byteCount > 0 && frame.unsafeFirstByte == 0
}

extension RawSpan {
    /// The caller has checked that there is one.
    var unsafeFirstByte: UInt8 { unsafe unsafeLoad(fromByteOffset: 0, as: UInt8.self) }
}
