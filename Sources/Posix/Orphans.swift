internal import CPosix
internal import Glibc
internal import Synchronization

/// Processes of which this one became the parent because theirs ended: what executors leave behind.
package enum Orphans {
    /// What was started here, with `ChildProcess`, and is waited for there.
    static let ownChildren = Mutex<Set<Int32>>([])

    /// From now on descendants whose parent ends are this process's, until it ends itself. Not for a process
    /// that starts children by other means than `ChildProcess`: it would lose their exit statuses.
    package static func adopt() throws(PosixError) {
        _ = try checked("becoming a subreaper", cposix_adopt_orphans())
    }

    /// Those that are here, alive. Those that have ended are waited for.
    package static func alive() -> [Int32] {
        // Read before the children: whoever is started in between is no orphan.
        var found = children(of: getpid())
        ownChildren.withLock { own in found.removeAll { own.contains($0) } }
        return found.filter { waitpid($0, nil, WNOHANG) == 0 }
    }

    /// Kills a process and everything that descends from it.
    package static func kill(_ process: Int32) {
        let all = [process] + descendants(of: process)
        for process in all { _ = Glibc.kill(process, SIGKILL) }
    }

    /// Blocks until one that was killed has ended.
    package static func wait(for process: Int32) { _ = waitpid(process, nil, 0) }

    /// Kills what this process has started, and what that has, in whatever session and group they are.
    package static func killDescendants() {
        for process in descendants(of: getpid()) { _ = Glibc.kill(process, SIGKILL) }
    }

    /// The value of a variable in the environment that a process was started with; nil when it has none.
    package static func value(of name: String, in process: Int32) -> String? {
        guard let bytes = try? readFile("/proc/\(process)/environ", bytesMax: environmentBytesMax) else {
            return nil
        }
        let head = Array((name + "=").utf8)
        guard let variable = bytes.split(separator: 0).first(where: { $0.starts(with: head) }) else {
            return nil
        }
        return String(decoding: variable.dropFirst(head.count), as: UTF8.self)
    }

    /// A kernel lets a program have a quarter of its stack limit, mostly 2 MiB, for both arguments and
    /// environment.
    private static let environmentBytesMax = 2 << 20
    /// Descendants that are found; a program that starts more, faster than they are killed, is not caught up.
    private static let descendantsMax = 4_096

    private static func descendants(of process: Int32) -> [Int32] {
        var found = children(of: process)
        var next = 0
        while next < found.count, found.count < descendantsMax {
            found += children(of: found[next])
            next += 1
        }
        return found
    }

    /// Of all threads: each is the parent of what it has started.
    private static func children(of process: Int32) -> [Int32] {
        var found: [Int32] = []
        for thread in names(in: "/proc/\(process)/task") {
            let path = "/proc/\(process)/task/\(thread)/children"
            guard let bytes = try? readFile(path, bytesMax: 16 * descendantsMax) else { continue }
            found += String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
        }
        return found
    }

    private static func names(in folder: String) -> [String] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private static func readFile(_ path: String, bytesMax: Int) throws(PosixError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PosixError("opening \(path)") }
        let file = FileDescriptor(owning: descriptor)
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count < bytesMax {
            guard case .bytes(let count) = try file.read(into: &piece), count > 0 else { break }
            bytes += piece[..<count]
        }
        return bytes
    }
}
