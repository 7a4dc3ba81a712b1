internal import ArgumentParser
internal import ControlAPI

/// `isthmus status`
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the state of the cluster.")

    @OptionGroup var cluster: ControlOptions
    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "Show every metric of the scheduler's process as well.") var metrics = false
    @OptionGroup var watch: WatchOptions

    func run() async throws { try await watch.repeating(show) }

    private func show() async throws {
        let status = try await cluster.withCluster {
            try await $0.calls.status(.init(), metadata: $0.metadata, options: $0.options)
        }
        if json { return try JSONOutput.show(StatusReport(status)) }
        try Screen.show(text(status))
    }

    private func kept(_ status: Isthmus_Control_V1_StatusResponse) -> UInt64 {
        let metric = status.metrics.first { $0.name == "isthmus_output_bytes_kept" }
        return UInt64(max(0, metric?.value ?? 0))
    }

    private func text(_ status: Isthmus_Control_V1_StatusResponse) -> String {
        let counts = status.tasks
        let totals = status.totals
        var lines = [
            ("cluster", status.name + (status.stopping ? " (stopping)" : "")),
            ("version", "\(status.version), epoch \(status.epoch)"),
            ("up for", "\(Words.duration(microseconds: status.uptimeUs)), pid \(status.pid)"),
            ("address", status.addresses.joined(separator: ", ")),
            ("workers", "\(status.workers) with \(Words.count(status.slots, "slot"))"),
            ("in use", status.resources.isEmpty ? "-" : Words.resources(status.resources)),
            ("clients", "\(status.clients)"),
            (
                "tasks now",
                "\(counts.waiting) waiting, \(counts.ready) ready, \(counts.assigned) assigned, "
                    + "\(counts.running) running, \(counts.kept) kept"
            ),
            (
                "tasks ended",
                "\(totals.values) with a value, \(totals.exceptions) with an exception, "
                    + "\(totals.cancelled) cancelled, \(totals.timedOut) timed out, \(totals.lost) lost, "
                    + "\(totals.refused) refused; \(totals.submitted) submitted"
            ),
            (
                "memory",
                "\(Words.bytes(status.residentBytes)), of which payloads \(Words.bytes(status.payloadBytes))"
                    + ", output of ended tasks \(Words.bytes(kept(status)))"
            ),
        ]
        if metrics { lines += status.metrics.map { (MetricReport($0).title, MetricReport.number($0.value)) } }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { name, value in
            name + String(repeating: " ", count: width - name.count) + "  " + value + "\n"
        }.joined()
    }
}

/// The cluster as `--json` shows it.
struct StatusReport: Encodable {
    struct Counts: Encodable {
        let waiting, ready, assigned, running, unfinished, kept: UInt64
    }
    struct Totals: Encodable {
        let submitted, duplicates, values, exceptions, cancelled, lost, timedOut, refused: UInt64
    }

    let name: String
    let version: String
    let epoch: UInt64
    let uptimeUs: UInt64
    let pid: UInt32
    let addresses: [String]
    let residentBytes: UInt64
    let payloadBytes: UInt64
    let stopping: Bool
    let clients: UInt32
    let workers: UInt32
    let slots: UInt32
    let resources: [ResourceReport]
    let tasks: Counts
    let totals: Totals
    let metrics: [MetricReport]

    init(_ status: Isthmus_Control_V1_StatusResponse) {
        name = status.name
        version = status.version
        epoch = status.epoch
        uptimeUs = status.uptimeUs
        pid = status.pid
        addresses = status.addresses
        residentBytes = status.residentBytes
        payloadBytes = status.payloadBytes
        stopping = status.stopping
        clients = status.clients
        workers = status.workers
        slots = status.slots
        resources = status.resources.map(ResourceReport.init)
        tasks = Counts(
            waiting: status.tasks.waiting, ready: status.tasks.ready, assigned: status.tasks.assigned,
            running: status.tasks.running,
            unfinished: status.tasks.waiting + status.tasks.ready + status.tasks.assigned
                + status.tasks.running,
            kept: status.tasks.kept)
        totals = Totals(
            submitted: status.totals.submitted, duplicates: status.totals.duplicates,
            values: status.totals.values, exceptions: status.totals.exceptions,
            cancelled: status.totals.cancelled, lost: status.totals.lost,
            timedOut: status.totals.timedOut, refused: status.totals.refused)
        metrics = status.metrics.map(MetricReport.init)
    }
}

/// A metric as `--json` shows it.
struct MetricReport: Encodable {
    let name: String
    let labels: [String: String]
    let value: Double

    init(_ metric: Isthmus_Control_V1_Metric) {
        name = metric.name
        labels = metric.labels
        value = metric.value
    }

    var title: String {
        if labels.isEmpty { return name }
        return name + "{"
            + labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            .joined(separator: ",") + "}"
    }

    /// Without ".0" where it is a whole number.
    static func number(_ value: Double) -> String {
        Int64(exactly: value).map(String.init) ?? String(value)
    }
}
