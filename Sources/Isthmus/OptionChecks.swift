import TaskModel

// What options cannot mean is refused here and not at some worker, in the words of the Python client.

extension TaskOptions {
    /// Why these options make no sense on whatever cluster; nil if they may.
    var problem: String? {
        Self.problem("timeout", timeout) ?? Self.problem("grace", grace) ?? Self.problem("deadline", deadline)
            ?? retries.problem ?? Self.problem("priority", priority, Self.priorities) ?? resources.problem
            ?? placement.problem
    }

    /// Larger priorities go first, strictly; a few levels are enough to say so.
    private static let priorities = -10...10
    /// Milliseconds travel in 32 bits.
    private static let secondsMax = Int(UInt32.max / 1_000)

    fileprivate static func problem(_ name: String, _ duration: Duration?) -> String? {
        guard let duration, duration < .zero || duration > .milliseconds(Int64(UInt32.max)) else {
            return nil
        }
        return "\(name) is between 0 and \(secondsMax) seconds, not \(shown(duration.inSeconds))"
    }

    fileprivate static func problem(_ name: String, _ number: Int, _ range: ClosedRange<Int>) -> String? {
        range.contains(number)
            ? nil : "\(name) is between \(range.lowerBound) and \(range.upperBound), not \(number)"
    }

    /// As Python shows it: without a fraction where there is none.
    fileprivate static func shown(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? "\(number)"
    }

    fileprivate static func nameProblem(_ option: String, _ name: String) -> String? {
        let longest = Limits.fieldNameBytesMax - "resource.".utf8.count
        let isGood = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        if isGood, !name.isEmpty, name.utf8.count <= longest { return nil }
        return "\(option): a name has letters, digits and _ . - / and at most \(longest) of them, "
            + "not \"\(name)\""
    }
}

extension TaskOptions.Retries {
    fileprivate var problem: String? {
        if let problem = TaskOptions.problem("retries", count, 0...Int(Int32.max)) { return problem }
        if let problem = TaskOptions.problem("backoff", backoff) { return problem }
        if let problem = TaskOptions.problem("maxBackoff", maxBackoff) { return problem }
        return only.first { $0.isEmpty || $0.contains("\n") }.map {
            "retries.only has the names of exception classes, not \"\($0)\""
        }
    }
}

extension TaskOptions.Resources {
    /// Why nobody could have this.
    fileprivate var problem: String? {
        if let memoryBytes, memoryBytes < 0 {
            return "the resource memory is a number of bytes from 0, not \(memoryBytes)"
        }
        if let cpu, let problem = Self.problem("cpu", cpu) { return problem }
        if let problem = Self.problem("gpu", gpu) { return problem }
        for (name, amount) in others.sorted(by: { $0.key < $1.key }) {
            if ["cpu", "memory", "gpu"].contains(name) {
                return "the resource \(name) has a property of its own: it is not one of the others"
            }
            if let problem = TaskOptions.nameProblem("resources", name) { return problem }
            if let problem = Self.problem(name, amount) { return problem }
        }
        return nil
    }

    private static func problem(_ name: String, _ amount: Double) -> String? {
        // The comparison is false for what is not a number, too.
        guard amount >= 0, amount < Double(Int64.max / 1_000) else {
            return "the resource \(name) is a number from 0, not \(TaskOptions.shown(amount))"
        }
        let thousandths = thousandths(amount)
        if amount > 0, thousandths == 0 {
            return "the resource \(name) is counted in thousandths: \(amount) is less than one"
        }
        if name == "gpu", thousandths > 1_000, thousandths % 1_000 != 0 {
            return
                "the resource gpu is a whole number of gpus, or less than 1 for a share of one, not \(amount)"
        }
        return nil
    }

    static func thousandths(_ amount: Double) -> UInt64 {
        UInt64(exactly: (amount * 1_000).rounded(.toNearestOrEven)) ?? .max
    }
}

extension TaskOptions.Placement {
    fileprivate var problem: String? {
        Self.problem("affinity", affinity) ?? Self.problem("antiAffinity", antiAffinity)
    }

    private static func problem(_ option: String, _ labels: [String: String]) -> String? {
        for (key, label) in labels.sorted(by: { $0.key < $1.key }) {
            if let problem = TaskOptions.nameProblem(option, key) { return problem }
            if label.contains("\n") {
                return "\(option): the label \"\(key)\" must be one line, not \"\(label)\""
            }
        }
        return nil
    }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// "1.5 s"
    var shown: String { "\(TaskOptions.shown(inSeconds)) s" }
}
