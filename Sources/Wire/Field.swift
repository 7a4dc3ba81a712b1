import TaskModel

/// A named, typed value: the extensible part of hello frames, welcomes, options and reports.
package struct Field: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case unsigned(UInt64)
        case signed(Int64)
        case real(Double)
        case string(String)
        case bytes([UInt8])
        case flag(Bool)
    }

    package let name: String
    package let value: Value
    /// A receiver that does not know the name must refuse, instead of skipping the field.
    package let matters: Bool

    package init(_ name: String, _ value: Value, matters: Bool = false) {
        self.name = name
        self.value = value
        self.matters = matters
    }
}

extension Field {
    package var unsigned: UInt64? {
        if case .unsigned(let value) = value { value } else { nil }
    }
    package var signed: Int64? {
        switch value {
        case .signed(let value): value
        case .unsigned(let value): Int64(exactly: value)
        case .real, .string, .bytes, .flag: nil
        }
    }
    package var string: String? {
        if case .string(let value) = value { value } else { nil }
    }
    package var flag: Bool? {
        if case .flag(let value) = value { value } else { nil }
    }
}

extension [Field] {
    package subscript(_ name: String) -> Field? { first { $0.name == name } }
}

extension ByteWriter {
    package mutating func fields(_ fields: [Field]) {
        for field in fields { self.field(field) }
    }

    package mutating func field(_ field: Field) {
        uint8(field.matters ? 1 : 0)
        var value = ByteWriter()
        switch field.value {
        case .unsigned(let number): uint8(1); value.uint64(number)
        case .signed(let number): uint8(2); value.uint64(UInt64(bitPattern: number))
        case .real(let number): uint8(3); value.uint64(number.bitPattern)
        case .string(let text): uint8(4); value.text(text)
        case .bytes(let bytes): uint8(5); value.raw(bytes)
        case .flag(let flag): uint8(6); value.uint8(flag ? 1 : 0)
        }
        uint16(UInt16(field.name.utf8.count))
        uint32(UInt32(value.count))
        text(field.name)
        raw(value.bytes)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func fields(count: UInt32) throws(WireError) -> [Field] {
        guard count <= Limits.fieldsMax else {
            throw WireError("\(count) fields, at most \(Limits.fieldsMax)")
        }
        var fields: [Field] = []
        for _ in 0..<count {
            let field = try field()
            guard fields[field.name] == nil else { throw WireError("field \(field.name) is there twice") }
            fields.append(field)
        }
        return fields
    }

    @_lifetime(self: copy self)
    private mutating func field() throws(WireError) -> Field {
        let matters = try uint8("field flags") & 1 != 0
        let type = try uint8("field type")
        let nameLength = Int(try uint16("field name length"))
        let length = Int(try uint32("field value length"))
        guard nameLength <= Limits.fieldNameBytesMax, length <= Limits.fieldValueBytesMax else {
            throw WireError("field of \(nameLength) + \(length) bytes is over the limit")
        }
        let name = try string(nameLength, "field name")
        let end = offset + length
        let value: Field.Value
        switch type {
        case 1: value = .unsigned(try uint64("field value"))
        case 2: value = .signed(Int64(bitPattern: try uint64("field value")))
        case 3: value = .real(Double(bitPattern: try uint64("field value")))
        case 4: value = .string(try string(length, "field value"))
        case 5: value = .bytes(bytes.copied(try range(length, "field value")))
        case 6: value = .flag(try uint8("field value") != 0)
        default: throw WireError("field \(name) has the unknown type \(type)")
        }
        guard offset == end else { throw WireError("field \(name) of type \(type) has \(length) bytes") }
        return Field(name, value, matters: matters)
    }
}
