internal import ArgumentParser
internal import SchedulerServer
internal import TaskModel

/// "cpu=8,gpu=2,memory=64GB,label.zone=a": what a worker will offer that has not joined yet.
struct Expectation {
    let offer: ExpectedOffer

    private static let labelPrefix = "label."

    static func parse(_ text: String) throws -> Expectation {
        var offer = ExpectedOffer(resources: [:], labels: [])
        var names: [String] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            if word.hasPrefix(labelPrefix) {
                let label = String(word.dropFirst(labelPrefix.count))
                names.append(labelPrefix + (try OptionChecks.label(label, "the label").key))
                offer.labels.append(label)
            } else {
                let amount = try ResourceAmount.parse(String(word))
                names.append(amount.name)
                offer.resources[amount.name] = amount.amount
            }
        }
        if let name = WorkerOptions.repeated(names) {
            throw ValidationError("\(name) is named twice; give a second --expect for a second worker")
        }
        return Expectation(offer: offer)
    }
}
