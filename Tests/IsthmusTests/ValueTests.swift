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
