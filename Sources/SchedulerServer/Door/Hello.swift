// Who is let in. A peer that could never do what it came for is told at its hello what differs.

import Logging
import SchedulerCore
import SessionTransport
import TaskModel
import Wire

/// Why a hello is answered with a refusal.
struct HelloRefusal: Error {
    let code: RefusalCode
    let field: String
    let message: String
}

extension SchedulerLoop {
    mutating func open(_ handle: SessionHandle, _ hello: Hello) {
        do throws(HelloRefusal) {
            if stop != .serving {
                throw HelloRefusal(
                    code: .limit, field: "",
                    message: "the scheduler is stopping; connect to another one, or later")
            }
            switch hello.role {
            case .client: try openClient(handle, hello)
            case .worker: try openWorker(handle, hello)
            case .driver, .operator, .scheduler:
                throw HelloRefusal(
                    code: .role, field: "role",
                    message: "this address serves clients and workers; operators use the control address")
            }
        } catch {
            counters.sessionsRefused &+= 1
            acceptor.refuse(handle, error.code, field: error.field, message: error.message, now: now)
            logger.notice(
                "session refused",
                metadata: [
                    "session": "\(hello.session)", "code": "\(error.code.rawValue)",
                    "field": "\(error.field)",
                    "message": "\(error.message)",
                ])
            publish(.sessionRefused(code: error.code.rawValue, message: error.message))
        }
    }

    private mutating func openClient(_ handle: SessionHandle, _ hello: Hello) throws(HelloRefusal) {
        try checkFields(
            hello,
            known: ["python", "cloudpickle", "host", "pid", "name", "parent", "value_bytes", "lease_ms"])
        try checkUnknown(hello)
        guard peers.clientCount < Limits.sessionsMax else {
            throw HelloRefusal(
                code: .limit, field: "",
                message: "\(Limits.sessionsMax) clients are connected, which is the limit; close some of them"
            )
        }
        let about = PeerDescription(hello, now: now)
        try checkPython(about)
        guard let link = acceptor.link(handle) else { return }
        let slot = core.openSession(hello.session, tasksMax: UInt32(configuration.sessionTasks))
        peers.insert(
            ClientPeer(
                handle: handle, slot: slot, link: link, about: about,
                valueBytesMax: hello.fields["value_bytes"]?.unsigned ?? .max, now: now))
        acceptor.welcome(
            handle,
            fields: [
                Field("tasks", .unsigned(UInt64(configuration.sessionTasks))),
                Field("bytes", .unsigned(UInt64(configuration.sessionBytes))),
            ],
            now: now)
        logger.info("client connected", metadata: metadata(about))
        publish(.clientOpened(about.session, name: about.name))
    }

    private mutating func openWorker(_ handle: SessionHandle, _ hello: Hello) throws(HelloRefusal) {
        try checkFields(
            hello,
            known: [
                "slots", "host", "pid", "name", "python", "cloudpickle", "python_executable", "swift",
                "labels", "gpus", "memory", "life",
            ])
        try checkUnknown(hello)
        guard peers.workerCount < Limits.workersMax else {
            throw HelloRefusal(
                code: .limit, field: "",
                message: "\(Limits.workersMax) workers are connected, which is the limit; stop some of them")
        }
        guard let slots = hello.fields["slots"]?.unsigned, slots >= 1, slots <= Limits.slotsPerWorkerMax
        else {
            throw HelloRefusal(
                code: .limit, field: "slots",
                message:
                    "a worker offers 1 to \(Limits.slotsPerWorkerMax) slots; start several workers for more")
        }
        let about = PeerDescription(hello, now: now)
        let provides = try provisions(hello, about)
        let resources = try resources(hello, slots: slots)
        let labels = try labels(hello)
        guard let link = acceptor.link(handle) else { return }
        let slot = core.openWorker(
            hello.session, slots: UInt32(slots), provides: provides, resources: resources, labels: labels)
        peers.insert(
            WorkerPeer(
                handle: handle, slot: slot, link: link, about: about, hello: hello, slots: UInt32(slots),
                resources: resources, now: now))
        acceptor.welcome(handle, fields: [], now: now)
        acquitReturned(hello)
        var details = metadata(about)
        details["slots"] = "\(slots)"
        details["python"] = "\(about.python ?? "none")"
        logger.info("worker connected", metadata: details)
        publish(.workerJoined(about.session, name: about.name, slots: Int(slots)))
    }

    /// Two peers that drew the same 64 random bits, or one that opens its session twice.
    private func checkUnknown(_ hello: Hello) throws(HelloRefusal) {
        if core.session(hello.session) == nil, core.worker(hello.session) == nil { return }
        throw HelloRefusal(
            code: .session, field: "session",
            message: "session \(hello.session) is open already; start a new one")
    }

    private func checkFields(_ hello: Hello, known: [String]) throws(HelloRefusal) {
        for field in hello.fields where field.matters && !known.contains(field.name) {
            if hello.role == .worker, field.name.hasPrefix(PlacementWishes.prefix) { continue }
            throw HelloRefusal(
                code: .field, field: field.name,
                message: "this scheduler does not know the field \(field.name); update the scheduler")
        }
    }

    /// The numbers of everything that the worker can serve.
    private mutating func provisions(
        _ hello: Hello, _ about: PeerDescription
    ) throws(HelloRefusal) -> [RequirementID] {
        var requirements: [Requirement] = []
        if let python = about.python { requirements += [.pickle(python: python), .anyPython] }
        requirements += WorkerPeer.names(hello.fields["swift"]?.string).map { .swift(function: $0) }
        var provides: [RequirementID] = []
        for requirement in requirements {
            guard let id = self.requirements.id(of: requirement) else {
                throw HelloRefusal(
                    code: .limit, field: "swift",
                    message:
                        "more than \(Limits.requirementsMax) different functions and Pythons; restart the "
                        + "scheduler"
                )
            }
            provides.append(id)
        }
        return provides
    }

    /// What the worker's attempts share: what it says, and one cpu per slot if it says nothing of cpus.
    private mutating func resources(_ hello: Hello, slots: UInt64) throws(HelloRefusal) -> Resources {
        var resources = Resources(cpu: slots * Resources.plain[Resources.cpu])
        for field in hello.fields where field.name.hasPrefix(PlacementWishes.prefix) {
            let name = String(field.name.dropFirst(PlacementWishes.prefix.count))
            guard let amount = field.unsigned, amount <= Limits.resourceAmountMax else {
                throw HelloRefusal(
                    code: .limit, field: field.name,
                    message: "a resource is a whole number up to \(Limits.resourceAmountMax)")
            }
            guard let kind = requirements.kind(ofResource: name) else {
                throw HelloRefusal(
                    code: .limit, field: field.name,
                    message: "there are \(Limits.resourceKindsMax) kinds of resources already: "
                        + requirements.resourceNames.joined(separator: ", "))
            }
            if kind == Resources.gpu, !Resources.areDevices(offered: amount) {
                throw HelloRefusal(
                    code: .limit, field: field.name,
                    message: "a worker offers whole gpus, in thousandths, and at most "
                        + "\(Limits.devicesPerWorkerMax); start several workers for more")
            }
            resources[kind] = amount
        }
        return resources
    }

    private mutating func labels(_ hello: Hello) throws(HelloRefusal) -> [UInt32] {
        var numbers: [UInt32] = []
        for label in WorkerPeer.names(hello.fields["labels"]?.string) {
            guard numbers.count < Limits.labelsPerWorkerMax,
                let number = requirements.number(ofLabel: label)
            else {
                throw HelloRefusal(
                    code: .limit, field: "labels",
                    message: "a worker has at most \(Limits.labelsPerWorkerMax) labels, and a cluster "
                        + "\(Limits.labelsMax) different ones")
            }
            numbers.append(number)
        }
        return numbers
    }

    /// A client whose pickles no connected worker can read learns it now. Without workers nobody knows yet:
    /// its tasks wait, and `explain` says for what.
    private func checkPython(_ about: PeerDescription) throws(HelloRefusal) {
        guard let python = about.python else { return }
        let workers = peers.allWorkers().filter { $0.about.python != nil }
        guard !workers.isEmpty else { return }
        let same = workers.filter { $0.about.python == python }
        guard !same.isEmpty else {
            let versions = distinct(workers.compactMap(\.about.python)).joined(separator: ", ")
            throw HelloRefusal(
                code: .python, field: "python",
                message:
                    "the client has Python \(python), the connected workers have \(versions): run the client "
                    + "with the workers' Python, or start a worker with --python pointing to a Python "
                    + "\(python)"
            )
        }
        guard let cloudpickle = about.cloudpickle else { return }
        let theirs = same.compactMap(\.about.cloudpickle)
        guard !theirs.isEmpty, !theirs.contains(where: { major($0) == major(cloudpickle) }) else { return }
        throw HelloRefusal(
            code: .cloudpickle, field: "cloudpickle",
            message: "the client has cloudpickle \(cloudpickle), the workers with Python \(python) have "
                + "\(distinct(theirs).joined(separator: ", ")): install the same major version on both sides")
    }

    private func major(_ version: String) -> Substring { version.prefix { $0 != "." } }

    private func distinct(_ names: [String]) -> [String] {
        var seen: [String] = []
        for name in names where !seen.contains(name) { seen.append(name) }
        return seen
    }

    func metadata(_ about: PeerDescription) -> Logger.Metadata {
        var told: Logger.Metadata = [
            "session": "\(about.session)", "host": "\(about.host)", "pid": "\(about.processID)",
        ]
        if !about.name.isEmpty { told["name"] = "\(about.name)" }
        return told
    }
}
