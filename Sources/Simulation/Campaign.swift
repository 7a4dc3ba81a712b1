/// Many seeds, one after the other.
package struct Campaign: Sendable {
    package private(set) var coverage = Coverage()
    package private(set) var seeds = 0
    package private(set) var steps = 0
    package private(set) var tasks = 0
    package private(set) var traceHash: UInt64 = 0
    /// The first run that broke a promise.
    package private(set) var failure: SimulationResult?

    package init() {}

    /// So many seeds that everything has to have come up.
    package var isLarge: Bool { seeds >= 300 }

    /// Adds one run. False if it broke a promise: its failure is kept.
    package mutating func add(_ result: SimulationResult) -> Bool {
        coverage.add(result.coverage)
        seeds += 1
        steps += result.steps
        tasks += result.tasks
        traceHash = traceHash &* 0x0000_0100_0000_01b3 ^ result.traceHash
        if result.violation == nil { return true }
        failure = failure ?? result
        return false
    }
}

extension SimulationResult {
    /// The failure in words, with the story of the task concerned. Runs the seed again to tell it.
    package func report(commit: String, storyLinesMax: Int = 400) -> String {
        guard let violation else { return "" }
        let options = self.options
        var lines = [
            "broken promise: \(violation.promise)",
            "seed: \(options.seed)   nodes: \(options.nodes)   faults: \(options.faults.rawValue)   steps: "
                + "\(options.steps)   commit: \(commit)",
            "again: isthmus simulate --seed \(options.seed) --nodes \(options.nodes) --faults "
                + "\(options.faults.rawValue) --steps \(options.steps) --trace FILE",
            setting,
        ]
        if let task = violation.task { lines.append("the story of task \(task):") }
        let story = Simulator.story(options, of: violation.task)
        if story.count > storyLinesMax {
            lines.append("    (\(story.count - storyLinesMax) lines before; --trace writes all)")
        }
        for line in story.suffix(storyLinesMax) { lines.append("    " + line) }
        return lines.joined(separator: "\n")
    }

    package var traceHashText: String { hexadecimal(traceHash) }
}

extension Campaign {
    package var traceHashText: String { hexadecimal(traceHash) }
}

private func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
