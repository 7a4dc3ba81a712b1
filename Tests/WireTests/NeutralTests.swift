import TaskModel
import Testing
import Wire

@Suite struct NeutralValueTests {
    @Test func `Vectors are read to their values and written in their shortest form`() throws {
        for vector in try Vector<NeutralJSON>.all("neutral") {
            let read = try withSpan(vector.bytes) { try NeutralValue(decoding: $0) }
            #expect(read == vector.value.value, "\(vector.name)")
            if vector.decodeOnly != true {
                #expect(try vector.value.value.encoded().hex == vector.hex, "\(vector.name)")
            }
            expectNoHarm(vector.bytes, vector.name) { _ = try NeutralValue(decoding: $0) }
        }
    }

    @Test func `Malformed bytes are refused`() throws {
        for malformed in try MalformedCase.all("neutral") {
            #expect(throws: NeutralError.self, "\(malformed.name)") {
                try withSpan([UInt8](hex: malformed.hex)) { _ = try NeutralValue(decoding: $0) }
            }
        }
    }

    @Test func `What is too deep or too large is refused before it is sent`() throws {
        var deepest = NeutralValue.null
        for _ in 0..<Limits.neutralDepthMax { deepest = .array([deepest]) }
        let bytes = try deepest.encoded()
        #expect(try withSpan(bytes) { try NeutralValue(decoding: $0) } == deepest)
        #expect(throws: NeutralError.self) { try NeutralValue.array([deepest]).encoded() }
        let large = NeutralValue.bytes([UInt8](repeating: 0, count: Limits.payloadBytesMax))
        let error = #expect(throws: NeutralError.self) { try large.encoded() }
        #expect(try #require(error).description.contains("\(Limits.payloadBytesMax)"))
    }

    @Test func `The last of equal keys counts, and lists are no keys`() throws {
        let twice = NeutralValue.map([.init(.string("a"), .int(1)), .init(.string("a"), .int(2))])
        #expect(twice["a"] == .int(2))
        #expect(try twice.decoded(as: [String: Int].self) == ["a": 2])
        for key in [NeutralValue.array([]), .map([]), .dependency(0)] {
            #expect(throws: NeutralError.self) { try NeutralValue.map([.init(key, .null)]).encoded() }
        }
    }

    @Test func `Long strings, bytes and lists survive`() throws {
        let values: [NeutralValue] = [
            .string(String(repeating: "ä", count: 70_000)), .bytes([UInt8](repeating: 7, count: 70_000)),
            .array((0..<70_000).map { .int($0) }),
            .map((0..<70_000).map { NeutralPair(.int($0), .bool(true)) }),
            .ndArray(try NeutralArray((0..<70_000).map { Double($0) })),
        ]
        for value in values {
            let bytes = try value.encoded()
            #expect(try withSpan(bytes) { try NeutralValue(decoding: $0) } == value)
        }
    }

    /// The seeds are fixed, so a failure repeats.
    @Test(arguments: 0..<8) func `Random values survive, random bytes do no harm`(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        for _ in 0..<500 {
            let value = randomValue(&random, depth: 0)
            let bytes = try value.encoded()
            #expect(try withSpan(bytes) { try NeutralValue(decoding: $0) } == value)
            var noise = bytes
            for _ in 0..<4 where !noise.isEmpty {
                noise[Int(random.next() % UInt64(noise.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            // Whatever can be read can be written, and is read as the same again.
            if let read = try? withSpan(noise, { try NeutralValue(decoding: $0) }) {
                let again = try read.encoded()
                #expect(try withSpan(again) { try NeutralValue(decoding: $0) }.encoded() == again)
            }
            let rubbish = (0..<Int(random.next() % 64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = try? withSpan(rubbish) { try NeutralValue(decoding: $0) }
        }
    }

    private func randomValue(_ random: inout SplitMix, depth: Int) -> NeutralValue {
        switch random.next() % (depth > 4 ? 8 : 10) {
        case 0: return .null
        case 1: return .bool(random.next() % 2 == 0)
        case 2: return NeutralValue(Int64(bitPattern: random.next()) >> Int64(random.next() % 64))
        case 3: return NeutralValue(random.next())
        case 4: return .float(Double(Int64(bitPattern: random.next())) / 1e6)
        case 5: return .string(String(repeating: "aß€😀", count: Int(random.next() % 20)))
        case 6: return .bytes((0..<(random.next() % 300)).map { UInt8(truncatingIfNeeded: $0) })
        case 7: return .dependency(UInt32(truncatingIfNeeded: random.next()))
        case 8: return .array((0..<(random.next() % 20)).map { _ in randomValue(&random, depth: depth + 1) })
        default:
            return .map(
                (0..<(random.next() % 20)).map { _ in
                    // From depth 6 on a value is a scalar or a dependency, which is no key.
                    var key = randomValue(&random, depth: 6)
                    if case .dependency(let index) = key { key = .int(Int64(index)) }
                    return NeutralPair(key, randomValue(&random, depth: depth + 1))
                })
        }
    }
}

struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct NeutralCodingTests {
    struct Point: Codable, Hashable {
        var x: Double
        var y: Float
        var label: String?
    }
    enum Shape: Codable, Hashable {
        case circle(center: Point, radius: Double)
        case path([Point])
    }
    struct Drawing: Codable, Hashable {
        var shapes: [Shape]
        var layers: [String: [Int]]
        var byNumber: [Int: String]
        var flags: Set<Bool>
        var bytes: [UInt8]
        var big: UInt64
        var small: Int8
    }
    final class Base: Codable {
        var name = "base"
    }
    indirect enum Endless: Encodable {
        case end
        case more(Endless)
    }

    @Test func `Codable values survive`() throws {
        let point = Point(x: 1.5, y: -2, label: nil)
        let drawing = Drawing(
            shapes: [.circle(center: point, radius: 2), .path([point, Point(x: 0, y: 0, label: "ü")])],
            layers: ["a": [1, 2], "": []], byNumber: [-1: "x", 300: "y"], flags: [true], bytes: [0, 255],
            big: .max, small: .min)
        let value = try NeutralValue(encoding: drawing)
        let bytes = try value.encoded()
        let read = try withSpan(bytes) { try NeutralValue(decoding: $0) }
        #expect(read == value)
        #expect(try read.decoded(as: Drawing.self) == drawing)
    }

    @Test func `Values look in Python as they do in Swift`() throws {
        #expect(try NeutralValue(encoding: [1: "a"]) == .map([NeutralPair(.int(1), .string("a"))]))
        #expect(try NeutralValue(encoding: [UInt8](arrayLiteral: 1, 2)) == .bytes([1, 2]))
        #expect(try NeutralValue(encoding: 3 as Int?) == .int(3))
        #expect(try NeutralValue(encoding: nil as Int?) == .null)
        #expect(
            try NeutralValue(encoding: Point(x: 1, y: 2, label: nil))
                == .map([.init(.string("x"), .float(1)), .init(.string("y"), .float(2))]))
        #expect(try NeutralValue(encoding: Base())["name"] == .string("base"))
    }

    @Test func `Numbers are converted only without loss`() throws {
        #expect(try NeutralValue.int(2).decoded(as: Double.self) == 2)
        #expect(try NeutralValue.unsigned(.max).decoded(as: UInt64.self) == .max)
        #expect(throws: NeutralError.self) { try NeutralValue.float(2).decoded(as: Int.self) }
        #expect(throws: NeutralError.self) { try NeutralValue.bool(true).decoded(as: Int.self) }
        #expect(throws: NeutralError.self) { try NeutralValue.int(1).decoded(as: Bool.self) }
        let error = #expect(throws: NeutralError.self) { try NeutralValue.int(300).decoded(as: UInt8.self) }
        #expect(try #require(error).description.contains("300"))
        #expect(throws: NeutralError.self) { try NeutralValue(encoding: Int128.max) }
    }

    @Test func `Errors name the place`() throws {
        let value = try NeutralValue(encoding: ["points": [["x": 1.0, "y": 2.0], ["x": 1.0]]])
        let missing = #expect(throws: NeutralError.self) {
            try value.decoded(as: [String: [Point]].self)
        }
        #expect(try #require(missing).description.contains("points[1]"))
        #expect(try #require(missing).description.contains("\"y\""))
        let wrong = #expect(throws: NeutralError.self) {
            try NeutralValue.array([.int(1), .string("a")]).decoded(as: [Int].self)
        }
        #expect(try #require(wrong).description == "[1]: a string where an integer is expected")
    }

    @Test func `A value without an end is refused`() {
        var endless = Endless.end
        for _ in 0..<Limits.neutralDepthMax { endless = .more(endless) }
        #expect(throws: NeutralError.self) { try NeutralValue(encoding: endless) }
    }

    @Test func `Arrays are read as arrays of numbers, flat or nested`() throws {
        let matrix = try NeutralArray([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        #expect(try NeutralValue.ndArray(matrix).decoded(as: [[Double]].self) == [[1, 2, 3], [4, 5, 6]])
        let flat = NeutralValue.ndArray(try NeutralArray([1, -2] as [Int64]))
        #expect(try flat.decoded(as: [Int].self) == [1, -2])
        #expect(try flat.decoded(as: [Double].self) == [1, -2])
        let scalar = NeutralValue.ndArray(try NeutralArray([7.5], shape: []))
        #expect(try scalar.decoded(as: Double.self) == 7.5)
        let bigEndian = NeutralValue.ndArray(try NeutralArray(dtype: ">i2", shape: [2], bytes: [0, 1, 1, 0]))
        #expect(try bigEndian.decoded(as: [Int].self) == [1, 256])
        #expect(throws: NeutralError.self) { try NeutralArray(dtype: "|O8", shape: [1], bytes: [0]) }
        #expect(throws: NeutralError.self) { try NeutralArray([1.0], shape: [2]) }
    }

    @Test func `Dependencies are numbered once each`() {
        let dependencies = NeutralDependencies()
        let tasks = (1...2).map { TaskID(session: SessionID(1), sequence: $0) }
        #expect([0, 1, 0].map { dependencies.index(of: tasks[$0]) } == [0, 1, 0])
        #expect(dependencies.tasks == tasks)
    }
}
