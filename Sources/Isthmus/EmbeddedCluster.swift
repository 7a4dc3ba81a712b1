import Glibc
import Posix
import Synchronization
import TaskModel

/// `isthmus up --embedded` as a child. It ends when this process does, however that happens, for its standard
/// input ends with it.
final class EmbeddedCluster: Sendable {
    private struct Child: ~Copyable {
        /// Its standard input and output.
        var stream: FileDescriptor?
        var streamDescriptor: Int32 = -1
        var process: ChildProcess?
        var endDescriptor: Int32 = -1
    }

    private let child: Mutex<Child>
    let address: String
    /// Readable once the child has ended.
    let endDescriptor: Int32

    /// Starts the child and blocks until it is ready. Its log goes to this process's standard error.
    init(
        binary: String, slots: Int, python: String?, swiftExecutable: String?
    ) throws(IsthmusError) {
        let directory = Self.newDirectory()
        var arguments = [binary, "up", "--embedded", "--slots", String(slots), "--directory", directory]
        if let python { arguments += ["--python", python] }
        if let swiftExecutable { arguments += ["--swift", swiftExecutable] }
        do {
            let started = try Self.start(arguments)
            endDescriptor = started.endDescriptor
            child = Mutex(started)
        } catch {
            throw .connection("the embedded cluster cannot be started: \(error)")
        }
        address = "ipc://\(directory)/scheduler.ipc"
        try waitUntilReady(arguments)
    }

    private static func start(_ arguments: [String]) throws(PosixError) -> Child {
        var child = Child()
        try SocketPair().split { ours, theirs throws(PosixError) in
            let descriptor = theirs.rawValue
            let process = try ChildProcess(
                arguments, environment: inheritedEnvironment(),
                descriptors: [descriptor, descriptor, StandardStream.error.rawValue])
            child.endDescriptor = process.rawValue
            child.process = consume process
            child.streamDescriptor = ours.rawValue
            child.stream = consume ours
        }
        return child
    }

    /// One line on standard output says that sessions are accepted.
    private func waitUntilReady(_ arguments: [String]) throws(IsthmusError) {
        let deadline = MonotonicClock.now + Limits.embeddedStartTimeout
        var line = [UInt8](repeating: 0, count: Limits.announcementBytesMax)
        var count = 0
        do {
            var poller = try Poller()
            try poller.watch(child.withLock { $0.streamDescriptor }, token: 0)
            while count < line.count {
                let now = MonotonicClock.now
                guard now < deadline else { break }
                _ = try poller.wait(until: deadline, now: now)
                let transferred = try child.withLock { child throws(PosixError) in
                    try child.stream!.read(into: &line, at: count)
                }
                guard case .bytes(let more) = transferred else {
                    if case .wouldBlock = transferred { continue }
                    throw PosixError(
                        "it ended before it was ready; its last words are on standard error", code: 0)
                }
                count += more
                if line[..<count].contains(UInt8(ascii: "\n")) { return }
            }
        } catch {
            stop()
            throw .connection(
                "the embedded cluster did not start (\(arguments.joined(separator: " "))): \(error)")
        }
        stop()
        throw .connection(
            "the embedded cluster was not ready within "
                + "\(Limits.embeddedStartTimeout.nanoseconds / 1_000_000_000) seconds "
                + "(\(arguments.joined(separator: " ")))"
        )
    }

    /// How the child ended; nil while it runs.
    var ending: String? {
        child.withLock { child in (try? child.process?.reap()).flatMap { $0 }?.description }
    }

    /// Lets the child go, and kills what has not gone by itself after a moment. Blocks for that long.
    func stop() {
        child.withLock { $0.stream = nil }
        let deadline = MonotonicClock.now + Limits.closeTimeout
        if var poller = try? Poller(), (try? poller.watch(endDescriptor, token: 0)) != nil {
            while MonotonicClock.now < deadline {
                guard let ready = try? poller.wait(until: deadline, now: MonotonicClock.now) else { break }
                if !ready.isEmpty { break }
            }
        }
        // Waits for the child, and kills what is left of its group.
        child.withLock { $0.process = nil }
    }

    private static func newDirectory() -> String {
        let base =
            environmentVariable("XDG_RUNTIME_DIR").map { "\($0)/isthmus" } ?? "/tmp/isthmus-\(geteuid())"
        let digits = String(randomUInt64() & 0xffff_ffff, radix: 16)
        return "\(base)/embedded-\(String(repeating: "0", count: 8 - digits.count))\(digits)"
    }

    /// Where the `isthmus` executable is: `ISTHMUS_BINARY`, beside this executable, in a build folder above
    /// it, in the virtual environment, on the `PATH`.
    static func findBinary() throws(IsthmusError) -> String {
        if let named = environmentVariable("ISTHMUS_BINARY"), !named.isEmpty {
            guard isExecutable(named) else {
                throw .connection("ISTHMUS_BINARY is \(named), which is not an executable")
            }
            return named
        }
        var candidates: [String] = []
        if let own = try? executablePath() {
            var folder = own[...]
            while let slash = folder.lastIndex(of: "/") {
                folder = folder[..<slash]
                if candidates.isEmpty { candidates.append("\(folder)/isthmus") }
                candidates.append("\(folder)/.build/release/isthmus")
            }
        }
        if let environment = environmentVariable("VIRTUAL_ENV") {
            candidates.append("\(environment)/bin/isthmus")
        }
        let path = environmentVariable("PATH") ?? ""
        candidates += path.split(separator: ":").map { "\($0)/isthmus" }
        if let found = candidates.first(where: { isExecutable($0) }) { return found }
        throw .connection(
            "the isthmus executable is not found beside this one, in a .build/release above it, or on the "
                + "PATH: build it (swift build -c release --product isthmus) and set ISTHMUS_BINARY to it")
    }
}
