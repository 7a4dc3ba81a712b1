import TaskModel

/// A decimal number as Python's `decimal` has it: its digits and where the point is, both exact.
package struct NeutralDecimal: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case positive = 0
        case negative = 1
        case notANumber = 2
    }

    package let kind: Kind
    /// The value is the digits times ten to the power of this.
    package let exponent: Int32
    /// Without leading zeros; "0" for zero, empty for what is not a number.
    package let digits: String

    package init(_ kind: Kind, exponent: Int32, digits: String) throws(NeutralError) {
        self.kind = kind
        self.exponent = exponent
        self.digits = digits
        if kind == .notANumber {
            guard digits.isEmpty, exponent == 0 else { throw NeutralError("not a number, with digits") }
            return
        }
        guard exponent > .min else { throw NeutralError("a decimal number of the exponent \(exponent)") }
        let bytes = digits.utf8
        guard bytes.count <= Limits.neutralDecimalDigitsMax else {
            throw NeutralError(
                "a decimal number of \(bytes.count) digits, at most \(Limits.neutralDecimalDigitsMax)")
        }
        guard let first = bytes.first, bytes.allSatisfy({ (0x30...0x39).contains($0) }),
            first != 0x30 || bytes.count == 1
        else { throw NeutralError("a decimal number of the digits \"\(digits)\"") }
    }

    init(rawKind: UInt8, exponent: Int32, digits: String) throws(NeutralError) {
        guard let kind = Kind(rawValue: rawKind) else {
            throw NeutralError("a decimal number of kind \(rawKind)")
        }
        try self.init(kind, exponent: exponent, digits: digits)
    }
}

/// A point in time: microseconds since 1970 in UTC, in the years that Python's `datetime` has.
package struct NeutralInstant: Hashable, Sendable {
    /// From the year 1 to the end of the year 9999.
    package static let range: ClosedRange<Int64> = -62_135_596_800_000_000...253_402_300_799_999_999

    package let microseconds: Int64

    package init(microseconds: Int64) throws(NeutralError) {
        guard Self.range.contains(microseconds) else {
            throw NeutralError("a point in time that is not in the years 1 to 9999")
        }
        self.microseconds = microseconds
    }
}
