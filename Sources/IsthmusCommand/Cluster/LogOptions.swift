internal import ArgumentParser
internal import Logging

/// How a process that runs part of a cluster logs, on standard error.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical. Default: ISTHMUS_LOG, else info "
                + "(warning with --embedded).", valueName: "level"))
    var logLevel: String?

    @Option(help: "text, or json for one object on each line.") var logFormat = Format.text

    func validate() throws {
        if let text = logLevel ?? ClusterPlaces.environment("ISTHMUS_LOG"),
            Logger.Level(rawValue: text) == nil
        {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            let source = logLevel == nil ? "ISTHMUS_LOG=" : "--log-level "
            throw ValidationError("\(source)\(OptionChecks.quoted(text)) is none of \(known)")
        }
    }

    /// Call once, before the first logger is made.
    func bootstrap(isEmbedded: Bool = false) {
        let text = logLevel ?? ClusterPlaces.environment("ISTHMUS_LOG")
        let level = text.flatMap(Logger.Level.init(rawValue:)) ?? (isEmbedded ? .warning : .info)
        let format = logFormat
        LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level, format: format) }
    }
}
