/// An n-dimensional array: dtype in the notation of NumPy's array interface ("<f8"), shape, and the elements'
/// bytes in C order.
package struct NeutralArray: Hashable, Sendable {
    package let dtype: String
    package let shape: [Int]
    package let bytes: [UInt8]

    /// Fails unless the bytes are as many as dtype and shape say. Arrays of Python objects have no bytes.
    package init(dtype: String, shape: [Int], bytes: [UInt8]) throws(NeutralError) {
        let expected = try Self.byteCount(dtype: dtype, shape: shape)
        guard expected == bytes.count else {
            throw NeutralError(
                "\(bytes.count) bytes for dtype \(dtype) and shape \(shape), which need \(expected)")
        }
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    package static let dimensionsMax = 64

    /// Of one element.
    package var elementBytes: Int? { (try? ArrayElementType(dtype))?.bytes }

    /// In all dimensions together.
    package var elementCount: Int { elementBytes.map { bytes.count / $0 } ?? 0 }

    /// Bytes that an array of this dtype and shape has.
    package static func byteCount(dtype: String, shape: [Int]) throws(NeutralError) -> Int {
        guard shape.count <= dimensionsMax else {
            throw NeutralError("an array of \(shape.count) dimensions, at most \(dimensionsMax)")
        }
        // As NumPy has it: an empty array is as impossible as it would be with elements.
        var count = try ArrayElementType(dtype).bytes
        for dimension in shape where dimension != 0 {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension > 0, !overflow else {
                throw NeutralError("an array of the impossible shape \(shape)")
            }
            count = product
        }
        return shape.contains(0) ? 0 : count
    }
}

/// What a dtype says: byte order, kind and size of an element (docs/wire-protocol.md, "Neutral values").
package struct ArrayElementType: Hashable, Sendable {
    package let bigEndian: Bool
    /// b bool, i and u integers, f float, c complex, S bytes, U text, V void, m and M times.
    package let kind: Character
    package let bytes: Int

    package static let bytesMax = 1 << 30

    package init(_ dtype: String) throws(NeutralError) {
        let characters = Array(dtype)
        guard characters.count >= 3, "<>|".contains(characters[0]) else {
            throw NeutralError("\"\(dtype)\" is no dtype such as \"<f8\"")
        }
        let kind = characters[1]
        let digits = characters[2...].prefix { "0123456789".contains($0) }
        let unit = characters[(2 + digits.count)...]
        guard digits.first != "0", let size = Int(String(digits)),
            let bytes = Self.bytes(kind, size), bytes <= Self.bytesMax,
            unit.isEmpty || "mM".contains(kind) && Self.isTimeUnit(unit)
        else {
            throw NeutralError(
                "an array of dtype \"\(dtype)\" has no neutral form: convert it to numbers or a list")
        }
        bigEndian = characters[0] == ">"
        self.kind = kind
        self.bytes = bytes
    }

    /// Bytes of an element; nil for a kind or size that no array has.
    private static func bytes(_ kind: Character, _ size: Int) -> Int? {
        switch kind {
        case "b": size == 1 ? size : nil
        case "i", "u": [1, 2, 4, 8].contains(size) ? size : nil
        case "f": [2, 4, 8, 16].contains(size) ? size : nil
        case "c": [8, 16, 32].contains(size) ? size : nil
        case "m", "M": size == 8 ? size : nil
        case "S", "V": size
        case "U": size <= bytesMax ? 4 * size : nil
        default: nil
        }
    }

    /// `[ns]` or `[25s]`.
    private static func isTimeUnit(_ text: ArraySlice<Character>) -> Bool {
        guard text.first == "[", text.last == "]", text.count >= 3 else { return false }
        let inner = text.dropFirst().dropLast()
        let digits = inner.prefix { "0123456789".contains($0) }
        let units = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
        return digits.count <= 9 && digits.first != "0"
            && units.contains(String(inner[digits.endIndex...]))
    }
}

// MARK: Elements

extension NeutralArray {
    package init<T: FixedWidthInteger & BitwiseCopyable>(_ elements: [T], shape: [Int]? = nil)
        throws(NeutralError)
    {
        let size = MemoryLayout<T>.size
        let order = size == 1 ? "|" : "<"
        try self.init(
            dtype: "\(order)\(T.isSigned ? "i" : "u")\(size)", shape: shape ?? [elements.count],
            bytes: Self.bytes(of: elements))
    }

    package init<T: BinaryFloatingPoint & BitwiseCopyable>(
        _ elements: [T], shape: [Int]? = nil
    ) throws(NeutralError) {
        try self.init(
            dtype: "<f\(MemoryLayout<T>.size)", shape: shape ?? [elements.count],
            bytes: Self.bytes(of: elements))
    }

    /// The elements in C order; nil unless the dtype is exactly that of `T`.
    package func elements<T: FixedWidthInteger & BitwiseCopyable>(as type: T.Type) -> [T]? {
        guard let element = try? ArrayElementType(dtype), element.bytes == MemoryLayout<T>.size,
            element.kind == (T.isSigned ? "i" : "u")
        else { return nil }
        let loaded = load(type)
        return element.bigEndian ? loaded.map { $0.byteSwapped } : loaded
    }

    package func elements<T: BinaryFloatingPoint & BitwiseCopyable>(as type: T.Type) -> [T]? {
        guard let element = try? ArrayElementType(dtype), element.bytes == MemoryLayout<T>.size,
            element.kind == "f", !element.bigEndian
        else { return nil }
        return load(type)
    }

    /// The same values as lists inside lists, one level per dimension. Numbers and bools only.
    package func nested() throws(NeutralError) -> NeutralValue {
        var position = 0
        let scalars = try self.scalars()
        return Self.nest(scalars, shape[...], &position)
    }

    private static func nest(
        _ scalars: [NeutralValue], _ shape: ArraySlice<Int>, _ position: inout Int
    ) -> NeutralValue {
        guard let length = shape.first else {
            position += 1
            return scalars[position - 1]
        }
        var list: [NeutralValue] = []
        list.reserveCapacity(scalars.isEmpty ? 0 : length)
        // Without elements, a shape such as [2⁶², 0] would make the outer list endless.
        guard !scalars.isEmpty else { return .array(list) }
        for _ in 0..<length { list.append(nest(scalars, shape.dropFirst(), &position)) }
        return .array(list)
    }

    private func scalars() throws(NeutralError) -> [NeutralValue] {
        let element = try ArrayElementType(dtype)
        func swapped<T: FixedWidthInteger>(_ number: T) -> T {
            element.bigEndian ? number.byteSwapped : number
        }
        return switch (element.kind, element.bytes) {
        case ("b", 1): bytes.map { .bool($0 != 0) }
        case ("i", 1): load(Int8.self).map { .init($0) }
        case ("i", 2): load(Int16.self).map { .init(swapped($0)) }
        case ("i", 4): load(Int32.self).map { .init(swapped($0)) }
        case ("i", 8): load(Int64.self).map { .init(swapped($0)) }
        case ("u", 1): load(UInt8.self).map { .init($0) }
        case ("u", 2): load(UInt16.self).map { .init(swapped($0)) }
        case ("u", 4): load(UInt32.self).map { .init(swapped($0)) }
        case ("u", 8): load(UInt64.self).map { .init(swapped($0)) }
        case ("f", 4): load(UInt32.self).map { .float(Double(Float(bitPattern: swapped($0)))) }
        case ("f", 8): load(UInt64.self).map { .float(Double(bitPattern: swapped($0))) }
        case (_, _):
            throw NeutralError("the elements of dtype \"\(dtype)\" have no Swift form: convert to numbers")
        }
    }

    private static func bytes<T: BitwiseCopyable>(of elements: [T]) -> [UInt8] {
        // Safe: callers pass numbers, which have no padding, on a little-endian machine.
        unsafe elements.withUnsafeBytes { unsafe Array($0) }
    }

    private func load<T: BitwiseCopyable>(_ type: T.Type) -> [T] {
        let count = bytes.count / MemoryLayout<T>.stride
        // Safe: callers pass numbers, for which each bit pattern is valid, and the copy ends with the
        // shorter.
        return unsafe [T](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe bytes.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: source[..<(count * MemoryLayout<T>.stride)]))
            }
            initialized = count
        }
    }
}
