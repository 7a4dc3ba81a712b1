/// Where a scheduler listens and its peers connect.
package enum Address: Hashable, Sendable {
    /// A Unix socket in a directory that belongs to this user alone.
    case ipc(path: String)
    /// Needs keys, loopback too. Port 0 lets the system choose when listening.
    case tcp(host: String, port: UInt16)
    /// Within this process, between users of one `Context`.
    case inproc(name: String)

    /// Reads `ipc:///path`, `tcp://host:port` (an IPv6 host in brackets) or `inproc://name`.
    package init(_ text: String) throws(TransportError) {
        if let path = Self.rest(of: text, after: "ipc://"), path.first == "/" {
            self = .ipc(path: path)
        } else if let name = Self.rest(of: text, after: "inproc://"), !name.isEmpty {
            self = .inproc(name: name)
        } else if let rest = Self.rest(of: text, after: "tcp://"), let colon = rest.lastIndex(of: ":"),
            let port = UInt16(rest[rest.index(after: colon)...]), colon > rest.startIndex
        {
            self = .tcp(host: String(rest[..<colon]), port: port)
        } else {
            throw TransportError(
                "\"\(text)\" is not an address: write ipc:///absolute/path or tcp://host:port")
        }
    }

    private static func rest(of text: String, after prefix: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }
}

extension Address: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ipc(let path): "ipc://\(path)"
        case .tcp(let host, let port): "tcp://\(host):\(port)"
        case .inproc(let name): "inproc://\(name)"
        }
    }
}

/// What went wrong below the protocol (an address, a key file, a directory), and what to do about it.
package struct TransportError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
