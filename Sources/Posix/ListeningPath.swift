internal import CPosix
internal import Glibc

/// The right to listen at the path of a Unix socket: held by a lock beside it, until the end of the life of
/// this value or process. A socket file that is left over from a dead process is removed.
package struct ListeningPath: ~Copyable, Sendable {
    package let path: String
    private let lock: FileDescriptor

    /// The longest path that fits into a socket address, with room for the system's terminating zero.
    package static let pathBytesMax = 107

    /// The path's directory must exist. Throws `EADDRINUSE` if another process listens there.
    package init(claiming path: String) throws(PosixError) {
        guard path.utf8.count <= Self.pathBytesMax else {
            throw PosixError("listen at \(path) (at most \(Self.pathBytesMax) bytes)", code: ENAMETOOLONG)
        }
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
        let lock = FileDescriptor(
            owning: try checked("open \(path).lock", unsafe open("\(path).lock", flags, 0o600)))
        guard flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            throw PosixError("listen at \(path)", code: errno == EWOULDBLOCK ? EADDRINUSE : errno)
        }
        if unsafe unlink(path) != 0 && errno != ENOENT { throw PosixError("remove the old \(path)") }
        self.path = path
        self.lock = lock
    }

    deinit { _ = unsafe unlink(path) }
}
