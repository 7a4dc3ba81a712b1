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
                + "Default: one cpu per slot.", valueName: "name=amount"),
        transform: ResourceAmount.parse)
    var resource: [ResourceAmount] = []

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
            valueName: "size"),
        transform: ByteCount.ofExecutor)
    var memoryMax: ByteCount?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long the initializer of a client may run in an executor. Default: 60.",
            valueName: "seconds"),
        transform: Seconds.positive)
    var initializerTimeout: Interval?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long running tasks go on while the scheduler cannot be reached: seconds, or never. "
                + "Default: 60.", valueName: "seconds"),
        transform: Grace.parse)
    var giveUpAfter: Grace?

    func validate() throws {
        if let slots, !(1...Limits.slotsPerWorkerMax).contains(slots) {
            throw ValidationError(
                "--slots \(slots): it must be at least 1 and at most \(Limits.slotsPerWorkerMax)")
        }
        try OptionChecks.text(swift, "--swift", "the path of an executable")
        try OptionChecks.text(gpus, "--gpus", "a number, names joined by commas, or all")
        var values: [String: String] = [:]
        for word in label {
            let (key, value) = try OptionChecks.label(word, "--label")
            if let other = values.updateValue(value, forKey: key) {
                throw ValidationError(
                    "--label \(key)=\(other) and --label \(key)=\(value): a key is given once")
            }
        }
        guard label.count <= Limits.labelsPerWorkerMax else {
            throw ValidationError(
                "--label is given \(label.count) times: a worker has at most \(Limits.labelsPerWorkerMax)")
        }
        if let name = Self.repeated(resource.map(\.name)) {
            let given = resource.filter { $0.name == name }.map { "--resource \($0.text)" }
            throw ValidationError("\(given.joined(separator: " and ")): give one amount of \(name)")
        }
        if gpus != nil, resource.contains(where: { $0.name == "gpu" }) {
            throw ValidationError("--gpus names the gpus; leave --resource gpu= out")
        }
    }

    /// The first that occurs a second time.
    static func repeated(_ names: [String]) -> String? {
        var seen: Set<String> = []
        return names.first { !seen.insert($0).inserted }
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
        if let initializerTimeout { configuration.initializerTimeout = initializerTimeout }
        if let giveUpAfter { configuration.giveUpAfter = giveUpAfter.interval }
        for word in label {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            configuration.labels[String(parts[0])] = String(parts[1])
        }
        for amount in resource {
            configuration.resources[amount.name] = amount.amount
        }
        let counted = configuration.resources.removeValue(forKey: "gpu").map { "\($0 / 1_000)" }
        if let gpus = gpus ?? counted { configuration.devices = try Self.devices(gpus) }
        // Nothing is started for a Python that cannot be used.
        do throws(WorkerError) {
            try configuration.askPython()
        } catch {
            throw CommandFailure("\(error)")
        }
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
