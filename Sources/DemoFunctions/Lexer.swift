/// Splits Python source into tokens, as far as counting them needs. Works on bytes: everything that separates
/// tokens is ASCII, and what is beyond ASCII belongs to names, strings or comments.
struct Lexer {
    private(set) var lines = 0
    private(set) var blankLines = 0
    private(set) var commentLines = 0
    private(set) var longestLine = 0
    private(set) var tokens = 0
    private(set) var identifiers: [String: Int] = [:]

    private let source: [UInt8]
    private var position = 0

    init(_ source: [UInt8]) { self.source = source }

    mutating func run() {
        countLines()
        while position < source.count {
            let byte = source[position]
            switch byte {
            case _ where Self.isBlank(byte), UInt8(ascii: "\n"), UInt8(ascii: "\\"): position += 1
            case UInt8(ascii: "#"): skipComment()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
            case _ where Self.isDigit(byte) || (byte == UInt8(ascii: ".") && Self.isDigit(peek(1))):
                skipNumber()
            case _ where Self.isNameStart(byte): takeName()
            default: takeOperator()
            }
        }
    }

    private mutating func countLines() {
        var length = 0
        var firstByte: UInt8?
        func isCounted(_ byte: UInt8) -> Bool { byte & 0xc0 != 0x80 && byte != UInt8(ascii: "\r") }
        for (offset, byte) in source.enumerated() {
            if byte == UInt8(ascii: "\n") {
                endLine(length, firstByte)
                length = 0
                firstByte = nil
            } else {
                if isCounted(byte) { length += 1 }
                if firstByte == nil, !Self.isBlank(byte) { firstByte = byte }
                if offset == source.count - 1 { endLine(length, firstByte) }
            }
        }
    }

    private mutating func endLine(_ length: Int, _ firstByte: UInt8?) {
        lines += 1
        longestLine = max(longestLine, length)
        if firstByte == nil { blankLines += 1 }
    }

    private mutating func skipComment() {
        // Only white space in front of it on its line?
        var before = position - 1
        while before >= 0, Self.isBlank(source[before]) { before -= 1 }
        if before < 0 || source[before] == UInt8(ascii: "\n") { commentLines += 1 }
        while position < source.count, source[position] != UInt8(ascii: "\n") { position += 1 }
    }

    /// A backslash protects the next byte in raw strings too, as far as finding the end goes.
    private mutating func skipString() {
        tokens += 1
        let quote = source[position]
        let isTriple = peek(1) == quote && peek(2) == quote
        position += isTriple ? 3 : 1
        while position < source.count {
            let byte = source[position]
            if byte == UInt8(ascii: "\\") {
                position += 2
            } else if byte == quote, !isTriple || (peek(1) == quote && peek(2) == quote) {
                position += isTriple ? 3 : 1
                return
            } else if byte == UInt8(ascii: "\n"), !isTriple {
                return
            } else {
                position += 1
            }
        }
    }

    private mutating func skipNumber() {
        tokens += 1
        while position < source.count {
            let byte = source[position]
            let isSign = byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            if isSign, source[position - 1] | 0x20 == UInt8(ascii: "e"), Self.isDigit(peek(1)) {
                position += 1
            } else if Self.isNameStart(byte) || Self.isDigit(byte) || byte == UInt8(ascii: ".") {
                position += 1
            } else {
                return
            }
        }
    }

    private mutating func takeName() {
        let start = position
        while position < source.count, Self.isNameStart(source[position]) || Self.isDigit(source[position]) {
            position += 1
        }
        let name = source[start..<position]
        let isPrefix = name.count <= 2 && name.allSatisfy { Self.stringPrefixes.contains($0 | 0x20) }
        if isPrefix, peek(0) == UInt8(ascii: "\"") || peek(0) == UInt8(ascii: "'") {
            return skipString()
        }
        tokens += 1
        let text = String(decoding: name, as: UTF8.self)
        if !Self.keywords.contains(text) { identifiers[text, default: 0] += 1 }
    }

    private mutating func takeOperator() {
        tokens += 1
        let first = source[position]
        // The longest operators: ** // << >> with =, ..., ->, := and comparisons.
        if first == UInt8(ascii: "."), peek(1) == first, peek(2) == first {
            position += 3
        } else if peek(1) == first, Self.doubled.contains(first) {
            position += peek(2) == UInt8(ascii: "=") ? 3 : 2
        } else if peek(1) == UInt8(ascii: "="), Self.beforeEquals.contains(first) {
            position += 2
        } else if first == UInt8(ascii: "-"), peek(1) == UInt8(ascii: ">") {
            position += 2
        } else {
            position += 1
        }
    }

    private func peek(_ distance: Int) -> UInt8 {
        position + distance < source.count ? source[position + distance] : 0
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") || byte == 0x0c
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
            || byte >= 0x80
    }

    private static let stringPrefixes: Set<UInt8> = Set("rbuf".utf8)
    private static let doubled: Set<UInt8> = Set("*/<>".utf8)
    private static let beforeEquals: Set<UInt8> = Set("+-*/%@&|^=!<>:".utf8)
    private static let keywords: Set<String> = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
        "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
        "lambda",
        "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
    ]
}
