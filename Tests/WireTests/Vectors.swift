import Foundation
import Testing
import Wire

/// One case of a file in `Vectors` (see make_vectors.py for the format).
struct Vector<Value: Decodable & Sendable>: Decodable, Sendable {
    let name: String
    let hex: String
    let value: Value
    let flags: UInt8?
    let attachments: Int?
    let decodeOnly: Bool?

    enum CodingKeys: String, CodingKey {
        case name, hex, value, flags, attachments
        case decodeOnly = "decode_only"
    }

    var bytes: [UInt8] { [UInt8](hex: hex) }

    static func all(_ file: String) throws -> [Vector] {
        try JSONDecoder().decode([Vector].self, from: try vectorFile(file))
    }
}

struct MalformedCase: Decodable, Sendable {
    let of: String
    let name: String
    let hex: String

    static func all(_ of: String) throws -> [MalformedCase] {
        try JSONDecoder().decode([MalformedCase].self, from: try vectorFile("malformed")).filter {
            $0.of == of
        }
    }
}

func vectorFile(_ name: String) throws -> Data {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors")
    return try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
}

extension [UInt8] {
    init(hex: String) {
        let digits = Array<Character>(hex)
        self = stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)!
        }
    }

    var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}

/// Lends bytes as a span of exactly their length, so that a read past the end is a read past the span.
func withSpan<R>(_ bytes: [UInt8], _ body: (RawSpan) throws -> R) rethrows -> R {
    unsafe try body(bytes.span.bytes)
}

/// `#expect` cannot take apart an expression over borrowed bytes; these two take its value.
func expectEqual<T: Equatable>(_ found: T, _ expected: T, at place: SourceLocation = #_sourceLocation) throws
{
    #expect(found == expected, sourceLocation: place)
}

func expectMatch(
    _ expected: PayloadValue, _ found: PayloadView, _ frame: RawSpan,
    at place: SourceLocation = #_sourceLocation
) throws {
    let matches = expected.matches(found, in: frame)
    #expect(matches, "\(expected) is read as \(found)", sourceLocation: place)
}

/// Calls `decode` with every truncation and every single bit flipped. It may refuse with an error of `Wire`;
/// anything else, a trap above all, fails the test.
func expectNoHarm(_ bytes: [UInt8], _ what: String, _ decode: (RawSpan) throws -> Void) {
    func attempt(_ changed: [UInt8], _ change: @autoclosure () -> String) {
        do {
            try withSpan(changed, decode)
        } catch is WireError {
        } catch is NeutralError {
        } catch {
            Issue.record("\(what), \(change()): \(error)")
        }
    }
    for count in 0..<bytes.count { attempt(Array(bytes[..<count]), "cut to \(count) bytes") }
    var changed = bytes
    for bit in 0..<(bytes.count * 8) {
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        attempt(changed, "bit \(bit) flipped")
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
    }
}
