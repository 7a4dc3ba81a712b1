package import TaskModel

/// Where the bytes of a payload are.
package enum PayloadForm: UInt8, Sendable, BitwiseCopyable {
    case nothing = 0
    case inline = 1
    /// The record's next attachment.
    case attached = 2
    /// Elsewhere, in an object store (`ObjectReference`).
    case reference = 3
}

/// The head of a payload inside a record, with its inline bytes as a range of the buffer it was read from.
package struct PayloadView: Hashable, Sendable, BitwiseCopyable {
    package static let headerBytes = 8

    package let codec: Codec
    package let form: PayloadForm
    /// Attachments that are out-of-band buffers of a pickle.
    package let buffers: Int
    package let inlineStart: Int
    package let inlineCount: Int

    package init(codec: Codec, form: PayloadForm, buffers: Int, inlineStart: Int, inlineCount: Int) {
        self.codec = codec
        self.form = form
        self.buffers = buffers
        self.inlineStart = inlineStart
        self.inlineCount = inlineCount
    }

    package static let nothing = PayloadView(
        codec: .raw, form: .nothing, buffers: 0, inlineStart: 0, inlineCount: 0)

    package var inline: Range<Int> { inlineStart..<(inlineStart + inlineCount) }
    /// How many of the record's attachments belong to this payload.
    package var attachments: Int { (form == .attached ? 1 : 0) + buffers }
    /// Header and inline bytes: copied as they are when a payload is passed on.
    package var whole: Range<Int> { (inlineStart - Self.headerBytes)..<(inlineStart + inlineCount) }
}

/// Names an object in a worker's object store.
package struct ObjectReference: Hashable, Sendable, BitwiseCopyable {
    package static let bytes = 32

    package let owner: SessionID
    package let high: UInt64
    package let low: UInt64
    package let size: UInt64

    package init(owner: SessionID, high: UInt64, low: UInt64, size: UInt64) {
        self.owner = owner
        self.high = high
        self.low = low
        self.size = size
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func payload() throws(WireError) -> PayloadView {
        let rawCodec = try uint8("codec")
        guard let codec = Codec(rawValue: rawCodec) else { throw WireError("unknown codec \(rawCodec)") }
        let rawForm = try uint8("payload form")
        guard let form = PayloadForm(rawValue: rawForm) else {
            throw WireError("unknown payload form \(rawForm)")
        }
        let buffers = Int(try uint16("buffers"))
        let count = Int(try uint32("payload length"))
        switch form {
        case .nothing, .attached:
            guard count == 0 else { throw WireError("payload form \(rawForm) with \(count) inline bytes") }
        case .reference:
            guard count == ObjectReference.bytes else { throw WireError("reference of \(count) bytes") }
        case .inline:
            break
        }
        let inline = try range(count, "payload")
        return PayloadView(
            codec: codec, form: form, buffers: buffers, inlineStart: inline.lowerBound, inlineCount: count)
    }
}

extension ByteWriter {
    package mutating func payloadHeader(_ codec: Codec, _ form: PayloadForm, buffers: Int = 0, count: Int) {
        uint8(codec.rawValue)
        uint8(form.rawValue)
        uint16(UInt16(buffers))
        uint32(UInt32(count))
    }

    package mutating func inlinePayload(_ codec: Codec, _ bytes: [UInt8]) {
        payloadHeader(codec, .inline, count: bytes.count)
        raw(bytes)
    }

    package mutating func emptyPayload() {
        payloadHeader(.raw, .nothing, count: 0)
    }
}
