import ExecutorRuntime
import Posix

extension TaskRegistry {
    /// Answers with the exit code.
    func run(_ arguments: [String]) async -> Int32 {
        switch arguments.first {
        case "--isthmus-executor": return await serveWorker()
        case "worker": return becomeWorker(Array(arguments.dropFirst()))
        case "--help", "-h", "help":
            StandardStream.output.write(Self.usage + "\n\nFunctions: \(names)\n")
            return 0
        default:
            StandardStream.error.write(Self.usage + "\n\nFunctions: \(names)\n")
            return 64
        }
    }

    private var names: String { functions.keys.sorted().joined(separator: ", ") }

    private func serveWorker() async -> Int32 {
        BufferedOutput.flushAtLineEnds()
        let ended = Waiter<Int32>()
        do {
            let executor = SwiftExecutor(self, channel: try ExecutorChannel())
            // Blocks for its whole life: not on a thread of the cooperative pool, which tasks need.
            let runner = try OSThread(name: "isthmus-runner") {
                do {
                    try executor.run()
                    ended.give(0)
                } catch {
                    StandardStream.error.write("\(error)\n")
                    ended.give(70)
                }
            }
            let code = await ended.value
            runner.join()
            return code
        } catch {
            StandardStream.error.write("the Swift executor cannot start: \(error)\n")
            return 70
        }
    }

    /// Becomes `isthmus worker` with this executable as its Swift executor, and returns only when there is
    /// none: so a worker of one's own has every flag that any worker has.
    private func becomeWorker(_ given: [String]) -> Int32 {
        do {
            let binary = try Installation.findBinary()
            let own = try executablePath()
            var arguments = [binary, "worker"] + given + ["--swift", own]
            // Swift functions alone need no Python.
            if !given.contains(where: { $0.hasPrefix("--python") || $0 == "--no-python" }) {
                arguments.append("--no-python")
            }
            if given.contains(where: { ["--help", "-h", "--help-hidden"].contains($0) }) {
                StandardStream.output.write(Self.workerUsage + "\n\n")
            }
            try replaceProcess(arguments)
        } catch {
            StandardStream.error.write("\(error)\n")
            return 1
        }
    }

    private static var name: String {
        CommandLine.arguments[0].split(separator: "/").last.map(String.init) ?? "functions"
    }

    private static var workerUsage: String {
        """
        `\(name) worker` is `isthmus worker` with --swift \(CommandLine.arguments[0]), and with --no-python
        unless --python is given. It takes the same options:
        """
    }

    private static var usage: String {
        """
        Serves Swift functions to an Isthmus cluster.

          \(name) worker --connect ADDRESS [--slots N] [--keys FILE] [--python PATH] [--name NAME] ...
              joins the scheduler at ADDRESS (ipc:///…/scheduler.ipc or tcp://HOST:PORT with --keys);
              `\(name) worker --help` lists every option
          isthmus up --swift \(CommandLine.arguments[0])
              serves them in a cluster of this machine
        """
    }
}
