internal import ArgumentParser
internal import FoundationEssentials
internal import Posix
internal import Simulation
internal import TaskModel

/// `isthmus simulate`
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the real cores under simulated faults, from a seed.",
        discussion: """
            Scheduler, workers and clients over a virtual network, clock and store, in one thread: first \
            anything may go wrong, then everything is healed and must end. The same seed gives the same run. \
            A broken promise ends it with exit code 1 and the story of the task concerned; with --seeds, a \
            fault or action that never came up does too.
            """)

    @Option(parsing: .unconditional, help: "Seed of the first run.") var seed: UInt64 = 1
    @Option(parsing: .unconditional, help: "Runs, with one seed after the other.") var seeds: UInt64 = 1
    @Option(parsing: .unconditional, help: "Workers; up to 8 is a most from which each seed draws.")
    var nodes = 5
    @Option(help: "none, light or heavy.") var faults = FaultLevel.heavy
    @Option(
        parsing: .unconditional,
        help: "Events before everything is healed (default: by the number of nodes).")
    var steps: Int?
    @Option(help: ArgumentHelp("Write everything that happens in the (last) run here.", valueName: "file"))
    var trace: String?
    @Option(help: "Printed with a failure: which build this is.") var commit = ProductVersion.text

    func validate() throws {
        guard (1...50_000).contains(nodes) else {
            throw ValidationError("--nodes \(nodes): it is 1 to 50000")
        }
        guard seeds >= 1 else { throw ValidationError("--seeds \(seeds): it begins at 1") }
        if let steps, steps < 1 { throw ValidationError("--steps \(steps): it begins at 1") }
        try OptionChecks.text(trace, "--trace", "a file")
    }

    func run() throws {
        SeedOnTrap.install()
        if let trace, !FileManager.default.createFile(atPath: trace, contents: nil) {
            throw CommandFailure("--trace \(trace): the file cannot be written")
        }
        let begun = MonotonicClock.now
        var campaign = Campaign()
        for number in 0..<seeds {
            let options = SimulationOptions(seed: seed &+ number, nodes: nodes, faults: faults, steps: steps)
            unsafe SeedOnTrap.current = options.seed
            let result = Simulator.run(options)
            guard campaign.add(result) else {
                try writeTrace(options)
                try Screen.show(result.report(commit: commit) + "\n")
                throw CommandFailure("seed \(options.seed) breaks a promise")
            }
        }
        try writeTrace(
            SimulationOptions(seed: seed &+ (seeds - 1), nodes: nodes, faults: faults, steps: steps))
        try report(campaign, took: MonotonicClock.now - begun)
    }

    private func report(_ campaign: Campaign, took: Interval) throws {
        let milliseconds = max(1, took.nanoseconds / 1_000_000)
        let rate = Int64(campaign.seeds) * 10_000 / milliseconds
        var lines = [
            "\(campaign.seeds) seeds, \(campaign.steps) steps, \(campaign.tasks) tasks in "
                + "\(milliseconds) ms: \(rate / 10).\(rate % 10) seeds/s, every promise kept",
            "trace hash: \(campaign.traceHashText)",
        ]
        for (group, counts) in campaign.coverage.table {
            lines.append("\(group): " + counts.map { "\($0.name) \($0.count)" }.joined(separator: ", "))
        }
        try Screen.show(lines.joined(separator: "\n") + "\n")
        let missing = campaign.coverage.missing(faults)
        // One seed switches some things off; many are a campaign, which covers everything.
        if campaign.isLarge, !missing.isEmpty {
            throw CommandFailure("never came up: \(missing.joined(separator: ", "))")
        }
    }

    private func writeTrace(_ options: SimulationOptions) throws {
        guard let trace else { return }
        let text = Simulator.story(options, of: nil).joined(separator: "\n") + "\n"
        guard FileManager.default.createFile(atPath: trace, contents: Data(text.utf8)) else {
            throw CommandFailure("the trace cannot be written to \(trace)")
        }
    }
}

extension FaultLevel: ExpressibleByArgument {}
