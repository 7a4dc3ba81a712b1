internal import ArgumentParser
internal import ControlServer
internal import CoreMetrics
internal import FoundationEssentials
internal import Logging
internal import Posix
internal import SchedulerServer
internal import ServiceLifecycle
internal import WorkerServer
internal import ZeroMQ

/// `isthmus up`
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a scheduler and a worker on this machine.",
        discussion: """
            Prints one line of JSON on standard output when it serves; logs go to standard error. The first \
            SIGTERM or SIGINT lets running tasks end, the second stops at once.
            """)

    @OptionGroup(title: "Scheduler") var scheduler: SchedulerOptions
    @OptionGroup(title: "Worker") var worker: WorkerOptions
    @OptionGroup(title: "Logs") var log: LogOptions

    @Flag(help: "Stop at once when standard input ends, and remove the directory: for a client that owns it.")
    var embedded = false

    func run() async throws {
        log.bootstrap(isEmbedded: embedded)
        let metrics = MetricsRegistry()
        MetricsSystem.bootstrap(metrics)
        let inproc = "inproc://scheduler"
        let workerConfiguration = try worker.configuration(scheduler: inproc, name: scheduler.clusterName)
        let directory = try scheduler.makeDirectory()
        let context = Context()
        let schedulerService = SchedulerService(
            configuration: scheduler.configuration(directory: directory, inproc: inproc), context: context,
            logger: Logger(label: "scheduler"))
        let control = try ControlService(
            endpoint: try scheduler.endpoint(directory: directory), cluster: schedulerService.control,
            metrics: metrics, logger: Logger(label: "control"))
        let workerService = WorkerService(
            configuration: workerConfiguration, context: context, logger: Logger(label: "worker"))
        defer { if embedded { removeDirectory(directory) } }
        // Stopped from the last to the first: the control API answers while the worker drains.
        try await ServiceRunner(isEmbedded: embedded, logger: Logger(label: "isthmus")).run(
            [
                .init(service: schedulerService),
                .init(service: control),
                // A worker that was drained by hand leaves the scheduler to others.
                .init(service: workerService, successTerminationBehavior: .ignore),
            ]
        ) {
            let addresses = try await schedulerService.listening()
            try await workerService.joined()
            return try ReadyLine(addresses: addresses, control: try await control.listening()).text()
        }
    }

    private func removeDirectory(_ directory: String) {
        removeFile(directory + "/scheduler.ipc")
        removeFile(directory + "/scheduler.ipc.lock")
        removeFile(ClusterPlaces.controlSocket(in: directory))
        removeEmptyFolder(directory)
    }
}
