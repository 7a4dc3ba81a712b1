public import FoundationEssentials
package import Wire

// Foundation's values as Python has them: `Data` is bytes, `URL` a str, `UUID` a uuid.UUID, `Decimal` a
// decimal.Decimal, and `Date` a datetime in UTC, to the microsecond.

extension Data: NeutralRepresentable, NeutralInitializable {
    package func neutralValue(_ dependencies: NeutralDependencies) -> NeutralValue { .bytes([UInt8](self)) }

    package init(_ value: NeutralValue) throws {
        guard case .bytes(let bytes) = value else {
            throw NeutralError("\(value.kind) where bytes are expected")
        }
        self.init(bytes)
    }
}

extension URL: NeutralRepresentable, NeutralInitializable {
    package func neutralValue(_ dependencies: NeutralDependencies) -> NeutralValue { .string(absoluteString) }

    package init(_ value: NeutralValue) throws {
        guard let text = value.string else {
            throw NeutralError("\(value.kind) where the text of a URL is expected")
        }
        guard let url = URL(string: text) else { throw NeutralError("\"\(text)\" is not a URL") }
        self = url
    }
}

extension UUID: NeutralRepresentable, NeutralInitializable {
    package func neutralValue(_ dependencies: NeutralDependencies) -> NeutralValue {
        var number: UInt128 = 0
        let bytes = uuid
        for byte in [
            bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5, bytes.6, bytes.7, bytes.8, bytes.9,
            bytes.10, bytes.11, bytes.12, bytes.13, bytes.14, bytes.15,
        ] { number = number << 8 | UInt128(byte) }
        return .uuid(number)
    }

    /// Also from its text.
    package init(_ value: NeutralValue) throws {
        switch value {
        case .uuid(let number):
            func byte(_ place: Int) -> UInt8 {
                UInt8(truncatingIfNeeded: number >> UInt128(8 * (15 - place)))
            }
            self.init(
                uuid: (
                    byte(0), byte(1), byte(2), byte(3), byte(4), byte(5), byte(6), byte(7), byte(8), byte(9),
                    byte(10), byte(11), byte(12), byte(13), byte(14), byte(15)
                ))
        case .string(let text):
            guard let made = UUID(uuidString: text) else { throw NeutralError("\"\(text)\" is not a UUID") }
            self = made
        case .null, .bool, .int, .unsigned, .float, .bytes, .array, .map, .ndArray, .decimal, .instant,
            .dependency:
            throw NeutralError("\(value.kind) where a UUID is expected")
        }
    }
}

extension Date: NeutralRepresentable, NeutralInitializable {
    package func neutralValue(_ dependencies: NeutralDependencies) throws -> NeutralValue {
        let microseconds = (timeIntervalSince1970 * 1e6).rounded()
        guard let whole = Int64(exactly: microseconds) else {
            throw NeutralError("a point in time that is not in the years 1 to 9999")
        }
        return .instant(try NeutralInstant(microseconds: whole))
    }

    package init(_ value: NeutralValue) throws {
        guard case .instant(let instant) = value else {
            throw NeutralError("\(value.kind) where a point in time is expected")
        }
        self.init(timeIntervalSince1970: Double(instant.microseconds) / 1e6)
    }
}

extension Decimal: NeutralRepresentable, NeutralInitializable {
    /// As many digits as `Decimal` has.
    private static let digitsMax = 38

    package func neutralValue(_ dependencies: NeutralDependencies) throws -> NeutralValue {
        if isNaN { return .decimal(try NeutralDecimal(.notANumber, exponent: 0, digits: "")) }
        return .decimal(
            try NeutralDecimal(
                sign == .minus ? .negative : .positive, exponent: Int32(exponent),
                digits: significand.description))
    }

    /// Also from integers.
    package init(_ value: NeutralValue) throws {
        switch value {
        case .int(let number): self.init(number)
        case .unsigned(let number): self.init(number)
        case .decimal(let number):
            if number.kind == .notANumber {
                self = .nan
                return
            }
            let zeros = number.digits.utf8.reversed().prefix { $0 == UInt8(ascii: "0") }.count
            let digits = number.digits.dropLast(min(zeros, number.digits.utf8.count - 1))
            let exponent = Int(number.exponent) + number.digits.utf8.count - digits.utf8.count
            guard digits.utf8.count <= Self.digitsMax, digits == "0" || (-128...127).contains(exponent) else {
                throw NeutralError(
                    "a decimal number of \(digits.utf8.count) digits and the exponent \(exponent), where "
                        + "Decimal has \(Self.digitsMax) digits and exponents from -128 to 127")
            }
            var significand = Decimal(0)
            for digit in digits.utf8 { significand = significand * 10 + Decimal(Int(digit - 0x30)) }
            self.init(
                sign: number.kind == .negative ? .minus : .plus, exponent: digits == "0" ? 0 : exponent,
                significand: significand)
        case .null, .bool, .float, .string, .bytes, .array, .map, .ndArray, .uuid, .instant, .dependency:
            throw NeutralError("\(value.kind) where a decimal number is expected")
        }
    }
}
