import ExecutorRuntime
import Logging
import Posix
import ServiceLifecycle
import UnixSignals
import WorkerServer

extension TaskRegistry {
    /// Answers with the exit code.
    func run(_ arguments: [String]) async -> Int32 {
        switch arguments.first {
        case "--isthmus-executor": return await serveWorker()
        case "worker":
            do {
                let command = try WorkerCommand(Array(arguments.dropFirst()))
                return await command.run()
            } catch {
                StandardStream.error.write("\(error)\n\n\(Self.usage)\n")
                return 64
            }
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

    private static var usage: String {
        let name = CommandLine.arguments[0].split(separator: "/").last.map(String.init) ?? "functions"
        return """
            Serves Swift functions to an Isthmus cluster.

              \(name) worker --connect ADDRESS --slots N [--keys FILE] [--python PATH] [--name NAME]
                  joins the scheduler at ADDRESS (ipc:///…/scheduler.ipc or tcp://HOST:PORT with --keys)
              isthmus up --swift \(CommandLine.arguments[0])
                  serves them in a cluster of this machine
            """
    }
}

/// `worker …` of an executable with a `TaskRegistry`: a whole worker with this executable as its Swift
/// executor.
struct WorkerCommand {
    struct UsageError: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var address = ""
    private(set) var slots = 0
    private(set) var keys: String?
    private(set) var python: String?
    private(set) var name = ""

    init(_ arguments: [String]) throws(UsageError) {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            guard let value = rest.popFirst() else {
                throw UsageError(description: "\(option) needs a value")
            }
            switch option {
            case "--connect": address = value
            case "--slots": slots = Int(value) ?? 0
            case "--keys": keys = value
            case "--python": python = value
            case "--name": name = value
            default: throw UsageError(description: "unknown option \(option)")
            }
        }
        guard !address.isEmpty else { throw UsageError(description: "--connect ADDRESS is missing") }
        guard slots > 0 else {
            throw UsageError(description: "--slots N is missing, or not a number above 0")
        }
    }

    func run() async -> Int32 {
        do {
            // Only Python executors need what an installation has.
            let installation = python == nil ? ("", "") : try WorkerService.locateInstallation()
            var configuration = WorkerConfiguration(
                scheduler: address, slots: slots, python: python, swift: try executablePath(),
                executor: installation.0, bridge: installation.1)
            configuration.keys = keys
            configuration.adoptsOrphans = true
            configuration.name = name.isEmpty ? hostName() : name
            let logger = Logger(label: "worker")
            let worker = WorkerService(configuration: configuration, context: nil, logger: logger)
            try await serve(worker, logger)
            return 0
        } catch {
            StandardStream.error.write("\(error)\n")
            return 1
        }
    }

    /// The first SIGTERM or SIGINT drains, the second stops at once.
    private func serve(_ worker: WorkerService, _ logger: Logger) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: logger))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                try await group.run()
                return true
            }
            tasks.addTask {
                var count = 0
                for await _ in signals {
                    count += 1
                    if count > 1 { break }
                    await group.triggerGracefulShutdown()
                }
                return true
            }
            _ = try await tasks.next()
            tasks.cancelAll()
        }
    }
}
