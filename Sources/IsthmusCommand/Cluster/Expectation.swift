internal import ArgumentParser
internal import SchedulerServer
internal import TaskModel

/// "cpu=8,gpu=2,memory=64GB,label.zone=a": what a worker will offer that has not joined yet.
struct Expectation: ExpressibleByArgument {
    let offer: ExpectedOffer

    private static let labelPrefix = "label."

    init?(argument: String) {
        var offer = ExpectedOffer(resources: [:], labels: [])
        for word in argument.split(separator: ",") {
            if word.hasPrefix(Self.labelPrefix) {
                let label = word.dropFirst(Self.labelPrefix.count)
                guard let equals = label.firstIndex(of: "="), equals > label.startIndex else { return nil }
                offer.labels.append(String(label))
            } else {
                guard let amount = ResourceAmount(String(word)) else { return nil }
                offer.resources[amount.name] = amount.amount
            }
        }
        if offer.resources.isEmpty && offer.labels.isEmpty { return nil }
        self.offer = offer
    }
}

/// A lease: a few heartbeats at least, or a busy moment would be taken for an end.
struct LeaseSeconds: ExpressibleByArgument {
    let interval: Interval

    init?(argument: String) {
        let least = Double((Limits.heartbeatInterval * 3).nanoseconds) / 1e9
        guard let seconds = Double(argument), seconds >= least, seconds <= 1e6 else { return nil }
        interval = .milliseconds(Int64(seconds * 1_000))
    }
}

/// A number of seconds, or "never".
struct Grace: ExpressibleByArgument {
    /// nil: never.
    let interval: Interval?

    init?(argument: String) {
        if argument == "never" {
            interval = nil
        } else {
            guard let seconds = Double(argument), seconds >= 0, seconds < 1e9 else { return nil }
            interval = .milliseconds(Int64(seconds * 1_000))
        }
    }
}
