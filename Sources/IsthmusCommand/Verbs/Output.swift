internal import ArgumentParser
internal import ControlAPI
internal import Posix
internal import SwiftProtobuf

/// `isthmus output TASK`
struct Output: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what a task wrote.",
        discussion: """
            What the task wrote to its standard output goes to standard output, everything else (standard \
            error, log, traceback) to standard error. The output of a task is known when it has ended.
            """)

    enum Stream: String, ExpressibleByArgument, CaseIterable {
        case stdout, stderr, log, traceback
    }

    @OptionGroup var cluster: ControlOptions
    @Flag(help: "Print JSON.") var json = false
    @Option(help: "Only this stream; may be repeated.") var stream: [Stream] = []
    @Argument(help: "A task's id, as `isthmus tasks` prints it.") var task: String

    func run() async throws {
        let task = task
        let output = try await cluster.withCluster {
            try await $0.calls.taskOutput(
                .with { $0.task = task }, metadata: $0.metadata, options: $0.options)
        }
        let parts = output.parts.compactMap { part in
            part.stream.name.map { (name: $0, content: Array(part.content)) }
        }.filter { part in stream.isEmpty || stream.contains(part.name) }
        if json {
            return try JSONOutput.show(
                OutputReport(
                    task: task, state: output.state.words,
                    parts: parts.map {
                        .init(stream: $0.name.rawValue, text: String(decoding: $0.content, as: UTF8.self))
                    }))
        }
        for part in parts {
            try Screen.show(part.content, on: part.name == .stdout ? .output : .error)
        }
        if parts.isEmpty {
            let reason =
                output.state == .ended
                ? "it wrote nothing, or that is no longer kept"
                : "it is \(output.state.words); its output is known when it has ended"
            StandardStream.error.write("no output of task \(task): \(reason)\n")
        }
    }
}

/// The output as `--json` shows it; bytes that are not UTF-8 are replaced.
struct OutputReport: Encodable {
    struct Part: Encodable {
        let stream: String
        let text: String
    }

    let task: String
    let state: String
    let parts: [Part]
}

extension Isthmus_Control_V1_OutputPart.Stream {
    /// Nil for what is not text.
    var name: Output.Stream? {
        switch self {
        case .standardOutput: .stdout
        case .standardError: .stderr
        case .log: .log
        case .traceback: .traceback
        case .exceptionSummary, .unspecified, .UNRECOGNIZED: nil
        }
    }
}
