import FoundationEssentials
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
    /// The control socket.
    let control: String
    /// Readable once the child has ended.
    let endDescriptor: Int32

    /// The one line on standard output that says that it serves.
    private struct Ready: Decodable {
        let address: String
        let control: String
    }

    /// Starts the child and blocks until it is ready. Its log goes to this process's standard error.
    init(
        binary: String, slots: Int?, python: String?, swiftExecutable: String?
    ) throws(IsthmusError) {
        let directory = Self.newDirectory()
        var arguments = [binary, "up", "--embedded", "--directory", directory]
        if let slots { arguments += ["--slots", String(slots)] }
        if let python { arguments += ["--python", python] }
        if let swiftExecutable { arguments += ["--swift", swiftExecutable] }
        let command = arguments.joined(separator: " ")
        var started: Child
        do {
            started = try Self.start(arguments)
        } catch {
            throw .connection("the embedded cluster cannot be started (\(command)): \(error)")
        }
        endDescriptor = started.endDescriptor
        do {
            let ready = try Self.waitUntilReady(&started)
            address = ready.address
            control = ready.control
        } catch {
            Self.stop(&started)
            throw .connection("the embedded cluster did not start (\(command)): \(error)")
        }
        child = Mutex(started)
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
    private static func waitUntilReady(_ child: inout Child) throws(PosixError) -> Ready {
        let deadline = MonotonicClock.now + Limits.embeddedStartTimeout
        var line = [UInt8](repeating: 0, count: Limits.announcementBytesMax)
        var count = 0
        var poller = try Poller()
        try poller.watch(child.streamDescriptor, token: 0)
        while count < line.count {
            let now = MonotonicClock.now
            guard now < deadline else { break }
            _ = try poller.wait(until: deadline, now: now)
            let transferred = try child.stream!.read(into: &line, at: count)
            guard case .bytes(let more) = transferred else {
                if case .wouldBlock = transferred { continue }
                throw PosixError(
                    "it ended before it was ready; its last words are on standard error", code: 0)
            }
            count += more
            guard let end = line[..<count].firstIndex(of: UInt8(ascii: "\n")) else { continue }
            if let ready = try? JSONDecoder().decode(Ready.self, from: Data(line[..<end])) { return ready }
            throw PosixError(
                "it did not say where it listens, but \(String(decoding: line[..<end], as: UTF8.self))",
                code: 0)
        }
        let seconds = Limits.embeddedStartTimeout.nanoseconds / 1_000_000_000
        throw PosixError("it was not ready within \(seconds) seconds", code: 0)
    }

    /// How the child ended; nil while it runs.
    var ending: String? {
        child.withLock { child in (try? child.process?.reap()).flatMap { $0 }?.description }
    }

    /// Lets the child go, and kills what has not gone by itself after a moment. Blocks for that long.
    func stop() { child.withLock { Self.stop(&$0) } }

    private static func stop(_ child: inout Child) {
        _ = child.stream.take()
        let deadline = MonotonicClock.now + Limits.closeTimeout
        if var poller = try? Poller(), (try? poller.watch(child.endDescriptor, token: 0)) != nil {
            while MonotonicClock.now < deadline {
                guard let ready = try? poller.wait(until: deadline, now: MonotonicClock.now) else { break }
                if !ready.isEmpty { break }
            }
        }
        // Waits for the child, and kills what is left of its group.
        _ = child.process.take()
    }

    private static func newDirectory() -> String {
        let base =
            environmentVariable("XDG_RUNTIME_DIR").map { "\($0)/isthmus" } ?? "/tmp/isthmus-\(geteuid())"
        let digits = String(randomUInt64() & 0xffff_ffff, radix: 16)
        return "\(base)/embedded-\(String(repeating: "0", count: 8 - digits.count))\(digits)"
    }
}
