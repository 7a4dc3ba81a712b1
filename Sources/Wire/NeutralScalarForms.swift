// Many values of one type: what the type is looked at once, not for each of them.

/// A type with a neutral form of its own that needs no container.
package protocol NeutralScalar: Codable, Sendable {
    /// What `NeutralValue.decoded` reads, and the same error.
    static func read(_ value: NeutralValue) throws(NeutralError) -> Self
    /// What `NeutralValue.init(encoding:)` makes of it.
    var neutral: NeutralValue { get }
    /// The same of an array of them.
    static func neutral(_ elements: [Self]) -> NeutralValue
    /// An array of them, if it is in the usual form.
    static func elements(_ value: NeutralValue) throws(NeutralError) -> [Self]
}

/// Reads many values of one type as `NeutralValue.decoded` reads one.
package struct NeutralReading<T: Decodable & Sendable>: Sendable {
    package let read: @Sendable (NeutralValue) throws(NeutralError) -> T

    package init() {
        if let known = (T.self as? any NeutralScalar.Type)?.reading as? NeutralReading<T> {
            read = known.read
        } else {
            read = { value throws(NeutralError) in try value.decoded(as: T.self) }
        }
    }

    fileprivate init(_ read: @escaping @Sendable (NeutralValue) throws(NeutralError) -> T) {
        self.read = read
    }
}

/// Writes many values of one type as `NeutralValue.init(encoding:)` writes one.
package struct NeutralWriting<T: Encodable>: Sendable {
    private let plain: (@Sendable (T) -> NeutralValue)?

    package init() {
        let known = (T.self as? any NeutralScalar.Type)?.writing as? NeutralWriting<T>
        plain = known?.plain
    }

    fileprivate init(_ plain: @escaping @Sendable (T) -> NeutralValue) { self.plain = plain }

    package func write(
        _ value: T, dependencies: @autoclosure () -> NeutralDependencies = .init()
    ) throws(NeutralError) -> NeutralValue {
        if let plain { return plain(value) }
        return try NeutralValue(encoding: value, dependencies: dependencies())
    }
}

extension NeutralScalar {
    fileprivate static var reading: any Sendable {
        NeutralReading<Self> { value throws(NeutralError) in try Self.read(value) }
    }
    fileprivate static var writing: any Sendable { NeutralWriting<Self> { $0.neutral } }

    package static func neutral(_ elements: [Self]) -> NeutralValue { .array(elements.map(\.neutral)) }

    package static func elements(_ value: NeutralValue) throws(NeutralError) -> [Self] {
        guard case .array(let values) = value else { return try value.decoded(as: [Self].self) }
        var elements: [Self] = []
        elements.reserveCapacity(values.count)
        for value in values { elements.append(try Self.read(value)) }
        return elements
    }
}

// MARK: The types

extension Array: NeutralScalar where Element: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> [Element] {
        do {
            return try Element.elements(value)
        } catch {
            // Once more, to name its place.
            return try value.decoded(as: Self.self)
        }
    }
    package var neutral: NeutralValue { Element.neutral(self) }
}

extension UInt8: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> UInt8 {
        if case .int(let number) = value, let exact = UInt8(exactly: number) { return exact }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .int(Int64(self)) }
    package static func neutral(_ elements: [UInt8]) -> NeutralValue { .bytes(elements) }
    package static func elements(_ value: NeutralValue) throws(NeutralError) -> [UInt8] {
        if case .bytes(let bytes) = value { return bytes }
        return try value.decoded(as: [UInt8].self)
    }
}

extension Int: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> Int {
        if case .int(let number) = value { return Int(number) }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .int(Int64(self)) }
}

extension Int32: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> Int32 {
        if case .int(let number) = value, let exact = Int32(exactly: number) { return exact }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .int(Int64(self)) }
}

extension Int64: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> Int64 {
        if case .int(let number) = value { return number }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .int(self) }
}

extension Double: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> Double {
        if case .float(let number) = value { return number }
        if case .int(let number) = value { return Double(number) }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .float(self) }
}

extension Float: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> Float {
        if case .float(let number) = value { return Float(number) }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .float(Double(self)) }
}

extension Bool: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> Bool {
        if case .bool(let flag) = value { return flag }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .bool(self) }
}

extension String: NeutralScalar {
    package static func read(_ value: NeutralValue) throws(NeutralError) -> String {
        if case .string(let text) = value { return text }
        return try value.decoded(as: Self.self)
    }
    package var neutral: NeutralValue { .string(self) }
}
