internal import ArgumentParser
internal import ControlAPI
internal import SwiftProtobuf

/// `isthmus explain TASK`
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why a task waits, or what became of it.")

    @OptionGroup var cluster: ControlOptions
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "A task's id, as `isthmus tasks` prints it.") var task: String

    func run() async throws {
        let task = task
        let explanation = try await cluster.withCluster {
            try await $0.calls.explainTask(
                .with { $0.task = task }, metadata: $0.metadata, options: $0.options)
        }
        if json { return try JSONOutput.show(ExplanationReport(explanation)) }
        let summary = explanation.task
        let name = summary.name.isEmpty ? "" : " (\(summary.name))"
        var lines = ["Task \(summary.task)\(name) \(explanation.summary)"]
        lines += explanation.details.map { "  \($0)" }
        try Screen.show(lines.map { Words.harmless($0) + "\n" }.joined())
    }
}

/// An explanation as `--json` shows it.
struct ExplanationReport: Encodable {
    let task: TaskReport
    let summary: String
    let details: [String]
    let dependencies: [String]
    let parent: String

    init(_ explanation: Isthmus_Control_V1_ExplainTaskResponse) {
        task = TaskReport(explanation.task)
        summary = explanation.summary
        details = explanation.details
        dependencies = explanation.dependencies
        parent = explanation.parent
    }
}
