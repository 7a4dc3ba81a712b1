internal import ArgumentParser
internal import ControlServer
internal import CoreMetrics
internal import Logging
internal import SchedulerServer
internal import ServiceLifecycle
internal import ZeroMQ

/// `isthmus scheduler`
struct Scheduler: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a scheduler; workers join it.",
        discussion: """
            Prints one line of JSON on standard output when it serves; logs go to standard error. The first \
            SIGTERM or SIGINT stops in order, the second at once.
            """)

    @OptionGroup var scheduler: SchedulerOptions
    @OptionGroup(title: "Logs") var log: LogOptions

    func run() async throws {
        log.bootstrap()
        let metrics = MetricsRegistry()
        MetricsSystem.bootstrap(metrics)
        let directory = try scheduler.makeDirectory()
        let service = SchedulerService(
            configuration: scheduler.configuration(directory: directory), context: Context(),
            logger: Logger(label: "scheduler"))
        let control = try ControlService(
            endpoint: try scheduler.endpoint(directory: directory), cluster: service.control,
            metrics: metrics, logger: Logger(label: "control"))
        try await ServiceRunner(logger: Logger(label: "isthmus")).run(
            [.init(service: service), .init(service: control)]
        ) {
            let addresses = try await service.listening()
            return try ReadyLine(addresses: addresses, control: try await control.listening()).text()
        }
    }
}
