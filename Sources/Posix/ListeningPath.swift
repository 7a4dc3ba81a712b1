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
        let lock = try Self.locked(path)
        if unsafe unlink(path) != 0 && errno != ENOENT { throw PosixError("remove the old \(path)") }
        self.path = path
        self.lock = lock
    }

    /// The lock file is removed while it is locked.
    deinit {
        _ = unsafe unlink(path)
        _ = unsafe unlink("\(path).lock")
    }

    /// The lock beside the path. A file that its holder removes between `open` and `flock` locks nothing any
    /// more, so it must still be there afterwards.
    private static func locked(_ path: String) throws(PosixError) -> FileDescriptor {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
        while true {
            let lock = FileDescriptor(
                owning: try checked("open \(path).lock", unsafe open("\(path).lock", flags, 0o600)))
            guard flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                throw PosixError("listen at \(path)", code: errno == EWOULDBLOCK ? EADDRINUSE : errno)
            }
            var (held, there) = (stat(), stat())
            _ = try checked("look at \(path).lock", unsafe fstat(lock.rawValue, &held))
            let found = unsafe lstat("\(path).lock", &there) == 0
            if found && held.st_ino == there.st_ino && held.st_dev == there.st_dev { return lock }
        }
    }
}
