package import ControlAPI
package import GRPCCore
package import GRPCNIOTransportHTTP2
internal import Posix
internal import TaskModel

/// Where a scheduler's control API is, seen from a caller.
package enum ControlAddress: Hashable, Sendable {
    case unix(path: String)
    /// `authority` is a PEM file of the certificates to trust; nil: those of the system.
    case https(host: String, port: Int, authority: String?, token: String)
}

/// A connection to a scheduler's control API for the calls made inside `withCalls`.
package struct ControlClient: Sendable {
    package typealias Calls = Isthmus_Control_V1_Control.Client<HTTP2ClientTransport.Posix>

    private let address: ControlAddress

    package init(_ address: ControlAddress) { self.address = address }

    /// What every call is made with: the token, if the address needs one.
    package var metadata: Metadata {
        switch address {
        case .unix: [:]
        case .https(_, _, _, let token): ["authorization": "Bearer \(token)"]
        }
    }

    /// For every call but `watchEvents`: bounded, and refused at once where nobody listens.
    package static var options: CallOptions {
        var options = CallOptions.defaults
        options.timeout = .nanoseconds(Limits.controlCallTimeout.nanoseconds)
        options.waitForReady = false
        return options
    }

    /// - Throws: `RPCError`, whose message is meant for a person.
    package func withCalls<Result: Sendable>(
        _ body: @Sendable @escaping (Calls) async throws -> Result
    ) async throws -> Result {
        let transport: HTTP2ClientTransport.Posix
        switch address {
        case .unix(let path):
            transport = try .http2NIOPosix(
                target: .unixDomainSocket(path: path), transportSecurity: .plaintext)
        case .https(let host, let port, let authority, _):
            let roots = authority.map {
                TLSConfig.TrustRootsSource.certificates([.file(path: $0, format: .pem)])
            }
            let security = HTTP2ClientTransport.Posix.TransportSecurity.tls { tls in
                if let roots { tls.trustRoots = roots }
            }
            // A number is no name: it is not asked for in the handshake, and the certificate names it as an
            // address (its IP SAN).
            switch addressFamily(of: host) {
            case .ipv4:
                transport = try .http2NIOPosix(
                    target: .ipv4(address: host, port: port), transportSecurity: security)
            case .ipv6:
                transport = try .http2NIOPosix(
                    target: .ipv6(address: host, port: port), transportSecurity: security)
            case nil:
                transport = try .http2NIOPosix(
                    target: .dns(host: host, port: port), transportSecurity: security)
            }
        }
        return try await withGRPCClient(transport: transport) { client in
            try await body(Calls(wrapping: client))
        }
    }
}
