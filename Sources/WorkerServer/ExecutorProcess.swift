import Posix
import SessionTransport
import TaskModel
import Wire
import WorkerCore

/// How to start an executor of one kind.
struct ExecutorCommandLine: Sendable {
    let arguments: [String]
    let environment: [String]
}

/// One life of an executor: its process, its end of the socket, its captured output, its journal.
/// Belongs to the worker's loop.
final class ExecutorProcess {
    let index: ExecutorIndex
    /// Tells events of this life from late ones of an earlier life in the same place.
    let life: UInt32
    let socket: FileDescriptor
    private var child: ChildProcess
    private let standardOutput: FileDescriptor
    private let standardError: FileDescriptor
    private let journal: FileDescriptor

    var input = ExecutorInput()
    var output = ExecutorOutput()
    /// What the poller watches the socket for; the loop keeps it in step.
    var interest: Poller.Readiness = .readable
    /// The worker has nothing more to read from it: it closed its side or broke the protocol.
    var isClosed = false
    /// How it ended.
    var status: ExitStatus?
    /// After it closed its side: when it must have ended.
    var closeDeadline = Instant.distantFuture
    /// What it said of itself when it became ready.
    var fields: [Field] = []
    /// Why it said that no task can run in it.
    var failure: String?
    /// It was told to end because what is next needs another process.
    var isRetired = false
    /// Why the worker killed it, for the error of what it ran.
    var killed: String?
    let startedAt: Instant

    init(
        _ index: ExecutorIndex, life: UInt32, _ commandLine: ExecutorCommandLine, now: Instant
    ) throws(PosixError) {
        self.index = index
        self.life = life
        startedAt = now
        standardOutput = try FileDescriptor.memoryFile("isthmus stdout")
        standardError = try FileDescriptor.memoryFile("isthmus stderr")
        journal = try FileDescriptor.memoryFile("isthmus journal", appending: false)
        try journal.setSize(Limits.executorJournalBytes)
        let nothing = try FileDescriptor.memoryFile("isthmus stdin")
        let pair = try SocketPair()
        child = try ChildProcess(
            commandLine.arguments, environment: commandLine.environment,
            descriptors: [
                nothing.rawValue, standardOutput.rawValue, standardError.rawValue, pair.theirs.rawValue,
                journal.rawValue,
            ])
        socket = try pair.ours.duplicate()
    }

    var processID: Int32 { child.id }

    /// Readable once the process has ended.
    var endDescriptor: Int32 { child.rawValue }

    func kill(because reason: String?) {
        killed = killed ?? reason
        child.killGroup()
    }

    /// How the process ended; nil while it runs.
    func reap() throws(PosixError) -> ExitStatus? { try child.reap() }

    /// Results that the executor had not yet written when it died.
    func unwrittenResults() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Limits.executorJournalBytes)
        guard case .bytes(let read)? = try? journal.read(into: &bytes, position: 0), read > Self.journalHeader
        else { return [] }
        let count = bytes[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count > 0, count <= read - Self.journalHeader else { return [] }
        return Array(bytes[Self.journalHeader..<(Self.journalHeader + count)])
    }

    private static let journalHeader = 64

    /// What it says that it is doing, or was doing when it died (docs/wire-protocol.md, "The executor's
    /// socket").
    var activity: ExecutorActivity {
        switch journalNumber(8..<12) {
        case 1: .nothing
        case 3: .initializer
        default: .attempt
        }
    }

    /// The session to which `activity` refers.
    var initializing: SessionID { SessionID(journalNumber(16..<24)) }

    private func journalNumber(_ bytes: Range<Int>) -> UInt64 {
        var header = [UInt8](repeating: 0, count: Self.journalHeader)
        guard case .bytes(let read)? = try? journal.read(into: &header, position: 0), read == header.count
        else { return 0 }
        return header[bytes].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The newest bytes that it wrote and that belong to no finished attempt.
    func outputTail(bytesMax: Int) -> (standardOutput: [UInt8], standardError: [UInt8]) {
        (tail(of: standardOutput, bytesMax: bytesMax), tail(of: standardError, bytesMax: bytesMax))
    }

    /// The last lines of either, standard error first, for an error message.
    func lastWords() -> String {
        let errors = lastLines(of: standardError)
        return errors.isEmpty ? lastLines(of: standardOutput) : errors
    }

    var residentBytes: UInt64 { MemoryUse.resident(of: child.id) }

    var residentBytesOfTree: UInt64 { MemoryUse.resident(ofTree: child.id) }
}
