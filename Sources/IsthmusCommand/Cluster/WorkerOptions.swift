internal import ArgumentParser
internal import FoundationEssentials
internal import Posix
internal import TaskModel
internal import WorkerServer

/// What a worker offers; shared by `up` and `worker`.
struct WorkerOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "How many tasks run at once. Default: the number of cores.")
    var slots: Int?
    @OptionGroup var python: PythonOptions

    @Option(
        help: ArgumentHelp(
            "An executable whose main calls `TaskRegistry`: serves its functions.", valueName: "path"))
    var swift: String?

    @Option(
        help: ArgumentHelp(
            "A word about this worker, which tasks may ask for or avoid; may be repeated.",
            valueName: "key=value"))
    var label: [String] = []

    @Option(
        help: ArgumentHelp(
            "What running tasks share, for example cpu=8, memory=16GB, gpu=2, licence=1; may be repeated. "
                + "Default: one cpu per slot.", valueName: "name=amount"))
    var resource: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Gpus that tasks are given: how many, or their names joined by commas (0,2,GPU-6a2f), or all. "
                + "Where CUDA_VISIBLE_DEVICES is set, numbers are places in it.", valueName: "devices"))
    var gpus: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Memory of one executor with its children, beyond which it is killed, for example 2GB.",
            valueName: "size"))
    var memoryMax: ByteCount?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long the initializer of a client may run in an executor. Default: 60.", valueName: "seconds")
    )
    var initializerTimeout: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long running tasks go on while the scheduler cannot be reached: seconds, or never. "
                + "Default: 60.", valueName: "seconds"))
    var giveUpAfter: Grace?

    func validate() throws {
        if let slots, !(1...Limits.slotsPerWorkerMax).contains(slots) {
            throw ValidationError(
                "--slots must be at least 1" + (slots < 1 ? "" : " and at most \(Limits.slotsPerWorkerMax)"))
        }
        if let initializerTimeout, !(initializerTimeout > 0 && initializerTimeout < 1e9) {
            throw ValidationError("--initializer-timeout must be more than 0 seconds")
        }
        for word in label where (word.firstIndex(of: "=") ?? word.startIndex) == word.startIndex {
            throw ValidationError("label \"\(word)\" is not key=value")
        }
        for word in resource where ResourceAmount(word) == nil {
            throw ValidationError(
                "--resource \(word): give name=amount, for example gpu=2, cpu=7.5 or memory=16GB")
        }
        if gpus != nil, resource.contains(where: { $0.hasPrefix("gpu=") }) {
            throw ValidationError("--gpus names the gpus; leave --resource gpu= out")
        }
    }

    func configuration(scheduler: String, name: String) throws -> WorkerConfiguration {
        let place = try WorkerService.locateInstallation()
        if let swift, !ClusterPlaces.isProgram(swift) {
            throw CommandFailure(
                "there is no executable \"\(swift)\"; build it, then give its path with --swift")
        }
        var configuration = WorkerConfiguration(
            scheduler: scheduler, slots: slots ?? ProcessInfo.processInfo.activeProcessorCount,
            python: try python.choose(), swift: swift.map(ClusterPlaces.absolute),
            executor: place.executor, bridge: place.bridge)
        if configuration.python == nil && configuration.swift == nil {
            throw CommandFailure("--no-python without --swift leaves nothing to run", code: .usage)
        }
        configuration.name = name
        configuration.adoptsOrphans = true
        configuration.executorMemoryMax = memoryMax?.bytes
        if let initializerTimeout {
            configuration.initializerTimeout = .milliseconds(Int64(initializerTimeout * 1_000))
        }
        if let giveUpAfter { configuration.giveUpAfter = giveUpAfter.interval }
        for word in label {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            configuration.labels[String(parts[0])] = String(parts[1])
        }
        for amount in resource.compactMap(ResourceAmount.init) {
            configuration.resources[amount.name] = amount.amount
        }
        let counted = configuration.resources.removeValue(forKey: "gpu").map { "\($0 / 1_000)" }
        if let gpus = gpus ?? counted { configuration.devices = try Self.devices(gpus) }
        return configuration
    }

    private static func devices(_ text: String) throws -> [String] {
        do throws(WorkerError) {
            let visible = ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"].lazy.compactMap(environmentVariable)
            return try Devices.named(text, visible: visible.first, present: Devices.present())
        } catch {
            throw CommandFailure("--gpus \(text): \(error)", code: .usage)
        }
    }
}

/// "gpu=2", "cpu=7.5", "memory=16GB": memory in bytes, everything else in thousandths.
struct ResourceAmount: Hashable {
    let name: String
    let amount: UInt64

    init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        name = String(parts[0])
        if name == "memory" {
            guard let size = ByteCount(argument: String(parts[1])) else { return nil }
            amount = size.bytes
        } else {
            guard let value = Double(parts[1]), value >= 0, value < 1e12 else { return nil }
            if name == "gpu", value != value.rounded() { return nil }
            amount = UInt64((value * 1_000).rounded())
        }
        if amount > Limits.resourceAmountMax { return nil }
    }
}

/// "500MB", "2 GB", "2GiB", or a plain number of bytes.
struct ByteCount: ExpressibleByArgument, Hashable {
    let bytes: UInt64

    init?(argument: String) {
        let units: [(String, UInt64)] = [
            ("KIB", 1 << 10), ("MIB", 1 << 20), ("GIB", 1 << 30), ("TIB", 1 << 40),
            ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
        ]
        let text = argument.uppercased().filter { $0 != " " }
        let unit = units.first { text.hasSuffix($0.0) }
        let number = text.dropLast(unit?.0.count ?? 0)
        guard let value = Double(number), value > 0, value * Double(unit?.1 ?? 1) < 1e18 else { return nil }
        bytes = UInt64(value * Double(unit?.1 ?? 1))
    }
}
