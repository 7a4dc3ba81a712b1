internal import ArgumentParser
internal import ControlAPI
internal import ControlServer
internal import FoundationEssentials
internal import GRPCCore
internal import Posix

/// Which cluster a verb speaks to.
struct ControlOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Control socket or cluster directory, or https://HOST:PORT.",
            discussion: "Default: ISTHMUS_CONTROL, else the only running cluster of this user.",
            valueName: "path|url"))
    var control: String?

    @Option(
        help: ArgumentHelp(
            "File with the token for an https address. Default: ISTHMUS_TOKEN_FILE.", valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the certificates to trust at an https address. Default: ISTHMUS_CONTROL_AUTHORITY, "
                + "else those of the system.", valueName: "file"))
    var authority: String?

    func validate() throws {
        try OptionChecks.text(control, "--control", "the path of a control socket, or https://HOST:PORT")
        try OptionChecks.text(tokenFile, "--token-file", "a file with a token")
        try OptionChecks.text(authority, "--authority", "a PEM file")
    }

    /// Finds the scheduler, makes the calls of `body`, and says in words what went wrong.
    func withCluster<Result: Sendable>(
        _ body: @Sendable @escaping (ClusterCalls) async throws -> Result
    ) async throws -> Result {
        let address = try address()
        let client = ControlClient(address)
        let metadata = client.metadata
        do {
            return try await client.withCalls { calls in
                try await body(ClusterCalls(calls: calls, metadata: metadata))
            }
        } catch let error as RPCError {
            throw failure(error, at: address)
        }
    }

    private func address() throws -> ControlAddress {
        if let given = control ?? ClusterPlaces.environment("ISTHMUS_CONTROL") { return try parse(given) }
        let live = ClusterPlaces.liveControlSockets()
        if live.count == 1 { return .unix(path: live[0]) }
        if live.isEmpty {
            throw CommandFailure(
                "no cluster runs under \(ClusterPlaces.base); start one with `isthmus up`, or name one with "
                    + "--control PATH or ISTHMUS_CONTROL", code: .noCluster)
        }
        throw CommandFailure(
            "several clusters run here; choose one with --control PATH or ISTHMUS_CONTROL:\n"
                + live.map { "  \($0)" }.joined(separator: "\n"), code: .noCluster)
    }

    private func parse(_ text: String) throws -> ControlAddress {
        if text.hasPrefix("https://") { return try https(String(text.dropFirst("https://".count))) }
        if text.contains("://") && !text.hasPrefix("unix://") {
            throw CommandFailure(
                "control address \"\(text)\": give the path of a control socket, or https://HOST:PORT",
                code: .usage)
        }
        var path = ClusterPlaces.absolute(text.hasPrefix("unix://") ? String(text.dropFirst(7)) : text)
        if ClusterPlaces.isFolder(path) { path = ClusterPlaces.controlSocket(in: path) }
        guard UnixListener.isServed(path: path) else {
            throw CommandFailure(
                "no scheduler listens at \(path); start one with `isthmus up --directory DIR`, or see which "
                    + "run under \(ClusterPlaces.base)", code: .noCluster)
        }
        for (option, value) in [("--token-file", tokenFile), ("--authority", authority)] where value != nil {
            throw CommandFailure(
                "\(option) is for https addresses, and \(path) is a socket of this machine: leave it out",
                code: .usage)
        }
        return .unix(path: path)
    }

    private func https(_ rest: String) throws -> ControlAddress {
        guard let (host, port) = HostAndPort.parse(rest) else {
            throw CommandFailure("\"https://\(rest)\" is not https://HOST:PORT", code: .usage)
        }
        guard let file = tokenFile ?? ClusterPlaces.environment("ISTHMUS_TOKEN_FILE") else {
            throw CommandFailure(
                "an https address needs a token: give --token-file FILE or ISTHMUS_TOKEN_FILE", code: .usage)
        }
        do throws(BearerTokens.Problem) {
            return .https(
                host: host, port: port,
                authority: authority ?? ClusterPlaces.environment("ISTHMUS_CONTROL_AUTHORITY"),
                token: try BearerTokens.first(in: file))
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private func failure(_ error: RPCError, at address: ControlAddress) -> CommandFailure {
        let place =
            switch address {
            case .unix(let path): path
            case .https(let host, let port, _, _): "https://\(host):\(port)"
            }
        if error.code == .deadlineExceeded {
            return CommandFailure("the scheduler at \(place) did not answer in time; try again")
        }
        // Only the transport's words tell this from a scheduler that is not there.
        if error.code == .unavailable, let cause = error.cause, "\(cause)".contains("CERTIFICATE_VERIFY") {
            return CommandFailure(
                "the certificate of \(place) is not trusted: give --authority FILE or "
                    + "ISTHMUS_CONTROL_AUTHORITY, a PEM file of certificates to trust")
        }
        // The transport reports a connection that cannot be made in its own words, with the reason as cause.
        if error.code == .unavailable, let cause = error.cause, !(cause is RPCError) {
            return CommandFailure(
                "no scheduler answers at \(place): \(error.message) (\(cause))", code: .noCluster)
        }
        return CommandFailure(error.message, code: error.code == .invalidArgument ? .usage : .failure)
    }
}

/// The calls of one connection, with what each of them carries.
struct ClusterCalls: Sendable {
    let calls: ControlClient.Calls
    let metadata: Metadata
    var options: CallOptions { ControlClient.options }
}

/// `HOST:PORT`, an IPv6 host in brackets.
enum HostAndPort {
    static func parse(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : (host, Int(port))
    }
}
