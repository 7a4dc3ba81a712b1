public import FoundationEssentials
package import Wire

/// A value whose shape is not known beforehand: what Python returns where types vary.
///
///     let facts = try await client.submit(f, as: DynamicValue.self).value
///     facts["name"]?.string
public enum DynamicValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    /// Only what is beyond `Int64.max`.
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case array([DynamicValue])
    /// In Python's order.
    case dictionary([Entry])
    case ndArray(NDArray)
    case uuid(UUID)
    case decimal(Decimal)
    /// A `datetime` with a time zone.
    case date(Date)

    /// One entry of a dictionary.
    public struct Entry: Hashable, Sendable {
        /// Usually a string.
        public let key: DynamicValue
        /// What the key stands for.
        public let value: DynamicValue

        /// An entry.
        public init(key: DynamicValue, value: DynamicValue) {
            self.key = key
            self.value = value
        }
    }

    /// The value of a dictionary's entry; nil for what is no dictionary or lacks the key.
    public subscript(_ key: String) -> DynamicValue? {
        guard case .dictionary(let entries) = self else { return nil }
        return entries.last { $0.key == .string(key) }?.value
    }
    /// An element of an array; nil for what is no array or is shorter.
    public subscript(_ index: Int) -> DynamicValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
    /// The text of a string.
    public var string: String? { if case .string(let text) = self { text } else { nil } }
    /// An integer that fits.
    public var int: Int? { if case .int(let number) = self { Int(exactly: number) } else { nil } }
    /// A float, or an integer as one.
    public var double: Double? {
        switch self {
        case .double(let number): number
        case .int(let number): Double(number)
        case .unsigned(let number): Double(number)
        case .null, .bool, .string, .bytes, .array, .dictionary, .ndArray, .uuid, .decimal, .date: nil
        }
    }
    /// A truth value; numbers are none.
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    /// The elements of an array.
    public var array: [DynamicValue]? { if case .array(let elements) = self { elements } else { nil } }
}

extension DynamicValue: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads any format that describes itself, such as JSON.
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Key.self) {
            self = .dictionary(
                try container.allKeys.map {
                    Entry(
                        key: .string($0.stringValue),
                        value: try container.decode(DynamicValue.self, forKey: $0))
                })
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let number = try? container.decode(Int64.self) {
            self = .int(number)
        } else if let number = try? container.decode(UInt64.self) {
            self = .unsigned(number)
        } else if let number = try? container.decode(Double.self) {
            self = .double(number)
        } else if let text = try? container.decode(String.self) {
            self = .string(text)
        } else {
            self = .array(try container.decode([DynamicValue].self))
        }
    }

    /// Writes what the format has for it: in JSON, keys that are no strings become their text, bytes and
    /// arrays become lists and objects.
    public func encode(to encoder: any Encoder) throws {
        if case .dictionary(let entries) = self {
            var container = encoder.container(keyedBy: Key.self)
            for entry in entries {
                try container.encode(
                    entry.value, forKey: Key(stringValue: entry.key.string ?? "\(entry.key)"))
            }
            return
        }
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let flag): try container.encode(flag)
        case .int(let number): try container.encode(number)
        case .unsigned(let number): try container.encode(number)
        case .double(let number): try container.encode(number)
        case .string(let text): try container.encode(text)
        case .bytes(let bytes): try container.encode(bytes)
        case .array(let elements): try container.encode(elements)
        case .ndArray(let array): try container.encode(array)
        case .uuid(let uuid): try container.encode(uuid)
        case .decimal(let number): try container.encode(number)
        case .date(let date): try container.encode(date)
        case .dictionary: break
        }
    }
}

extension DynamicValue: CustomStringConvertible {
    /// In the manner of JSON, for messages.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .int(let number): "\(number)"
        case .unsigned(let number): "\(number)"
        case .double(let number): "\(number)"
        case .string(let text): "\"\(text)\""
        case .bytes(let bytes): "\(bytes.count) bytes"
        case .array(let elements): "\(elements)"
        case .dictionary(let entries):
            "{" + entries.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "}"
        case .uuid(let uuid): "\(uuid)"
        case .decimal(let number): "\(number)"
        case .date(let date): "\(date)"
        case .ndArray(let array): "\(array)"
        }
    }
}

extension DynamicValue: NeutralRepresentable, NeutralInitializable {
    package func neutralValue(_ dependencies: NeutralDependencies) throws -> NeutralValue {
        switch self {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .unsigned(let number): NeutralValue(number)
        case .double(let number): .float(number)
        case .string(let text): .string(text)
        case .bytes(let bytes): .bytes(bytes)
        case .array(let elements): .array(try elements.map { try $0.neutralValue(dependencies) })
        case .dictionary(let entries):
            .map(
                try entries.map {
                    NeutralPair(
                        try $0.key.neutralValue(dependencies), try $0.value.neutralValue(dependencies))
                })
        case .ndArray(let array): array.neutralValue(dependencies)
        case .uuid(let uuid): uuid.neutralValue(dependencies)
        case .decimal(let number): try number.neutralValue(dependencies)
        case .date(let date): try date.neutralValue(dependencies)
        }
    }

    package init(_ value: NeutralValue) throws {
        switch value {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .unsigned(let number): self = .unsigned(number)
        case .float(let number): self = .double(number)
        case .string(let text): self = .string(text)
        case .bytes(let bytes): self = .bytes(bytes)
        case .array(let elements): self = .array(try elements.map { try DynamicValue($0) })
        case .map(let pairs):
            self = .dictionary(
                try pairs.map { Entry(key: try DynamicValue($0.key), value: try DynamicValue($0.value)) })
        case .ndArray(let array): self = .ndArray(NDArray(array))
        case .uuid: self = .uuid(try UUID(value))
        case .decimal: self = .decimal(try Decimal(value))
        case .instant: self = .date(try Date(value))
        case .dependency: throw NeutralError("a dependency outside of a call")
        }
    }
}

/// The value of a function that returns nothing (Python's `None`).
public struct NoValue: Codable, Hashable, Sendable {
    /// The only one.
    public init() {}
}

extension NoValue: NeutralRepresentable, NeutralInitializable {
    package func neutralValue(_ dependencies: NeutralDependencies) -> NeutralValue { .null }

    /// Whatever was returned is ignored.
    package init(_ value: NeutralValue) {}
}
