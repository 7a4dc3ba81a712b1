import TaskModel

struct ScenarioError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One line of a scenario: a verb, words, and `key=value` pairs.
struct Command {
    let verb: String
    private var words: [String] = []
    private var pairs: [String: String] = [:]

    init(_ line: String) throws {
        var parts = line.split(separator: " ").map(String.init)
        guard !parts.isEmpty else { throw ScenarioError("an empty command") }
        verb = parts.removeFirst()
        for part in parts {
            if let equals = part.firstIndex(of: "=") {
                pairs[String(part[..<equals])] = String(part[part.index(after: equals)...])
            } else {
                words.append(part)
            }
        }
    }

    func argument(_ index: Int) throws -> String {
        guard index < words.count else { throw ScenarioError("\(verb) needs more words") }
        return words[index]
    }

    func first() throws -> String { try argument(0) }
    func has(_ word: String) -> Bool { words.contains(word) }
    func value(_ key: String) -> String? { pairs[key] }

    func number(_ index: Int) throws -> UInt64 {
        guard let number = UInt64(try argument(index)) else { throw ScenarioError("\(verb) needs a number") }
        return number
    }

    /// `3` or `1..4`.
    func range(_ index: Int) throws -> ClosedRange<UInt64> { try Self.range(try argument(index)) }

    private static func range(_ text: String) throws -> ClosedRange<UInt64> {
        let ends = text.split(separator: ".").compactMap { UInt64($0) }
        guard let first = ends.first, let last = ends.last, first <= last, ends.count <= 2 else {
            throw ScenarioError("\(text) is no range")
        }
        return first...last
    }

    /// `c1:3`, `c1:3'` or `c1:1..4`, from all words.
    func tasks(besides others: Set<String> = []) throws -> [String] {
        var names: [String] = []
        for word in words where !others.contains(word) {
            let halves = word.split(separator: ":").map(String.init)
            guard halves.count == 2 else { throw ScenarioError("\(word) is no task") }
            if halves[1].contains("..") {
                for sequence in try Self.range(halves[1]) { names.append("\(halves[0]):\(sequence)") }
            } else {
                names.append(word)
            }
        }
        return names
    }

    func interval(_ key: String) throws -> Interval? { try pairs[key].map(Self.interval) }

    func milliseconds(_ key: String) throws -> UInt32 {
        UInt32((try interval(key) ?? .zero).nanoseconds / 1_000_000)
    }

    func interval(at index: Int) throws -> Interval? {
        index < words.count ? try Self.interval(words[index]) : nil
    }

    private static func interval(_ text: String) throws -> Interval {
        let digits = text.prefix { $0.isNumber }
        guard let count = Int64(digits) else { throw ScenarioError("\(text) is no time") }
        switch text.dropFirst(digits.count) {
        case "us": return .microseconds(count)
        case "ms": return .milliseconds(count)
        case "s": return .seconds(count)
        default: throw ScenarioError("\(text) is no time")
        }
    }
}
