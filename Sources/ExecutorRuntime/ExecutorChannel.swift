internal import Posix
internal import Synchronization
package import TaskModel
package import Wire

/// An executor's end of the socket to its worker.
///
/// The thread that runs tasks, the *runner*, reads the socket itself when it has nothing to do and writes its
/// outcomes itself, so a short task costs no change of thread. While it is busy with one task for longer than
/// a moment, the *watcher* thread looks after the socket: it sends what waits, takes in new work, gives
/// attempts back, and passes on that the running one is to stop. It needs no lock of the language that the
/// task is written in, so it works also while a task holds the GIL.
///
/// When the socket reaches its end the worker is gone, and the executor dies with everything it started.
package final class ExecutorChannel: Sendable {
    struct State: ~Copyable {
        /// Nil while the runner reads with it.
        var input: RecordInput? = RecordInput()
        var queue = WorkQueue()
        var running: Running?
        var onStop: (@Sendable (AttemptID, StopReason) -> Void)?
        var isOver = false
    }

    struct Running {
        let attempt: AttemptID
        let started: Instant
        var stop: StopReason?
    }

    let socket: ExecutorSocket
    let captured: [CapturedStream]
    let state = Mutex(State())
    /// Before `output`, whose journal closes the descriptor.
    let activity = Activity()
    let output = Mutex(OutcomeOutput())
    let wake: EventFD
    /// When the runner took what it is busy with, in nanoseconds; 0 while it waits for work.
    let busySince = Atomic<Int64>(0)
    /// The watcher sleeps until `wake`.
    let watcherSleeps = Atomic<Bool>(false)
    /// The watcher looks after the socket.
    let tookOver = Atomic<Bool>(false)
    /// The worker, as outcomes name it.
    let worker = Atomic<UInt64>(0)
    private let detached = Atomic<Bool>(false)
    let whenAbandoned: @Sendable () -> Void

    /// Takes over the socket (descriptor 3 of an executor). Captures descriptors 1 and 2 when they are
    /// memory files. `whenAbandoned` is for tests; an executor without a worker has to die.
    package init(
        socket: Int32 = 3, whenAbandoned: @escaping @Sendable () -> Void = { killOwnGroup() }
    ) throws(ExecutorError) {
        do {
            self.socket = try ExecutorSocket(socket)
            wake = try EventFD()
        } catch {
            throw ExecutorError(
                "descriptor \(socket) is no socket to a worker, which starts executors: \(error)")
        }
        self.whenAbandoned = whenAbandoned
        captured = [CapturedStream(1, .standardOutput), CapturedStream(2, .standardError)].compactMap { $0 }
    }

    /// Blocks until the worker's greeting is there, and starts the watcher. Call first, once.
    package func greeting() throws(ExecutorError) -> Greeting {
        var input = state.withLock { $0.input.take() }
        do {
            while true {
                if let record = try input!.next() {
                    let greeting = try Greeting(decoding: record)
                    try state.withLock { state throws(any Error) in
                        state.input = input.take()
                        // Work may have come in the same read.
                        try absorb(&state)
                    }
                    worker.store(greeting.worker.rawValue, ordering: .relaxed)
                    busySince.store(MonotonicClock.now.nanoseconds, ordering: .relaxed)
                    _ = try OSThread(name: "watcher", stackBytes: 256 << 10) { self.watch() }
                    return greeting
                }
                if case .endOfFile = try input!.read(socket, waiting: true) {
                    throw ExecutorError("the worker closed the socket")
                }
            }
        } catch {
            throw ExecutorError("no greeting from the worker: \(error)")
        }
    }

    /// Says that tasks may come. `fields` as docs/wire-protocol.md lists them; `wire` and `pid` are added.
    package func ready(_ fields: [Field]) {
        let all = [
            Field("wire", .unsigned(UInt64(FrameHeader.version))), Field("pid", .unsigned(ownProcessID())),
        ]
        output.withLock {
            $0.record(.ready) { writer in
                writer.uint32(UInt32(all.count + fields.count))
                writer.uint32(0)
                writer.fields(all + fields)
            }
        }
        flush()
    }

    /// Says why no task can run here; the caller exits afterwards.
    package func fail(_ text: String) {
        output.withLock {
            $0.record(.failed) { writer in
                writer.uint32(UInt32(text.utf8.count))
                writer.uint32(0)
                writer.text(text)
            }
        }
        flush()
    }

    /// Called on the watcher's thread when the attempt that runs is to stop; must return at once.
    /// Set before the first `next`.
    package func onStop(_ handler: @escaping @Sendable (AttemptID, StopReason) -> Void) {
        state.withLock { $0.onStop = handler }
    }

    /// The attempt that was taken and not finished.
    package var running: AttemptID? { state.withLock { $0.running?.attempt } }

    /// The request to stop the attempt that runs, once; nil afterwards.
    package func takeStop() -> StopReason? { state.withLock { $0.running?.stop.take() ?? nil } }

    /// In the child of a fork: the socket stays with the parent, and a call that would use it ends the child.
    package func detach() { detached.store(true, ordering: .relaxed) }

    func exitIfDetached() {
        if detached.load(ordering: .relaxed) { exitAtOnce(0) }
    }
}

extension Greeting {
    init(decoding record: ReceivedRecord) throws(ExecutorError) {
        guard record.type == .greeting else {
            throw ExecutorError("a record \(record.type) before the greeting")
        }
        do {
            var reader = unsafe ByteReader(record.body.span.bytes)
            let count = try reader.uint32("number of fields")
            try reader.skip(4, "zero")
            let fields = try reader.fields(count: count)
            wire = fields["wire"]?.unsigned ?? 0
            worker = SessionID(fields["worker"]?.unsigned ?? 0)
            bridge = fields["bridge"]?.string ?? ""
            memoryBytesMax = fields["memory_max"]?.unsigned ?? 0
        } catch {
            throw ExecutorError("the greeting cannot be read: \(error)")
        }
        guard wire == UInt64(FrameHeader.version) else {
            throw ExecutorError(
                """
                the worker speaks wire version \(wire), this executor \(FrameHeader.version): isthmus and \
                isthmus-executor are of different builds; install them together
                """)
        }
    }
}
