internal import ArgumentParser
internal import ControlServer
internal import CoreMetrics
internal import FoundationEssentials
internal import Logging
internal import ServiceLifecycle
internal import SessionTransport
internal import TaskModel
internal import WorkerServer

/// `isthmus worker`
struct Worker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a worker that joins a scheduler.",
        discussion: """
            Prints one line of JSON on standard output when it has joined; logs go to standard error. The \
            first SIGTERM or SIGINT lets running tasks end, the second stops at once.
            """)

    @Option(
        help: ArgumentHelp(
            "The scheduler: tcp://HOST:PORT (needs --keys) or ipc:///PATH/scheduler.ipc.",
            valueName: "address"))
    var connect: String

    @Option(help: ArgumentHelp("This worker's key file, worker.key of `isthmus keys`.", valueName: "file"))
    var keys: String?
    @Option(help: "Name of this worker in listings. Default: the name of this machine.") var name: String?
    @OptionGroup var worker: WorkerOptions
    @OptionGroup(title: "Logs") var log: LogOptions

    func validate() throws {
        do throws(TransportError) {
            _ = try Address(connect)
        } catch {
            throw ValidationError("--connect: \(error)")
        }
        try OptionChecks.text(keys, "--keys", "the worker.key that `isthmus keys` made")
        try OptionChecks.name(name, "--name")
        if !connect.hasPrefix("tcp://") && keys != nil {
            throw ValidationError(
                "--keys is for tcp addresses; --connect \(connect) needs none: leave it out")
        }
        if connect.hasPrefix("tcp://") && keys == nil {
            throw ValidationError(
                "--connect \(connect) needs --keys FILE: the worker.key that `isthmus keys` made")
        }
    }

    func run() async throws {
        log.bootstrap()
        MetricsSystem.bootstrap(MetricsRegistry())
        let name = name ?? ProcessInfo.processInfo.hostName
        var configuration = try worker.configuration(scheduler: connect, name: name)
        configuration.keys = keys.map(ClusterPlaces.absolute)
        let service = WorkerService(
            configuration: configuration, context: nil, logger: Logger(label: "worker"))
        let ready = WorkerReadyLine(scheduler: connect, name: name, slots: configuration.slots)
        try await ServiceRunner(logger: Logger(label: "isthmus")).run(
            [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)]
        ) {
            try await Self.wait(for: service, scheduler: ready.scheduler)
            return try ready.text()
        }
    }

    /// A worker tries for ever, since it may be started before its scheduler; it says that it does.
    private static func wait(for service: WorkerService, scheduler: String) async throws {
        let logger = Logger(label: "worker")
        logger.info("joining", metadata: ["scheduler": "\(scheduler)"])
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await service.joined() }
            tasks.addTask {
                while true {
                    try await Task.sleep(for: .nanoseconds(Limits.handshakeTimeout.nanoseconds))
                    logger.warning(
                        "the scheduler does not answer; trying on", metadata: ["scheduler": "\(scheduler)"])
                }
            }
            try await tasks.next()
            tasks.cancelAll()
        }
    }
}
