internal import ControlAPI
internal import GRPCCore
internal import GRPCNIOTransportHTTP2
package import Logging
internal import Posix
internal import ServiceLifecycle
internal import TaskModel

/// The control API as a service: a gRPC server in front of a cluster.
package final class ControlService<Cluster: ControlledCluster>: Service {
    private let endpoint: ControlEndpoint
    private let server: GRPCServer<HTTP2ServerTransport.Posix>
    private let transport: HTTP2ServerTransport.Posix
    private let logger: Logger

    /// Binds a Unix socket at once, so that an address in use is known before anything else starts; a TCP
    /// address is bound by `run`.
    package init(
        endpoint: ControlEndpoint, cluster: Cluster, metrics: MetricsRegistry, logger: Logger
    ) throws(ControlEndpointError) {
        self.endpoint = endpoint
        self.logger = logger
        var config = HTTP2ServerTransport.Posix.Config.defaults
        config.rpc.maxRequestPayloadSize = Limits.controlRequestBytesMax
        var interceptors: [any ServerInterceptor] = []
        switch endpoint {
        case .unix(let path):
            transport = HTTP2ServerTransport.Posix(
                listeningSocketDescriptor: Int(try Self.listen(path)), transportSecurity: .plaintext,
                config: config)
        case .tcp(let host, let port, let certificate, let key, let tokens):
            config.connection.maxIdleTime = .nanoseconds(Limits.controlIdleTimeout.nanoseconds)
            config.channelDebuggingCallbacks.onAcceptTCPConnection = HandshakeDeadline.install
            transport = HTTP2ServerTransport.Posix(
                address: try Self.address(host, port),
                transportSecurity: .tls(
                    certificateChain: [.file(path: certificate, format: .pem)],
                    privateKey: .file(path: key, format: .pem)),
                config: config)
            interceptors.append(TokenInterceptor(tokens: tokens, logger: logger))
        }
        server = GRPCServer(
            transport: transport, services: [ControlRequests(cluster: cluster, metrics: metrics)],
            interceptors: interceptors)
    }

    /// Returns when calls are answered, with the address: a path, or `https://HOST:PORT`.
    package func listening() async throws -> String {
        let address = try await transport.listeningAddress
        switch endpoint {
        case .unix(let path): return path
        case .tcp(let host, let port, _, _, _):
            let bound = address.ipv4?.port ?? address.ipv6?.port ?? port
            return "https://\(host.contains(":") ? "[\(host)]" : host):\(bound)"
        }
    }

    /// Serves until graceful shutdown (calls under way are finished) or cancellation.
    package func run() async throws {
        defer { removeSocket() }
        try await withGracefulShutdownHandler {
            try await server.serve()
        } onGracefulShutdown: {
            self.server.beginGracefulShutdown()
        }
    }

    private func removeSocket() {
        if case .unix(let path) = endpoint { removeFile(path) }
    }

    private static func listen(_ path: String) throws(ControlEndpointError) -> Int32 {
        do throws(PosixError) {
            return try UnixListener(path: path).release()
        } catch {
            let advice =
                UnixListener.isServed(path: path)
                ? "another scheduler serves this directory; stop it, or give --directory another one"
                : "give --directory a short path of your own"
            throw ControlEndpointError("cannot open the control socket: \(error); \(advice)")
        }
    }

    private static func address(
        _ host: String, _ port: Int
    ) throws(ControlEndpointError) -> GRPCNIOTransportHTTP2.SocketAddress {
        guard (0...65_535).contains(port) else {
            throw ControlEndpointError("port \(port) of the control address is not between 0 and 65535")
        }
        return host.contains(":") ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port)
    }
}
