import Testing
import Wire

/// Many values of one type are read and written as single ones are.
@Suite struct NeutralScalarFormTests {
    private static let values: [NeutralValue] = {
        let integers: [Int64] = [
            0, 1, -1, 127, 128, 255, 256, -128, -129, 65_535, -32_768, 1 << 31, 1 << 53, (1 << 53) + 1, .max,
            .min,
        ]
        var values = integers.map { NeutralValue.int($0) }
        values += [.null, .bool(true), .bool(false), .unsigned(1 << 63), .unsigned(.max)]
        let floats: [Double] = [0, -0.0, 0.1, 1e300, .infinity, -.infinity, .leastNonzeroMagnitude, 1.5]
        values += floats.map { .float($0) }
        values += ["", "a", "ü", "👩‍👩‍👧", String(repeating: "x", count: 300)].map { .string($0) }
        values += [[], [0, 255], Array(repeating: 7, count: 300)].map { .bytes($0) }
        values += [.array([]), .array([.int(1), .string("b")]), .map([NeutralPair(.string("k"), .int(3))])]
        values += [.uuid(5), .dependency(0)]
        for shape in [[], [2]] {
            if let array = try? NeutralArray(shape.isEmpty ? [3.5] : [1.5, 2], shape: shape) {
                values.append(.ndArray(array))
            }
            if let array = try? NeutralArray(shape.isEmpty ? [300] : [1, 2], shape: shape) {
                values.append(.ndArray(array))
            }
        }
        return values
    }()

    private static func expectSame<T: Codable & Sendable & Equatable>(_ type: T.Type) {
        func outcome(_ body: () throws(NeutralError) -> T) -> Result<T, NeutralError> {
            Result { () throws(NeutralError) in try body() }
        }
        func form(_ body: () throws(NeutralError) -> NeutralValue) -> Result<NeutralValue, NeutralError> {
            Result { () throws(NeutralError) in try body() }
        }
        let (reading, writing) = (NeutralReading<T>(), NeutralWriting<T>())
        for value in values {
            let quick = outcome { () throws(NeutralError) in try reading.read(value) }
            let slow = outcome { () throws(NeutralError) in try value.decoded(as: type) }
            #expect(quick == slow, "\(value) as \(type)")
            guard case .success(let made) = slow else { continue }
            let written = form { () throws(NeutralError) in try writing.write(made) }
            #expect(written == form { () throws(NeutralError) in try NeutralValue(encoding: made) })
        }
    }

    private struct Point: Codable, Sendable, Equatable {
        var k: Int
    }

    @Test func `Reading and writing many gives what reading and writing one gives, and the same errors`() {
        Self.expectSame(Int.self)
        Self.expectSame(Int8.self)
        Self.expectSame(Int32.self)
        Self.expectSame(Int64.self)
        Self.expectSame(UInt.self)
        Self.expectSame(UInt8.self)
        Self.expectSame(UInt64.self)
        Self.expectSame(Double.self)
        Self.expectSame(Float.self)
        Self.expectSame(Bool.self)
        Self.expectSame(String.self)
        Self.expectSame([UInt8].self)
        Self.expectSame([Int].self)
        Self.expectSame([Double].self)
        Self.expectSame(Int?.self)
        Self.expectSame(Point.self)
    }
}
