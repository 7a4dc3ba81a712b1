/// Quantities as a person says them.
enum Words {
    /// "850 µs", "12 ms", "3.4 s", "2 min", "1 h 05 min", "3 d 4 h".
    static func duration(microseconds: UInt64) -> String {
        let milliseconds = microseconds / 1_000
        let seconds = milliseconds / 1_000
        if microseconds < 1_000 { return "\(microseconds) µs" }
        if milliseconds < 1_000 { return "\(milliseconds) ms" }
        if seconds < 10 { return "\(seconds).\(milliseconds % 1_000 / 100) s" }
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 3_600 { return "\(seconds / 60) min" }
        if seconds < 86_400 { return "\(seconds / 3_600) h \(twoDigits(seconds / 60 % 60)) min" }
        return "\(seconds / 86_400) d \(seconds / 3_600 % 24) h"
    }

    /// "512 B", "1.4 MB": powers of ten, as disks and networks count.
    static func bytes(_ count: UInt64) -> String {
        if count < 1_000 { return "\(count) B" }
        var tenths = count / 100
        for unit in ["kB", "MB", "GB"] {
            if tenths < 10_000 { return "\(tenths / 10).\(tenths % 10) \(unit)" }
            tenths /= 1_000
        }
        return "\(tenths / 10).\(tenths % 10) TB"
    }

    /// "1 worker", "2 workers".
    static func count(_ number: some BinaryInteger, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Text that others chose, made safe for a terminal: a name must not move the cursor or change colours.
    static func harmless(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }

    private static func twoDigits(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
