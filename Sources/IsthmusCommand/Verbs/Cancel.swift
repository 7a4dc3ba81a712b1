internal import ArgumentParser
internal import ControlAPI
internal import SwiftProtobuf

/// `isthmus cancel TASK`
struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Cancel a task, running or not.")

    @OptionGroup var cluster: ControlOptions
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "A task's id, as `isthmus tasks` prints it.") var task: String

    func run() async throws {
        let task = task
        let cancelled = try await cluster.withCluster {
            try await $0.calls.cancelTask(
                .with { $0.task = task }, metadata: $0.metadata, options: $0.options
            ).cancelled
        }
        if json { return try JSONOutput.show(CancelReport(task: task, cancelled: cancelled)) }
        try Screen.show(
            cancelled
                ? "task \(task) is being cancelled\n" : "task \(task) had ended before; nothing changed\n")
    }
}

/// The answer as `--json` shows it.
struct CancelReport: Encodable {
    let task: String
    let cancelled: Bool
}
