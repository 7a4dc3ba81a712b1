import Foundation
import Isthmus
import Testing

@Suite struct ValueTests {
    @Test func `Arrays keep their elements, shape and type`() throws {
        let matrix = try NDArray([1, 2, 3, 4] as [Float], shape: [2, 2])
        #expect(matrix.dtype == "<f4" && matrix.shape == [2, 2])
        #expect(try matrix.elements(as: Float.self) == [1, 2, 3, 4])
        #expect(throws: NDArrayError.self) { try matrix.elements(as: Double.self) }
        #expect(throws: NDArrayError.self) { try NDArray([1.0], shape: [3]) }
        #expect(try NDArray([1, 2] as [UInt8]).dtype == "|u1")
    }

    @Test func `Arrays are shown with their type, shape and first values`() throws {
        #expect("\(try NDArray([1, 2.5, 3, 4], shape: [2, 2]))" == "NDArray(<f8, [2, 2]: 1.0, 2.5, 3.0, 4.0)")
        #expect("\(try NDArray([0.1] as [Float]))" == "NDArray(<f4, [1]: 0.1)")
        #expect("\(try NDArray(Array(0..<100)))" == "NDArray(<i8, [100]: 0, 1, 2, 3, 4, 5, ...)")
        #expect("\(try NDArray([] as [Int]))" == "NDArray(<i8, [0])")
        let text = try NDArray(dtype: "|S3", shape: [1], bytes: [65, 66, 67])
        #expect("\([text])" == "[NDArray(|S3, [1], 3 bytes)]")
        #expect("\(DynamicValue.ndArray(text))" == "NDArray(|S3, [1], 3 bytes)")
    }

    private static let same = TaskFunction.python(source: "def same(value): return value", name: "same")
    private static let kind = TaskFunction.python(
        source: "def kind(value): return type(value).__name__ + ' ' + str(value)", name: "kind")

    struct Record: Codable, Equatable, Sendable {
        var id: UUID
        var when: Date
        var price: Decimal
        var page: URL
        var picture: Data
    }

    @Test(.timeLimit(.minutes(1))) func `Foundation's values are Python's own there, and come back`()
        async throws
    {
        let client = try await SharedCluster.client
        let record = Record(
            id: UUID(uuidString: "01234567-89AB-CDEF-0123-456789ABCDEF")!,
            when: Date(timeIntervalSince1970: 1_709_209_859.25), price: Decimal(string: "-1234.50")!,
            page: URL(string: "https://example.org/a?b=1")!, picture: Data([0, 255]))
        #expect(try await client.submit(Self.same, record, as: Record.self).value == record)
        #expect(try await client.submit(.swift("echo"), record, as: Record.self).value == record)
        func kind(_ value: some Encodable) async throws -> String {
            try await client.submit(Self.kind, value, as: String.self).value
        }
        #expect(try await kind(record.id) == "UUID 01234567-89ab-cdef-0123-456789abcdef")
        #expect(try await kind(record.when) == "datetime 2024-02-29 12:30:59.250000+00:00")
        #expect(try await kind(record.price) == "Decimal -1234.5")
        #expect(try await kind(record.page) == "str https://example.org/a?b=1")
        #expect(try await kind(record.picture) == "bytes b'\\x00\\xff'")
        let later = try await client.submit(.swift("later"), record.when, 0.75, as: Date.self).value
        #expect(later == record.when.addingTimeInterval(0.75))
        let dynamic = try await client.submit(Self.same, record, as: DynamicValue.self).value
        #expect(dynamic["id"] == .uuid(record.id) && dynamic["when"] == .date(record.when))
        #expect(dynamic["price"] == .decimal(record.price) && dynamic["picture"] == .bytes([0, 255]))
    }

    @Test(.timeLimit(.minutes(1))) func `What Foundation cannot hold is told, not rounded`() async throws {
        let client = try await SharedCluster.client
        let source = "from decimal import Decimal\ndef f(): return Decimal('1' * 39)"
        let long = try await client.submit(.python(source: source, name: "f"), as: Decimal.self)
        let error = await #expect(throws: IsthmusError.self) { try await long.value }
        #expect("\(try #require(error))".contains("39 digits"))
        let naive = TaskFunction.python(
            source: "from datetime import datetime\ndef f(): return datetime(2024, 1, 1)", name: "f")
        let task = try await client.submit(naive, as: Date.self)
        let zone = await #expect(throws: IsthmusError.self) { try await task.value }
        #expect("\(try #require(zone))".contains("without a time zone"))
    }

    /// From RFC 7693 and Python's hashlib.
    @Test func `Digests are BLAKE2b`() {
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        #expect(hex(blake2b128([])) == "cae66941d9efbd404e4d88758ea67670")
        #expect(hex(blake2b128(Array("abc".utf8))) == "cf4ab791c62b8d2b2109c90275287816")
        #expect(hex(blake2b128([UInt8](repeating: 97, count: 128))) == "1271d28e731afb57bdfba6bdaf3501be")
        #expect(hex(blake2b128([UInt8](repeating: 97, count: 1000))) == "a0e5a332e985551c28a377c40f4139c3")
    }
}
