/// Why bytes were not accepted. The message names what was read and where, never the bytes themselves.
package struct WireError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Reads little-endian values from borrowed bytes, each with a bounds check. A read past the end throws.
package struct ByteReader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    package private(set) var offset: Int

    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan, at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    package var remaining: Int { bytes.byteCount - offset }

    @_lifetime(self: copy self)
    package mutating func skip(_ count: Int, _ what: StaticString) throws(WireError) {
        guard count >= 0, remaining >= count else { throw truncated(what, count) }
        offset += count
    }

    /// Takes the next `count` bytes as a range of the whole, without copying them.
    @_lifetime(self: copy self)
    package mutating func range(_ count: Int, _ what: StaticString) throws(WireError) -> Range<Int> {
        let start = offset
        try skip(count, what)
        return start..<offset
    }

    @_lifetime(self: copy self)
    package mutating func uint8(_ what: StaticString) throws(WireError) -> UInt8 {
        try load(UInt8.self, what)
    }
    @_lifetime(self: copy self)
    package mutating func uint16(_ what: StaticString) throws(WireError) -> UInt16 {
        UInt16(littleEndian: try load(UInt16.self, what))
    }
    @_lifetime(self: copy self)
    package mutating func uint32(_ what: StaticString) throws(WireError) -> UInt32 {
        UInt32(littleEndian: try load(UInt32.self, what))
    }
    @_lifetime(self: copy self)
    package mutating func uint64(_ what: StaticString) throws(WireError) -> UInt64 {
        UInt64(littleEndian: try load(UInt64.self, what))
    }

    @_lifetime(self: copy self)
    package mutating func string(_ count: Int, _ what: StaticString) throws(WireError) -> String {
        let range = try range(count, what)
        // Safe: the copy is made before the borrow ends.
        let string = unsafe bytes.extracting(range).withUnsafeBytes { text in
            unsafe String(validating: text, as: UTF8.self)
        }
        guard let string else { throw WireError("\(what) is not UTF-8") }
        return string
    }

    @_lifetime(self: copy self)
    private mutating func load<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, _ what: StaticString
    ) throws(WireError) -> T {
        guard remaining >= MemoryLayout<T>.size else { throw truncated(what, MemoryLayout<T>.size) }
        // Safe: the bounds were checked above, and every bit pattern is a valid integer.
        let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
        offset += MemoryLayout<T>.size
        return value
    }

    private func truncated(_ what: StaticString, _ wanted: Int) -> WireError {
        WireError("\(what) at byte \(offset): \(wanted) bytes wanted, \(remaining) left")
    }
}

extension RawSpan {
    /// A copy of some of the bytes.
    package func copied(_ range: Range<Int>) -> [UInt8] {
        unsafe extracting(range).withUnsafeBytes { unsafe Array($0) }
    }
}
