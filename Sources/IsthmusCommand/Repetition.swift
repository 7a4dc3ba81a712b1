/// The parser takes the last of an option that is given twice, and says nothing.
enum Repetition {
    /// Options whose help says that they may be repeated.
    private static let repeatable: Set = [
        "--listen", "--expect", "--label", "--resource", "--state", "--stream",
    ]
    /// Those without a value mean the same twice.
    private static let flags: Set = [
        "--json", "--watch", "--metrics", "--embedded", "--no-python", "--help", "--version",
    ]

    static func check(_ arguments: [String]) throws {
        var given: [String: String] = [:]
        var index = 0
        while index < arguments.count, arguments[index] != "--" {
            let word = arguments[index]
            index += 1
            guard word.hasPrefix("--") else { continue }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let option = String(parts[0])
            guard !repeatable.contains(option), !flags.contains(option) else { continue }
            let next = index < arguments.count ? arguments[index] : ""
            let value = parts.count == 2 ? String(parts[1]) : next
            guard let before = given.updateValue(value, forKey: option) else { continue }
            throw CommandFailure(
                "\(option) is given twice, as \(OptionChecks.quoted(before)) and "
                    + "\(OptionChecks.quoted(value)): give it once", code: .usage)
        }
    }
}
