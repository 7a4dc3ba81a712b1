internal import CPosix
internal import Glibc
internal import Synchronization

/// How a process ended.
package enum ExitStatus: Hashable, Sendable {
    case code(Int32)
    case signal(Int32)

    init(waitStatus status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .code((status >> 8) & 0xff) : .signal(signal)
    }
}

extension ExitStatus: CustomStringConvertible {
    /// "exited with code 3", "was killed by signal 11 (SIGSEGV, Segmentation fault)".
    package var description: String {
        switch self {
        case .code(let code):
            return "exited with code \(code)"
        case .signal(let number):
            let name = unsafe cposix_signal_name(number).map { unsafe "SIG" + String(cString: $0) }
            let text = unsafe cposix_signal_words(number).map { unsafe String(cString: $0) }
            let words = [name, text].compactMap { $0 }.joined(separator: ", ")
            return words.isEmpty
                ? "was killed by signal \(number)" : "was killed by signal \(number) (\(words))"
        }
    }
}

/// A child that leads a session and process group of its own. When its owner goes, the whole group is killed
/// and the child is waited for: no orphan and no zombie is left.
package struct ChildProcess: ~Copyable {
    package let id: Int32
    private let descriptor: FileDescriptor
    private var status: ExitStatus?

    /// Starts `arguments[0]`.
    ///
    /// - Parameters:
    ///   - environment: `NAME=value`.
    ///   - descriptors: the n-th becomes descriptor n of the child, which has no others.
    package init(
        _ arguments: [String], environment: [String], descriptors: [Int32]
    ) throws(PosixError) {
        precondition(!arguments.isEmpty, "a process needs a path")
        let process = try Orphans.ownChildren.withLock { own throws(PosixError) in
            let process = try Self.start(arguments, environment, descriptors)
            own.insert(process)
            return process
        }
        descriptor = try Self.watch(process, arguments[0])
        id = process
    }

    private static func start(
        _ arguments: [String], _ environment: [String], _ descriptors: [Int32]
    ) throws(PosixError) -> pid_t {
        var process: pid_t = 0
        let error = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe cposix_spawn(
                    arguments[0], arguments, environment, descriptors, Int32(descriptors.count), &process)
            }
        }
        guard error == 0 else { throw PosixError("starting \(arguments[0])", code: error) }
        return process
    }

    /// A descriptor that tells the child's end; without one the child is killed.
    private static func watch(_ process: pid_t, _ path: String) throws(PosixError) -> FileDescriptor {
        let pidfd = cposix_pidfd_open(process)
        guard pidfd < 0 else { return FileDescriptor(owning: pidfd) }
        let failure = PosixError("pidfd_open of \(path)")
        kill(-process, SIGKILL)
        _ = waitpid(process, nil, 0)
        forget(process)
        throw failure
    }

    deinit {
        guard status == nil else { return }
        kill(-id, SIGKILL)
        _ = waitpid(id, nil, 0)
        Self.forget(id)
    }

    /// It was waited for: its number may become another process's.
    private static func forget(_ process: pid_t) {
        _ = Orphans.ownChildren.withLock { $0.remove(process) }
    }

    /// Readable once the child has ended.
    package var rawValue: Int32 { descriptor.rawValue }

    /// Kills the child and every process of its group that has not left it. Harmless after its end.
    package func killGroup() {
        // A child that was not waited for keeps its number, so nobody else can be hit.
        guard status == nil else { return }
        kill(-id, SIGKILL)
    }

    /// Asks the child alone to end.
    package func terminate() {
        guard status == nil else { return }
        kill(id, SIGTERM)
    }

    /// How the child ended; nil while it runs. The rest of its group is killed with it.
    package mutating func reap() throws(PosixError) -> ExitStatus? {
        if let status { return status }
        var status: Int32 = 0
        let result = try checked("waiting for process \(id)", unsafe cposix_reap(id, &status))
        if result == 1 {
            self.status = ExitStatus(waitStatus: status)
            Self.forget(id)
        }
        return self.status
    }

    /// A null-terminated array of C strings for the time of the call.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe []
        unsafe pointers.reserveCapacity(strings.count + 1)
        for string in strings { unsafe pointers.append(strdup(string)) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }
}

/// The environment of this process, as `NAME=value`.
package func inheritedEnvironment() -> [String] {
    var variables: [String] = []
    guard var next = unsafe cposix_environment() else { return variables }
    while let variable = unsafe next.pointee {
        unsafe variables.append(String(cString: variable))
        unsafe next += 1
    }
    return variables
}

/// The value of a variable of this process's environment.
package func environmentVariable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// For this process and its children. Other threads must not read the environment meanwhile.
package func setEnvironmentVariable(_ name: String, _ value: String) {
    _ = unsafe setenv(name, value, 1)
}

/// The running executable, with every symbolic link resolved.
package func executablePath() throws(PosixError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = unsafe readlink("/proc/self/exe", &buffer, Int(PATH_MAX))
    guard count > 0 else { throw PosixError("readlink /proc/self/exe") }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Becomes another program, which keeps this process's id, streams and environment. Returns only by throwing.
package func replaceProcess(_ arguments: [String]) throws(PosixError) -> Never {
    // Freed by nobody: the process is another one, or about to end with an error.
    let texts = unsafe arguments.map { unsafe strdup($0) }
    _ = unsafe execv(arguments[0], texts + [nil])
    throw PosixError("starting \(arguments[0])")
}

package func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

package func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

package func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    unsafe _ = gethostname(&buffer, 255)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

package func processID() -> Int32 { getpid() }

/// The first 4096 bytes of a file, such as one of /proc.
package func readSmallFile(_ path: String) throws(PosixError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw PosixError("opening \(path)") }
    let file = FileDescriptor(owning: descriptor)
    var bytes = [UInt8](repeating: 0, count: 4096)
    guard case .bytes(let count) = try file.read(into: &bytes) else { return [] }
    return Array(bytes[..<count])
}
