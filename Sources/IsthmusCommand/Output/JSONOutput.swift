internal import FoundationEssentials

/// What `--json` prints: names in snake_case as in the control API, times in microseconds, every field.
enum JSONOutput {
    static func show(_ value: some Encodable) throws {
        try Screen.show(text(value, on: .many) + "\n")
    }

    enum Lines { case one, many }

    static func text(_ value: some Encodable, on lines: Lines) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if lines == .many { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
