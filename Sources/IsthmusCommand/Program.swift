internal import ArgumentParser
internal import Glibc
internal import Posix
internal import TaskModel

/// Parses the command line, runs the verb, and turns what went wrong into a sentence and an exit code.
@main
enum Program {
    static func main() async {
        _ = StandardStream.missing
        do {
            try Repetition.check(Array(CommandLine.arguments.dropFirst()))
            var verb = try Verbs.parseAsRoot()
            if var verb = verb as? any AsyncParsableCommand {
                try await verb.run()
            } else {
                try verb.run()
            }
        } catch let failure as CommandFailure {
            StandardStream.error.write("isthmus: \(failure.message)\n")
            exit(failure.code.rawValue)
        } catch let error as PosixError where error.code == EPIPE {
            // Whoever read has what they wanted and is gone, as behind `| head`.
            exit(CommandFailure.Code.failure.rawValue)
        } catch {
            finish(with: error)
        }
    }

    /// What the parser itself throws: help that was asked for, or a wrong command line.
    private static func finish(with error: any Error) -> Never {
        let text = Verbs.fullMessage(for: error)
        switch Verbs.exitCode(for: error) {
        case .success:
            StandardStream.output.write(text + "\n")
            exit(0)
        case .validationFailure:
            StandardStream.error.write(text + "\n")
            exit(CommandFailure.Code.usage.rawValue)
        case let code:
            StandardStream.error.write("isthmus: \(error)\n")
            exit(code.rawValue == 0 ? 1 : code.rawValue)
        }
    }
}

/// The program without a verb.
struct Verbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "isthmus",
        abstract: "A compute bridge between Swift and Python.",
        discussion: """
            Start a cluster on this machine with `isthmus up`, look at it with `isthmus status`.

            Exit codes: 0 done, 1 failed, 2 wrong command line, 3 no cluster found.
            Completions: `isthmus --generate-completion-script bash` (or zsh, fish).
            """,
        version: "isthmus \(ProductVersion.text)",
        groupedSubcommands: [
            CommandGroup(
                name: "Running a cluster:", subcommands: [Up.self, Scheduler.self, Worker.self, Keys.self]),
            CommandGroup(
                name: "Looking at it:",
                subcommands: [Status.self, Nodes.self, Tasks.self, Explain.self, Output.self]),
            CommandGroup(name: "Acting on it:", subcommands: [Cancel.self, Drain.self]),
            CommandGroup(name: "Other:", subcommands: [Simulate.self, Version.self]),
        ])
}
