package import TaskModel

/// The versions of the protocol that this build speaks.
package enum ProtocolVersion {
    package static let lowest: UInt16 = 1
    package static let highest: UInt16 = 1
}

/// Hello, welcome or refusal: the layout that never changes (docs/wire-protocol.md, "Handshake frames").
package struct Handshake: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case hello = 1
        case welcome = 2
        case refusal = 3
    }

    package var kind: Kind
    package var lowestVersion = ProtocolVersion.lowest
    package var highestVersion = ProtocolVersion.highest
    package var role: Role
    package var session: SessionID
    package var epoch: Epoch
    /// Number of the last data frame that the writer received in order.
    package var received: UInt64
    package var fields: [Field]

    package init(
        kind: Kind, role: Role, session: SessionID, epoch: Epoch, received: UInt64, fields: [Field]
    ) {
        self.kind = kind
        self.role = role
        self.session = session
        self.epoch = epoch
        self.received = received
        self.fields = fields
    }

    static let magic: [UInt8] = Array("ISTHMUS\0".utf8)
    package static let headerBytes = 44

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.uint8(0)
        writer.uint8(kind.rawValue)
        writer.uint16(lowestVersion)
        writer.uint16(highestVersion)
        writer.uint8(role.rawValue)
        writer.uint8(0)
        writer.raw(Self.magic)
        writer.uint64(session.rawValue)
        writer.uint64(epoch.rawValue)
        writer.uint64(received)
        writer.uint32(UInt32(fields.count))
        writer.fields(fields)
        return writer.take()
    }

    package init(decoding frame: RawSpan) throws(WireError) {
        guard frame.byteCount <= Limits.frameBytesAcceptedMax else { throw WireError("handshake too large") }
        var reader = ByteReader(frame)
        guard try reader.uint8("layout") == 0 else { throw WireError("not a handshake frame") }
        let rawKind = try reader.uint8("kind")
        guard let kind = Kind(rawValue: rawKind) else { throw WireError("unknown handshake kind \(rawKind)") }
        self.kind = kind
        lowestVersion = try reader.uint16("lowest version")
        highestVersion = try reader.uint16("highest version")
        let rawRole = try reader.uint8("role")
        guard let role = Role(rawValue: rawRole) else { throw WireError("unknown role \(rawRole)") }
        self.role = role
        try reader.skip(1, "zero")
        let magic = try reader.range(8, "magic")
        guard frame.copied(magic) == Self.magic else { throw WireError("the magic is not ISTHMUS") }
        session = SessionID(try reader.uint64("session"))
        epoch = Epoch(try reader.uint64("epoch"))
        received = try reader.uint64("received")
        let count = try reader.uint32("number of fields")
        fields = try reader.fields(count: count)
    }
}
