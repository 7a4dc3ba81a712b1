import Logging
import Posix
import SessionTransport
import TaskModel
import Wire
import WorkerCore

/// Starting executors, watching them, and what is done with all of them from time to time.
extension WorkerLoop {
    /// Asks the environment's python what its executors need.
    func prepareExecutors() throws(WorkerError) {
        // A backtrace by the Swift runtime takes a second and pushes a trap's message out of the last lines.
        var environment =
            PythonEnvironment.cleanEnvironment().filter {
                !$0.hasPrefix("SWIFT_BACKTRACE=") && !$0.hasPrefix(Self.lifeVariable + "=")
            }
            + ["SWIFT_BACKTRACE=enable=no"]
        environment += NativeThreads.variables(beside: environment, cpus: cpusPerSlot)
        if !configuration.devices.isEmpty {
            environment = environment.filter { !Devices.isListed($0) } + Devices.none
        }
        if let python = configuration.python {
            guard isExecutable(configuration.executor) else {
                throw WorkerError(
                    "There is no isthmus-executor at \(configuration.executor); set ISTHMUS_EXECUTOR to it.")
            }
            let library: String
            if let known = configuration.library {
                library = known
            } else {
                library = try PythonEnvironment.probe(python).library
            }
            commandLines[.python] = ExecutorCommandLine(
                arguments: [configuration.executor, "--python", python, "--library", library],
                environment: environment)
        }
        if let swift = configuration.swift {
            guard isExecutable(swift) else {
                throw WorkerError("There is no executable at \(swift); give your own with --swift.")
            }
            commandLines[.swift] = ExecutorCommandLine(
                arguments: [swift, "--isthmus-executor"], environment: environment)
        }
    }

    /// One, where nothing else was said.
    private var cpusPerSlot: UInt64 {
        guard let cpus = configuration.resources["cpu"] else { return 1 }
        return max(1, cpus / 1_000 / UInt64(configuration.slots))
    }

    func start(_ executor: ExecutorIndex) {
        guard let commandLine = commandLines[core.kind(of: executor)] else {
            preconditionFailure("the core starts only what the worker offers")
        }
        lives &+= 1
        definitions.started(executor)
        do {
            let marked = ExecutorCommandLine(
                arguments: commandLine.arguments,
                environment: commandLine.environment + [lifeMark(lives)])
            let process = try ExecutorProcess(executor, life: lives, marked, now: now)
            processes[executor.int] = process
            try poller.watch(process.socket.rawValue, token: Token.socket(process))
            try poller.watch(process.endDescriptor, token: Token.end(process))
            if isPaused { setInterest(process, []) }
            greet(process)
        } catch {
            logger.error("an executor cannot be started", metadata: ["why": "\(error)"])
            processes[executor.int] = nil
            core.absorb(.executorDied(executor), now: now, into: &actions)
            if case .warming = stage, core.failures(of: executor) >= Limits.executorStartFailuresMax {
                failure = WorkerError("No executor can be started: \(error)")
            }
        }
    }

    private func greet(_ process: ExecutorProcess) {
        let fields = [
            Field("wire", .unsigned(UInt64(ProtocolVersion.highest))),
            Field("worker", .unsigned(connector?.session.rawValue ?? 0)),
            Field("bridge", .string(configuration.bridge)),
            Field("memory_max", .unsigned(configuration.executorMemoryMax ?? 0)),
        ]
        let body = process.output.tail.beginRecord(.greeting)
        process.output.tail.uint32(UInt32(fields.count))
        process.output.tail.uint32(0)
        process.output.tail.fields(fields)
        process.output.tail.endRecord(body)
    }

    /// It ends by itself, so that what its libraries do at exit is done, or is killed.
    func retire(_ executor: ExecutorIndex) {
        guard let process = processes[executor.int] else { return }
        process.isRetired = true
        process.closeDeadline = now + Self.retireTimeout
        guard !process.isClosed else { return }
        let body = process.output.tail.beginRecord(.shutdown)
        process.output.tail.endRecord(body)
    }

    private static let retireTimeout = Interval.seconds(1)

    func kill(_ executor: ExecutorIndex) {
        guard let process = processes[executor.int] else { return }
        process.kill(because: whyKilled(process))
    }

    /// Nil when an attempt is the reason, whose outcome says it.
    private func whyKilled(_ process: ExecutorProcess) -> String? {
        func seconds(_ limit: Interval) -> String {
            let tenths = limit.nanoseconds / 100_000_000
            return tenths % 10 == 0 ? "\(tenths / 10) seconds" : "\(tenths / 10).\(tenths % 10) seconds"
        }
        if process.fields.isEmpty {
            return "it was not ready within \(seconds(Limits.executorStartTimeout))"
        }
        switch process.activity {
        case .attempt:
            return nil
        case .initializer:
            return "it had not ended after \(seconds(configuration.initializerTimeout)); let it do less, or "
                + "start workers with a longer --initializer-timeout"
        case .nothing:
            return
                "it did not begin with its next attempt within \(seconds(configuration.attemptTakeTimeout)): "
                + "something that an earlier task left behind holds it up"
        }
    }

    // MARK: Watching

    func watch(_ process: ExecutorProcess, writable: Bool) {
        var interest: Poller.Readiness = isPaused ? [] : .readable
        if writable { interest.insert(.writable) }
        setInterest(process, interest)
    }

    private func setInterest(_ process: ExecutorProcess, _ interest: Poller.Readiness) {
        guard process.interest != interest, !process.isClosed else { return }
        do {
            try poller.change(process.socket.rawValue, to: interest, token: Token.socket(process))
            process.interest = interest
        } catch {
            logger.error("an executor cannot be watched", metadata: ["why": "\(error)"])
        }
    }

    func unwatch(_ process: ExecutorProcess) {
        do { try poller.unwatch(process.socket.rawValue) } catch {
            logger.error("an executor cannot be left alone", metadata: ["why": "\(error)"])
        }
    }

    func unwatchEnd(of process: ExecutorProcess) {
        do { try poller.unwatch(process.endDescriptor) } catch {
            logger.error("an executor's end cannot be left alone", metadata: ["why": "\(error)"])
        }
    }

    /// While the scheduler takes no results, executors keep theirs: they stop when their sockets are full.
    func pauseOrResume() {
        let isBlocked = connector?.link.isBlocked ?? false
        guard isBlocked != isPaused else { return }
        isPaused = isBlocked
        for case let process? in processes { watch(process, writable: !process.output.isEmpty) }
    }

    // MARK: Chores

    func doChores() {
        giveUpWhenDue()
        restartWhenDue()
        killClosed()
        if now >= memoryAt { checkMemory() }
        if now >= reportAt { report() }
    }

    private func checkMemory() {
        memoryAt = now + Limits.memoryPollInterval
        guard let limit = configuration.executorMemoryMax, core.attemptCount > 0 else { return }
        core.busyExecutors(into: &busy)
        for executor in busy {
            guard let process = processes[executor.int], process.status == nil else { continue }
            let bytes = process.residentBytesOfTree
            guard bytes > limit else { continue }
            process.kill(
                because: "it used \(bytes >> 20) MiB of resident memory, its limit is \(limit >> 20) MiB")
            core.absorb(.memoryExceeded(executor), now: now, into: &actions)
        }
    }

    private func report() {
        reportAt = now + Limits.workerReportInterval
        endOrphans()
        guard let link = connector?.link, isWelcome, !link.isBlocked else { return }
        let snapshot = core.snapshot()
        var resident: UInt64 = 0
        for case let process? in processes where process.status == nil { resident += process.residentBytes }
        let fields = [
            Field("running", .unsigned(UInt64(snapshot.running.count))),
            Field("queued", .unsigned(UInt64(snapshot.queued + snapshot.waitingInPipelines))),
            Field("rss", .unsigned(resident)),
            Field("draining", .flag(snapshot.isDraining)),
        ]
        link.beginRecord(.report)
        link.writer.uint32(UInt32(fields.count))
        link.writer.uint32(0)
        link.writer.fields(fields)
        link.endRecord()
    }

    /// After a reconnect: all that runs, so that the scheduler knows what it still owns here.
    func reportRunning() {
        guard let link = connector?.link else { return }
        let running = core.snapshot().running.map(\.attempt)
        guard !running.isEmpty else { return }
        link.beginRecord(.workerStarted)
        link.writer.uint32(UInt32(running.count))
        link.writer.uint32(0)
        for attempt in running { link.writer.attempt(attempt) }
        link.endRecord()
    }

    // MARK: Joining

    func joinWhenWarm() {
        guard case .warming = stage, failure == nil, core.isWarm else { return }
        stage = .serving
        memoryAt = configuration.executorMemoryMax == nil ? .distantFuture : now
        do {
            let address = try Address(configuration.scheduler)
            let keys = try configuration.keys.map { (path) throws(TransportError) in
                try PeerKeys(reading: path)
            }
            let settings = ConnectorConfiguration(
                address: address, keys: keys, role: .worker, fields: helloFields())
            let connector = try Connector(
                settings, session: SessionID(randomUInt64()), context: context, now: now)
            try poller.watch(connector.pollDescriptor, token: Token.connector)
            self.connector = connector
        } catch {
            failure = WorkerError("The worker cannot connect to \(configuration.scheduler): \(error)")
        }
    }

    func helloFields() -> [Field] {
        var fields = [
            Field("slots", .unsigned(UInt64(configuration.slots))),
            Field("host", .string(hostName())),
            Field("pid", .unsigned(UInt64(processID()))),
            Field("name", .string(configuration.name)),
            Field("life", .unsigned(life)),
        ]
        if let python = readyFields(.python) {
            for (name, source) in [
                ("python", "python"), ("cloudpickle", "cloudpickle"), ("python_executable", "executable"),
            ] {
                if let value = python[source]?.string { fields.append(Field(name, .string(value))) }
            }
        }
        if let functions = readyFields(.swift)?["functions"]?.string {
            fields.append(Field("swift", .string(functions)))
        }
        let labels = configuration.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        if !labels.isEmpty { fields.append(Field("labels", .string(labels.joined(separator: "\n")))) }
        for (name, amount) in configuration.resources.sorted(by: { $0.key < $1.key }) {
            fields.append(Field("resource.\(name)", .unsigned(amount)))
        }
        let gpus = UInt64(configuration.devices.count)
        if gpus > 0 {
            fields.append(Field("resource.gpu", .unsigned(gpus * 1_000)))
            fields.append(Field("gpus", .string(configuration.devices.joined(separator: "\n"))))
        }
        if let memory = configuration.executorMemoryMax { fields.append(Field("memory", .unsigned(memory))) }
        return fields
    }

    private func readyFields(_ kind: ExecutorKind) -> [Field]? {
        for case let process? in processes
        where core.kind(of: process.index) == kind && !process.fields.isEmpty {
            return process.fields
        }
        return nil
    }
}
