/// A type that reads neutral values itself instead of through `Decodable`.
package protocol NeutralInitializable {
    /// Throws `NeutralError` when the value is not one of its own.
    init(_ value: NeutralValue) throws
}

extension NeutralValue {
    /// Reads the value as anything `Decodable`. Errors name the coding path.
    package func decoded<T: Decodable>(as type: T.Type) throws(NeutralError) -> T {
        do {
            return try NeutralReader(value: self, codingPath: []).value(as: type)
        } catch let error as NeutralError {
            throw error
        } catch let error as DecodingError {
            throw NeutralError(error)
        } catch {
            throw NeutralError("\(type) failed to decode itself: \(error)")
        }
    }
}

extension NeutralError {
    init(_ error: DecodingError) {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            self.init(path: pathText(context.codingPath), context.debugDescription)
        case .keyNotFound(let key, let context):
            self.init(path: pathText(context.codingPath), "there is no \"\(key.stringValue)\"")
        @unknown default:
            self.init("\(error)")
        }
    }
}

/// One value of the tree, as `Decodable` types see it.
struct NeutralReader: Decoder, SingleValueDecodingContainer {
    let value: NeutralValue
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func value<T: Decodable>(as type: T.Type) throws -> T {
        if let scalar = try scalar(type) { return scalar }
        if let own = type as? any NeutralInitializable.Type {
            do {
                if let made = try own.init(value) as? T { return made }
            } catch let error as NeutralError {
                throw NeutralError(path: pathText(codingPath) + error.path, error.problem)
            }
        }
        // A recursive type over a value that contains itself cannot occur: the bytes bound the depth.
        return try T(from: self)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .map(let pairs) = value else { throw mismatch([String: NeutralValueKind].self, "a map") }
        return KeyedDecodingContainer(NeutralMapReader<Key>(pairs, codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        switch value {
        case .array(let elements):
            return NeutralListReader(elements: elements, codingPath: codingPath)
        case .bytes(let bytes):
            return NeutralListReader(elements: bytes.map { .init($0) }, codingPath: codingPath)
        case .ndArray(let array):
            let nested: NeutralValue
            do {
                nested = try array.nested()
            } catch {
                throw NeutralError(path: pathText(codingPath), error.problem)
            }
            guard case .array(let elements) = nested else {
                throw mismatch([NeutralValueKind].self, "a list")
            }
            return NeutralListReader(elements: elements, codingPath: codingPath)
        case .null, .bool, .int, .unsigned, .float, .string, .map, .uuid, .decimal, .instant, .dependency:
            throw mismatch([NeutralValueKind].self, "a list")
        }
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func mismatch(_ type: Any.Type, _ wanted: String) -> DecodingError {
        let context = DecodingError.Context(
            codingPath: codingPath, debugDescription: "\(value.kind) where \(wanted) is expected")
        return if case .null = value {
            .valueNotFound(type, context)
        } else {
            .typeMismatch(type, context)
        }
    }
}

/// Stands for "any value" in the types that `DecodingError` wants to name.
enum NeutralValueKind {}

// MARK: Scalars

extension NeutralReader {
    func decodeNil() -> Bool { value == .null }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try value(as: type) }
    func decode(_ type: Bool.Type) throws -> Bool {
        guard case .bool(let flag) = plain else { throw mismatch(type, "a bool") }
        return flag
    }
    func decode(_ type: String.Type) throws -> String {
        guard case .string(let text) = value else { throw mismatch(type, "a string") }
        return text
    }
    func decode(_ type: Double.Type) throws -> Double {
        switch plain {
        case .float(let number): return number
        case .int(let number): return Double(number)
        case .unsigned(let number): return Double(number)
        case .null, .bool, .string, .bytes, .array, .map, .ndArray, .uuid, .decimal, .instant,
            .dependency:
            throw mismatch(type, "a number")
        }
    }
    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
    func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }

    private func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
        let exact: T?
        let shown: String
        switch plain {
        case .int(let number): (exact, shown) = (T(exactly: number), "\(number)")
        case .unsigned(let number): (exact, shown) = (T(exactly: number), "\(number)")
        case .null, .bool, .float, .string, .bytes, .array, .map, .ndArray, .uuid, .decimal, .instant,
            .dependency:
            throw mismatch(type, "an integer")
        }
        if let exact { return exact }
        throw DecodingError.dataCorrupted(
            .init(codingPath: codingPath, debugDescription: "the integer \(shown) does not fit into \(type)"))
    }

    /// An array without dimensions is how NumPy notes a scalar.
    private var plain: NeutralValue {
        guard case .ndArray(let array) = value, array.shape.isEmpty else { return value }
        return (try? array.nested()) ?? value
    }

    /// The types that need no container, and the arrays for which one step per element would dominate.
    private func scalar<T: Decodable>(_ type: T.Type) throws -> T? {
        if type == String.self { return try decode(String.self) as? T }
        if type == Int.self { return try decode(Int.self) as? T }
        if type == Double.self { return try decode(Double.self) as? T }
        if type == Bool.self { return try decode(Bool.self) as? T }
        if type == [UInt8].self, case .bytes(let bytes) = value { return bytes as? T }
        if case .ndArray(let array) = value, array.shape.count == 1 {
            if type == [Double].self { return array.elements(as: Double.self) as? T }
            if type == [Float].self { return array.elements(as: Float.self) as? T }
            if type == [Int].self { return array.elements(as: Int.self) as? T }
            if type == [Int64].self { return array.elements(as: Int64.self) as? T }
            if type == [Int32].self { return array.elements(as: Int32.self) as? T }
        }
        return nil
    }
}
