internal import GRPCNIOTransportHTTP2
internal import Posix

/// Where the control API listens. There is no way to say TCP without TLS and tokens.
package enum ControlEndpoint: Sendable {
    /// A socket that only this user may open, in a folder of mode 0700.
    case unix(path: String)
    /// PEM files of the server's certificate chain and key. Port 0 lets the system choose.
    case tcp(host: String, port: Int, certificate: String, key: String, tokens: BearerTokens)
}

/// Why the control API cannot listen, and what to do.
package struct ControlEndpointError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
