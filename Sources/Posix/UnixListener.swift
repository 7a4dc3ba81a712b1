internal import CPosix
internal import Glibc

/// A listening Unix socket whose file only its owner may open.
package struct UnixListener: ~Copyable {
    /// Longest path that a socket address holds.
    package static let pathBytesMax = 107

    private let descriptor: FileDescriptor

    /// Binds `path`. A file that a dead process left there is replaced; one that is being served is not.
    ///
    /// The mode is set before bind, so the file never exists with another one.
    package init(path: String, backlog: Int32 = 128) throws(PosixError) {
        var address = try socketAddress(path)
        let socket = try unixSocket()
        if Posix.isServed(path: path) { throw PosixError("bind \(path)", code: EADDRINUSE) }
        _ = unsafe unlink(path)
        _ = try checked("fchmod", fchmod(socket.rawValue, S_IRUSR | S_IWUSR))
        _ = try checked(
            "bind \(path)", unsafe withGeneric(&address) { unsafe bind(socket.rawValue, $0, $1) })
        _ = try checked("listen \(path)", listen(socket.rawValue, backlog))
        try socket.setNonBlocking()
        descriptor = socket
    }

    /// Readable when a connection waits.
    package var rawValue: Int32 { descriptor.rawValue }

    /// The next connection that waits, non-blocking; nil: none does.
    package func accept() throws(PosixError) -> FileDescriptor? {
        while true {
            let accepted = cposix_accept(descriptor.rawValue)
            if accepted >= 0 { return FileDescriptor(owning: accepted) }
            switch errno {
            case EAGAIN: return nil
            // Whoever wanted to connect has gone again, or a signal came.
            case ECONNABORTED, EINTR: continue
            default: throw PosixError("accept")
            }
        }
    }

    /// Gives the descriptor away without closing it.
    package consuming func release() -> Int32 { descriptor.release() }

    /// Whether a process accepts connections at `path` now.
    package static func isServed(path: String) -> Bool { Posix.isServed(path: path) }
}

extension FileDescriptor {
    /// A non-blocking connection to the Unix socket at a path. Throws at once if nobody listens there.
    package static func connected(toUnixSocket path: String) throws(PosixError) -> FileDescriptor {
        var address = try socketAddress(path)
        let socket = try unixSocket()
        try socket.setNonBlocking()
        _ = try checked(
            "connect", unsafe withGeneric(&address) { unsafe connect(socket.rawValue, $0, $1) })
        return socket
    }

    /// How much a socket holds that was written and not read yet; less if the system allows less.
    package func setSendBuffer(bytes: Int32) throws(PosixError) {
        let code = unsafe withUnsafeBytes(of: bytes) { value in
            unsafe setsockopt(rawValue, SOL_SOCKET, SO_SNDBUF, value.baseAddress, socklen_t(value.count))
        }
        _ = try checked("setsockopt(SO_SNDBUF)", code)
    }

    /// The effective user of the process at the other end of a Unix socket, when it connected or began to
    /// listen.
    package func peerUser() throws(PosixError) -> UInt32 {
        var user: UInt32 = 0
        _ = try checked("getsockopt(SO_PEERCRED)", unsafe cposix_peer_user(rawValue, &user))
        return user
    }
}

private func isServed(path: String) -> Bool {
    guard var address = try? socketAddress(path), let socket = try? unixSocket() else { return false }
    return unsafe withGeneric(&address) { unsafe connect(socket.rawValue, $0, $1) } == 0
}

private func unixSocket() throws(PosixError) -> FileDescriptor {
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    return FileDescriptor(owning: try checked("socket", socket(AF_UNIX, kind, 0)))
}

private func socketAddress(_ path: String) throws(PosixError) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count <= UnixListener.pathBytesMax else {
        throw PosixError("socket path \(path)", code: ENAMETOOLONG)
    }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { target in unsafe target.copyBytes(from: bytes) }
    return address
}

private func withGeneric(
    _ address: inout sockaddr_un, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            unsafe call(generic, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
