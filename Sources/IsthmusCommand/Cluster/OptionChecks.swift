internal import ArgumentParser
internal import TaskModel

/// What the texts of options must be. An option that is taken for something else than was meant does more
/// harm than one that is refused.
enum OptionChecks {
    /// Of a name, which is shown in listings and logs.
    private static let nameBytesMax = 255

    static func name(_ value: String?, _ option: String) throws {
        guard let value else { return }
        let isBlank = value.allSatisfy(\.isWhitespace)
        guard !isBlank, value.utf8.count <= nameBytesMax, !value.unicodeScalars.contains(where: isControl)
        else {
            throw ValidationError(
                "\(option) \(quoted(value)): give a name of 1 to \(nameBytesMax) bytes in one line, or leave "
                    + "the option out")
        }
    }

    /// Of a file, folder, address or id: anything but nothing.
    static func text(_ value: String?, _ option: String, _ what: String) throws {
        guard let value, value.allSatisfy(\.isWhitespace) else { return }
        throw ValidationError("\(option) \(quoted(value)) is empty: give \(what)")
    }

    /// Whether tasks can ask for it: `python/src/isthmus/_asking.py` has the same rule.
    static func isAskable(_ name: some StringProtocol) -> Bool {
        let longest = Limits.fieldNameBytesMax - "resource.".utf8.count
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            case let other: "_.-/".utf8.contains(other)
            }
        }
        return isPlain && (1...longest).contains(name.utf8.count)
    }

    static var askable: String {
        "a name has letters, digits and _ . - / and at most \(Limits.fieldNameBytesMax - 9) of them"
    }

    static func label(_ word: String, _ option: String) throws -> (key: String, value: String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw ValidationError("\(option) \(quoted(word)) is not key=value")
        }
        guard isAskable(parts[0]) else { throw ValidationError("\(option) \(quoted(word)): \(askable)") }
        guard !parts[1].allSatisfy(\.isWhitespace), !parts[1].unicodeScalars.contains(where: isControl) else {
            throw ValidationError(
                "\(option) \(quoted(word)): give a value after the =, in one line, for example zone=a")
        }
        return (String(parts[0]), String(parts[1]))
    }

    /// As a person types it, with what cannot be seen made visible.
    static func quoted(_ value: some StringProtocol) -> String {
        "\"" + value.unicodeScalars.map { isControl($0) ? $0.escaped(asASCII: true) : String($0) }.joined()
            + "\""
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .lineSeparator
    }
}

/// "500 ms" and the like are not understood: a number of seconds.
enum Seconds {
    static func parse(_ text: String, least: Double, most: Double = 1e9) throws -> Interval {
        guard let seconds = Double(text), seconds >= least, seconds < most else {
            throw ValidationError("give a number of seconds from \(decimal(least)) to \(decimal(most))")
        }
        return .milliseconds(Int64((seconds * 1_000).rounded()))
    }

    /// A millisecond at least: less would be none.
    static func positive(_ text: String) throws -> Interval { try parse(text, least: 0.001) }

    /// A worker's lease.
    static func workerLease(_ text: String) throws -> Interval { try parse(text, least: 0.1, most: 1e6) }

    /// A few heartbeats at least, or a busy moment would be taken for an end.
    static func clientLease(_ text: String) throws -> Interval {
        try parse(text, least: Double((Limits.heartbeatInterval * 3).nanoseconds) / 1e9, most: 1e6)
    }

    static func decimal(_ number: Double) -> String {
        Int64(exactly: number).map(String.init) ?? String(number)
    }

    static func words(_ interval: Interval) -> String { decimal(Double(interval.nanoseconds) / 1e9) + " s" }
}

/// A number of seconds, or "never".
struct Grace {
    /// nil: never.
    let interval: Interval?

    static func parse(_ text: String) throws -> Grace {
        if text == "never" { return Grace(interval: nil) }
        if Double(text) == 0 { return Grace(interval: .zero) }
        guard let interval = try? Seconds.positive(text) else {
            throw ValidationError("give 0, a number of seconds from 0.001 to 1000000000, or never")
        }
        return Grace(interval: interval)
    }
}
