internal import ArgumentParser
internal import ControlAPI
internal import SwiftProtobuf

/// `isthmus drain NODE`
struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a worker finish what it runs and leave.",
        discussion: "What it has not started goes to other workers.")

    @OptionGroup var cluster: ControlOptions
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "A worker's name or id, as `isthmus nodes` prints them.") var node: String

    func run() async throws {
        let node = node
        let id = try await cluster.withCluster {
            try await $0.calls.drainNode(
                .with { $0.node = node }, metadata: $0.metadata, options: $0.options
            ).id
        }
        if json { return try JSONOutput.show(DrainReport(id: id)) }
        try Screen.show("worker \(id) finishes what it runs, then leaves\n")
    }
}

/// The answer as `--json` shows it.
struct DrainReport: Encodable {
    let id: String
}
