internal import Glibc

/// Makes a directory of mode 0700, with its parents, or makes sure that an existing one belongs to this user
/// and is closed to all others.
package func makePrivateDirectory(_ path: String) throws(PosixError) {
    var status = stat()
    if unsafe lstat(path, &status) != 0 {
        if errno == ENOENT, let slash = path.dropLast(path.hasSuffix("/") ? 1 : 0).lastIndex(of: "/"),
            slash > path.startIndex
        {
            let parent = String(path[..<slash])
            if unsafe access(parent, F_OK) != 0 { try makePrivateDirectory(parent) }
        }
        if unsafe mkdir(path, 0o700) != 0 && errno != EEXIST { throw PosixError("make directory \(path)") }
        _ = try checked("stat \(path)", unsafe lstat(path, &status))
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw PosixError("use \(path)", code: ENOTDIR) }
    guard status.st_uid == geteuid() else {
        throw PosixError("use \(path), which belongs to another user (\(status.st_uid))", code: EPERM)
    }
    guard status.st_mode & 0o077 == 0 else {
        let mode = String(status.st_mode & 0o777, radix: 8)
        throw PosixError(
            "use \(path), which others may enter (mode \(mode)): name a directory of your own, or close this "
                + "one with chmod 700", code: EPERM)
    }
}

/// The content of a file that belongs to this user and that nobody else can read.
package func readPrivateFile(_ path: String, bytesMax: Int) throws(PosixError) -> [UInt8] {
    let file = FileDescriptor(owning: try checked("open \(path)", unsafe open(path, O_RDONLY | O_CLOEXEC)))
    var status = stat()
    _ = try checked("stat \(path)", unsafe fstat(file.rawValue, &status))
    guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
        throw PosixError("use \(path), which others can read: chmod 600 it", code: EPERM)
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
        guard case .bytes(let count) = try file.read(into: &buffer) else { return bytes }
        bytes.append(contentsOf: buffer[..<count])
        guard bytes.count <= bytesMax else { throw PosixError("read \(path)", code: EFBIG) }
    }
}

/// Writes a file of mode 0600 that must not exist yet.
package func writeNewFile(_ path: String, _ content: [UInt8]) throws(PosixError) {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
    let file = FileDescriptor(owning: try checked("write \(path)", unsafe open(path, flags, 0o600)))
    var written = 0
    while written < content.count {
        let count = unsafe content.withUnsafeBytes { bytes in
            unsafe Glibc.write(file.rawValue, bytes.baseAddress! + written, bytes.count - written)
        }
        guard count > 0 else { throw PosixError("write \(path)") }
        written += count
    }
}

extension PosixError {
    /// The file is there already.
    package var isExists: Bool { code == EEXIST }
}
