internal import ArgumentParser
internal import ControlServer
internal import FoundationEssentials
internal import Posix
internal import SchedulerServer
internal import SessionTransport
internal import TaskModel

/// Where a scheduler serves; shared by `up` and `scheduler`.
struct SchedulerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of the cluster's sockets, made with mode 0700 if missing.",
            discussion: "Default: \(ClusterPlaces.defaultDirectory)", valueName: "dir"))
    var directory: String?

    @Option(
        help: ArgumentHelp(
            "Serve tcp://HOST:PORT as well; needs --keys. May be repeated.", valueName: "address"))
    var listen: [String] = []

    @Option(help: ArgumentHelp("Folder made by `isthmus keys`.", valueName: "dir")) var keys: String?
    @Option(help: "Name of the cluster in listings. Default: the name of this machine.") var name: String?

    @Option(
        help: ArgumentHelp(
            "Serve the control API on TCP instead of the socket in the directory; needs "
                + "--control-certificate, --control-key and --control-tokens.", valueName: "host:port"))
    var controlListen: String?

    @Option(help: ArgumentHelp("PEM file with the certificate chain of --control-listen.", valueName: "file"))
    var controlCertificate: String?
    @Option(help: ArgumentHelp("PEM file with the private key of --control-listen.", valueName: "file"))
    var controlKey: String?
    @Option(
        help: ArgumentHelp(
            "File of mode 0600 with one valid token, or two on two lines.", valueName: "file"))
    var controlTokens: String?

    @Option(
        help: ArgumentHelp(
            "How workers are chosen: combined, least_loaded, locality, round_robin or work_stealing.",
            valueName: "strategy"))
    var placement = "combined"

    @Option(
        help: ArgumentHelp(
            "A worker that will join, by what it offers, for example cpu=8,gpu=2,memory=64GB,label.zone=a. "
                + "Tasks that only it can run wait for it. May be repeated.", valueName: "offer"),
        transform: Expectation.parse)
    var expect: [Expectation] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long a task waits that no connected or expected worker can run before it is refused: "
                + "seconds, or never. Default: 10, but 0 with --expect, and for `up` without --listen.",
            valueName: "seconds"),
        transform: Grace.parse)
    var unservableGrace: Grace?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long a worker may be silent before its tasks run elsewhere. Default: 5.",
            valueName: "seconds"),
        transform: Seconds.workerLease)
    var workerLease: Interval?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long a client over tcp may be silent or without a connection before its tasks are dropped. "
                + "A client may ask for another time. Default: 60.", valueName: "seconds"),
        transform: Seconds.clientLease)
    var clientLease: Interval?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The longest such time that a client may ask for. Default: a day.", valueName: "seconds"),
        transform: Seconds.clientLease)
    var clientLeaseMax: Interval?

    func validate() throws {
        try checkTexts()
        try checkLeases()
        guard SchedulerConfiguration.placements.contains(placement) else {
            throw ValidationError(
                "--placement \(OptionChecks.quoted(placement)): give one of "
                    + SchedulerConfiguration.placements.joined(separator: ", "))
        }
        for address in listen {
            guard address.hasPrefix("tcp://") else {
                throw ValidationError(
                    "--listen \(address): give tcp://HOST:PORT (a Unix socket is served anyway)")
            }
            do throws(TransportError) {
                _ = try Address(address)
            } catch {
                throw ValidationError("--listen: \(error)")
            }
            if keys == nil {
                throw ValidationError(
                    "--listen \(address) needs --keys DIR: a tcp address is encrypted and open to known keys "
                        + "only; make them with `isthmus keys --directory DIR`")
            }
        }
        if keys != nil, listen.isEmpty {
            throw ValidationError(
                "--keys is for tcp addresses: give --listen tcp://HOST:PORT as well, or leave it out")
        }
        // A port of 0 is another one each time.
        if let address = WorkerOptions.repeated(listen.filter { !$0.hasSuffix(":0") }) {
            throw ValidationError("--listen \(address) is given twice")
        }
        let given = [controlCertificate, controlKey, controlTokens].compactMap { $0 }.count
        if controlListen == nil && given > 0 || controlListen != nil && given < 3 {
            throw ValidationError(
                "--control-listen, --control-certificate, --control-key and --control-tokens go together: "
                    + "on TCP the control API needs TLS and a token")
        }
        if let controlListen, HostAndPort.parse(controlListen) == nil {
            throw ValidationError("--control-listen \(controlListen): give HOST:PORT")
        }
    }

    private func checkTexts() throws {
        try OptionChecks.text(directory, "--directory", "a folder")
        try OptionChecks.text(keys, "--keys", "the folder that `isthmus keys` made")
        try OptionChecks.name(name, "--name")
        try OptionChecks.text(controlCertificate, "--control-certificate", "a PEM file")
        try OptionChecks.text(controlKey, "--control-key", "a PEM file")
        try OptionChecks.text(controlTokens, "--control-tokens", "a file with one or two tokens")
    }

    private func checkLeases() throws {
        let longest = clientLeaseMax ?? Limits.clientLeaseMax
        if let clientLease, clientLease > longest {
            throw ValidationError(
                "--client-lease \(Seconds.words(clientLease)) is longer than the \(Seconds.words(longest)) "
                    + "that a client may ask for: give at most that, or a larger --client-lease-max")
        }
        if let clientLeaseMax, clientLease == nil, clientLeaseMax < Limits.clientLease {
            throw ValidationError(
                "--client-lease-max \(Seconds.words(clientLeaseMax)) is shorter than the "
                    + "\(Seconds.words(Limits.clientLease)) of a client that asks for nothing: give "
                    + "--client-lease as well")
        }
    }

    var clusterName: String { name ?? ProcessInfo.processInfo.hostName }

    /// The directory's absolute path, made or checked.
    func makeDirectory() throws -> String {
        let path = directory.map(ClusterPlaces.absolute) ?? ClusterPlaces.defaultDirectory
        let socket = ClusterPlaces.controlSocket(in: path)
        guard socket.utf8.count < 100 else {
            throw CommandFailure("\(socket) is too long for the path of a socket; give a shorter --directory")
        }
        do throws(PosixError) {
            try makePrivateDirectory(path)
        } catch {
            throw CommandFailure("cannot use the cluster directory: \(error)")
        }
        return path
    }

    /// - Parameter inproc: an address for a worker in the same process.
    func configuration(directory: String, inproc: String? = nil) -> SchedulerConfiguration {
        var configuration = SchedulerConfiguration(
            name: clusterName,
            addresses: [inproc, ClusterPlaces.schedulerAddress(in: directory)].compactMap { $0 } + listen,
            keysDirectory: keys.map(ClusterPlaces.absolute))
        configuration.place(by: placement)
        if let workerLease { configuration.lease(workers: workerLease) }
        configuration.expected = expect.map(\.offer)
        if let clientLease { configuration.clientLease = clientLease }
        if let clientLeaseMax { configuration.clientLeaseMax = clientLeaseMax }
        if let unservableGrace {
            configuration.unservableGrace = unservableGrace.interval
        } else if !expect.isEmpty || inproc != nil && listen.isEmpty {
            // All workers are known or announced, so waiting for another one helps nobody.
            configuration.unservableGrace = .zero
        }
        return configuration
    }

    func endpoint(directory: String) throws -> ControlEndpoint {
        guard let controlListen, let (host, port) = HostAndPort.parse(controlListen),
            let certificate = controlCertificate, let key = controlKey, let tokens = controlTokens
        else { return .unix(path: ClusterPlaces.controlSocket(in: directory)) }
        do throws(BearerTokens.Problem) {
            return .tcp(
                host: host, port: port, certificate: certificate, key: key,
                tokens: try BearerTokens(path: tokens))
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
