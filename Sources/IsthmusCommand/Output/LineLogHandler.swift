internal import FoundationEssentials
internal import Logging
internal import Posix

/// Writes each event as one line to standard error.
struct LineLogHandler: LogHandler {
    let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let format: LogOptions.Format

    init(label: String, level: Logger.Level, format: LogOptions.Format) {
        self.label = label
        self.logLevel = level
        self.format = format
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
        if let error = event.error { fields["error"] = "\(error)" }
        let sorted = fields.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let time = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
        let line =
            switch format {
            case .text: text(time, event, sorted)
            case .json: json(time, event, sorted)
            }
        // One call, so that lines of different threads do not mix.
        StandardStream.error.write(line + "\n")
    }

    private func text(_ time: String, _ event: LogEvent, _ fields: [(String, String)]) -> String {
        var line = "\(time)Z \(event.level.rawValue) \(label): \(event.message)"
        for (name, value) in fields {
            let isPlain = !value.isEmpty && !value.contains { $0 == " " || $0 == "\"" || $0.isNewline }
            line += " \(name)=" + (isPlain ? value : Self.quoted(value))
        }
        // A message with line breaks must not look like several events.
        return line.replacing("\n", with: "\\n")
    }

    private func json(_ time: String, _ event: LogEvent, _ fields: [(String, String)]) -> String {
        var parts = [("time", time + "Z"), ("level", event.level.rawValue), ("logger", label)]
        parts.append(("message", event.message.description))
        parts += fields
        return "{" + parts.map { Self.quoted($0.0) + ":" + Self.quoted($0.1) }.joined(separator: ",") + "}"
    }

    /// A JSON string.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            case _: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
