import TaskModel

// Neutral values as bytes: MessagePack, which is big-endian, with integers and lengths in their shortest
// form.

extension ByteWriter {
    package mutating func neutral(_ value: NeutralValue, depth: Int = 0) throws(NeutralError) {
        switch value {
        case .null: uint8(0xc0)
        case .bool(let flag): uint8(flag ? 0xc3 : 0xc2)
        case .int(let number): neutralInteger(number)
        case .unsigned(let number): marked(0xcf, number)
        case .float(let number): marked(0xcb, number.bitPattern)
        case .string(let text):
            neutralLength(text.utf8.count, fix: (0xa0, 32), 0xd9, 0xda, 0xdb)
            self.text(text)
        case .bytes(let bytes):
            neutralLength(bytes.count, fix: nil, 0xc4, 0xc5, 0xc6)
            raw(bytes)
        case .array(let elements):
            try checkNeutralDepth(depth)
            neutralLength(elements.count, fix: (0x90, 16), nil, 0xdc, 0xdd)
            for element in elements { try neutral(element, depth: depth + 1) }
        case .map(let pairs):
            try checkNeutralDepth(depth)
            neutralLength(pairs.count, fix: (0x80, 16), nil, 0xde, 0xdf)
            for pair in pairs {
                try checkNeutralKey(pair.key)
                try neutral(pair.key, depth: depth + 1)
                try neutral(pair.value, depth: depth + 1)
            }
        case .ndArray(let array): neutralArray(array)
        case .uuid(let number):
            uint8(0xd8)
            uint8(NeutralExtension.uuid)
            for shift in stride(from: 120, through: 0, by: -8) {
                uint8(UInt8(truncatingIfNeeded: number >> UInt128(shift)))
            }
        case .decimal(let number):
            neutralLength(5 + number.digits.utf8.count, fix: nil, 0xc7, 0xc8, 0xc9)
            uint8(NeutralExtension.decimal)
            uint8(number.kind.rawValue)
            uint32(UInt32(bitPattern: number.exponent))
            text(number.digits)
        case .instant(let instant):
            uint8(0xd7)
            uint8(NeutralExtension.instant)
            uint64(UInt64(bitPattern: instant.microseconds))
        case .dependency(let index):
            uint8(0xd6)
            uint8(NeutralExtension.dependency)
            uint32(index)
        }
    }

    private mutating func neutralInteger(_ number: Int64) {
        switch number {
        case 0...127: uint8(UInt8(number))
        case -32..<0: uint8(UInt8(bitPattern: Int8(number)))
        case 128...255: marked(0xcc, UInt8(number))
        case 256...65_535: marked(0xcd, UInt16(number))
        case 65_536...0xffff_ffff: marked(0xce, UInt32(number))
        case 0x1_0000_0000...: marked(0xcf, UInt64(number))
        case -128 ..< -32: marked(0xd0, UInt8(bitPattern: Int8(number)))
        case -32_768 ..< -128: marked(0xd1, UInt16(bitPattern: Int16(number)))
        case -0x8000_0000 ..< -32_768: marked(0xd2, UInt32(bitPattern: Int32(number)))
        default: marked(0xd3, UInt64(bitPattern: number))
        }
    }

    private mutating func neutralArray(_ array: NeutralArray) {
        let headBytes = 2 + array.dtype.utf8.count + 8 * array.shape.count
        neutralLength(headBytes + array.bytes.count, fix: nil, 0xc7, 0xc8, 0xc9)
        uint8(NeutralExtension.array)
        uint8(UInt8(array.dtype.utf8.count))
        text(array.dtype)
        uint8(UInt8(array.shape.count))
        for dimension in array.shape { uint64(UInt64(dimension)) }
        raw(array.bytes)
    }

    /// A length in the shortest of its forms: inside the marker (`fix`: base and bound), or 8, 16, 32 bits.
    private mutating func neutralLength(
        _ count: Int, fix: (UInt8, Int)?, _ short: UInt8?, _ medium: UInt8, _ long: UInt8
    ) {
        if let (base, bound) = fix, count < bound {
            uint8(base | UInt8(count))
        } else if let short, count < 0x100 {
            marked(short, UInt8(count))
        } else if count < 0x1_0000 {
            marked(medium, UInt16(count))
        } else {
            marked(long, UInt32(clamping: count))
        }
    }

    private mutating func marked<T: FixedWidthInteger & UnsignedInteger>(_ marker: UInt8, _ value: T) {
        uint8(marker)
        integer(value.byteSwapped)
    }
}

enum NeutralExtension {
    static let array: UInt8 = 1
    static let dependency: UInt8 = 2
    static let uuid: UInt8 = 3
    static let decimal: UInt8 = 4
    static let instant: UInt8 = 5
}

private func checkNeutralDepth(_ depth: Int) throws(NeutralError) {
    guard depth < Limits.neutralDepthMax else {
        throw NeutralError("lists and maps more than \(Limits.neutralDepthMax) deep inside each other")
    }
}

private func checkNeutralKey(_ key: NeutralValue) throws(NeutralError) {
    switch key {
    case .null, .bool, .int, .unsigned, .float, .string, .bytes: break
    case .array, .map, .ndArray, .uuid, .decimal, .instant, .dependency:
        throw NeutralError("\(key.kind) as the key of a map")
    }
}

/// Elements for which room is made before they are read. Halved with each level: a few bytes that announce
/// long lists inside each other must not claim memory at every level.
private func roomForElements(_ count: Int, _ depth: Int) -> Int { min(count, 4_096 >> depth) }

extension NeutralValue {
    /// The value as bytes. Fails when it is nested too deep or larger than a payload may be.
    package func encoded() throws(NeutralError) -> [UInt8] {
        var writer = ByteWriter()
        try writer.neutral(self)
        guard writer.count <= Limits.payloadBytesMax else {
            throw NeutralError("\(writer.count) bytes, a payload has at most \(Limits.payloadBytesMax)")
        }
        return writer.take()
    }

    /// Reads exactly one value that fills the bytes.
    package init(decoding bytes: [UInt8]) throws(NeutralError) {
        // Safe: the span does not outlive the array.
        try self.init(decoding: unsafe bytes.span.bytes)
    }

    /// Reads exactly one value that fills the bytes.
    package init(decoding bytes: RawSpan) throws(NeutralError) {
        var reader = ByteReader(bytes)
        do {
            self = try reader.neutral(depth: 0)
        } catch let error as WireError {
            throw NeutralError(error.description)
        } catch let error as NeutralError {
            throw error
        } catch {
            throw NeutralError("\(error)")
        }
        guard reader.remaining == 0 else { throw NeutralError("\(reader.remaining) bytes behind the value") }
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    fileprivate mutating func neutral(depth: Int) throws -> NeutralValue {
        let marker = try uint8("neutral value")
        switch marker {
        case 0x00...0x7f: return .int(Int64(marker))
        case 0x80...0x8f: return try neutralMap(Int(marker & 0x0f), depth)
        case 0x90...0x9f: return try neutralList(Int(marker & 0x0f), depth)
        case 0xa0...0xbf: return .string(try string(Int(marker & 0x1f), "string"))
        case 0xc0: return .null
        case 0xc2: return .bool(false)
        case 0xc3: return .bool(true)
        case 0xc4: return .bytes(try blob(Int(try uint8("length"))))
        case 0xc5: return .bytes(try blob(Int(try bigEndian(UInt16.self))))
        case 0xc6: return .bytes(try blob(Int(try bigEndian(UInt32.self))))
        case 0xc7: return try neutralExtension(Int(try uint8("length")))
        case 0xc8: return try neutralExtension(Int(try bigEndian(UInt16.self)))
        case 0xc9: return try neutralExtension(Int(try bigEndian(UInt32.self)))
        case 0xca: return .float(Double(Float(bitPattern: try bigEndian(UInt32.self))))
        case 0xcb: return .float(Double(bitPattern: try bigEndian(UInt64.self)))
        case 0xcc: return .int(Int64(try uint8("integer")))
        case 0xcd: return .int(Int64(try bigEndian(UInt16.self)))
        case 0xce: return .int(Int64(try bigEndian(UInt32.self)))
        case 0xcf: return NeutralValue(try bigEndian(UInt64.self))
        case 0xd0: return .int(Int64(Int8(bitPattern: try uint8("integer"))))
        case 0xd1: return .int(Int64(Int16(bitPattern: try bigEndian(UInt16.self))))
        case 0xd2: return .int(Int64(Int32(bitPattern: try bigEndian(UInt32.self))))
        case 0xd3: return .int(Int64(bitPattern: try bigEndian(UInt64.self)))
        case 0xd4...0xd8: return try neutralExtension(1 << Int(marker - 0xd4))
        case 0xd9: return .string(try string(Int(try uint8("length")), "string"))
        case 0xda: return .string(try string(Int(try bigEndian(UInt16.self)), "string"))
        case 0xdb: return .string(try string(Int(try bigEndian(UInt32.self)), "string"))
        case 0xdc: return try neutralList(Int(try bigEndian(UInt16.self)), depth)
        case 0xdd: return try neutralList(Int(try bigEndian(UInt32.self)), depth)
        case 0xde: return try neutralMap(Int(try bigEndian(UInt16.self)), depth)
        case 0xdf: return try neutralMap(Int(try bigEndian(UInt32.self)), depth)
        case 0xe0...0xff: return .int(Int64(Int8(bitPattern: marker)))
        default: throw NeutralError("byte 0xc1 at \(offset - 1) begins no value")
        }
    }

    @_lifetime(self: copy self)
    private mutating func neutralList(_ count: Int, _ depth: Int) throws -> NeutralValue {
        try checkNeutralDepth(depth)
        // Each element has at least one byte: a count that lies reserves no memory.
        guard count <= remaining else { throw NeutralError("\(count) elements in \(remaining) bytes") }
        var elements: [NeutralValue] = []
        elements.reserveCapacity(roomForElements(count, depth))
        for _ in 0..<count { elements.append(try neutral(depth: depth + 1)) }
        return .array(elements)
    }

    @_lifetime(self: copy self)
    private mutating func neutralMap(_ count: Int, _ depth: Int) throws -> NeutralValue {
        try checkNeutralDepth(depth)
        guard count <= remaining / 2 else { throw NeutralError("\(count) entries in \(remaining) bytes") }
        var pairs: [NeutralPair] = []
        pairs.reserveCapacity(roomForElements(count, depth))
        for _ in 0..<count {
            let key = try neutral(depth: depth + 1)
            try checkNeutralKey(key)
            pairs.append(NeutralPair(key, try neutral(depth: depth + 1)))
        }
        return .map(pairs)
    }

    @_lifetime(self: copy self)
    private mutating func neutralExtension(_ count: Int) throws -> NeutralValue {
        let type = try uint8("extension type")
        switch type {
        case NeutralExtension.dependency:
            guard count == 4 else { throw NeutralError("a dependency of \(count) bytes instead of 4") }
            return .dependency(try uint32("dependency"))
        case NeutralExtension.array:
            let end = offset + count
            let dtype = try string(Int(try uint8("length of dtype")), "dtype")
            let dimensions = Int(try uint8("dimensions"))
            var shape: [Int] = []
            for _ in 0..<dimensions {
                guard let dimension = Int(exactly: try uint64("dimension")) else {
                    throw NeutralError("an array with an impossible dimension")
                }
                shape.append(dimension)
            }
            guard offset <= end, remaining >= end - offset else {
                throw NeutralError("an array whose extension of \(count) bytes does not hold it")
            }
            return .ndArray(try NeutralArray(dtype: dtype, shape: shape, bytes: try blob(end - offset)))
        case NeutralExtension.uuid:
            guard count == 16 else { throw NeutralError("a UUID of \(count) bytes instead of 16") }
            return .uuid(try blob(16).reduce(0) { $0 << 8 | UInt128($1) })
        case NeutralExtension.decimal:
            guard count >= 5 else { throw NeutralError("a decimal number of \(count) bytes, at least 5") }
            let kind = try uint8("kind of decimal number")
            let exponent = Int32(bitPattern: try uint32("exponent"))
            return .decimal(
                try NeutralDecimal(
                    rawKind: kind, exponent: exponent, digits: try string(count - 5, "digits")))
        case NeutralExtension.instant:
            guard count == 8 else { throw NeutralError("a point in time of \(count) bytes instead of 8") }
            return .instant(
                try NeutralInstant(microseconds: Int64(bitPattern: try uint64("microseconds"))))
        default:
            throw NeutralError("MessagePack extension \(Int8(bitPattern: type)) has no neutral meaning")
        }
    }

    @_lifetime(self: copy self)
    private mutating func blob(_ count: Int) throws(WireError) -> [UInt8] {
        let range = try range(count, "bytes")
        return bytes.copied(range)
    }

    @_lifetime(self: copy self)
    private mutating func bigEndian(_ type: UInt16.Type) throws(WireError) -> UInt16 {
        try uint16("integer").byteSwapped
    }
    @_lifetime(self: copy self)
    private mutating func bigEndian(_ type: UInt32.Type) throws(WireError) -> UInt32 {
        try uint32("integer").byteSwapped
    }
    @_lifetime(self: copy self)
    private mutating func bigEndian(_ type: UInt64.Type) throws(WireError) -> UInt64 {
        try uint64("integer").byteSwapped
    }
}
