package import Logging
import Posix
import ServiceLifecycle
import SessionTransport
import Synchronization
import TaskModel
package import ZeroMQ

/// A worker as a service: `run` starts the loop's thread and returns when the worker has left.
///
/// A graceful shutdown drains: nothing new is taken, what has not started is given back, what runs ends.
/// A cancelled `run` (the second SIGTERM) kills every executor with all its children and returns at once.
package final class WorkerService: Service {
    private let configuration: WorkerConfiguration
    private let context: Context
    private let logger: Logger
    private let end = Milestone()
    private let join = Milestone()

    /// - Parameters:
    ///   - context: shared with the scheduler when both live in one process (`inproc://`), else nil.
    package init(configuration: WorkerConfiguration, context: Context?, logger: Logger) {
        self.configuration = configuration
        self.context = context ?? Context()
        self.logger = logger
    }

    /// To be called once.
    ///
    /// - Throws: `WorkerError` when no executor can be started or the scheduler refuses this worker.
    package func run() async throws {
        let mailbox: Mailbox<WorkerLetter>
        let thread: OSThread
        do {
            mailbox = try Mailbox(capacity: Self.lettersMax)
            thread = try startThread(mailbox)
        } catch {
            let failure = WorkerError("The worker's loop cannot be started: \(error)")
            join.reach(.failure(failure))
            throw failure
        }
        let logger = logger
        let tell: @Sendable (WorkerLetter) -> Void = { letter in
            do {
                try mailbox.post(letter)
            } catch MailboxError.closed {
                // It is leaving already.
            } catch {
                logger.error("the worker's loop does not hear", metadata: ["why": "\(error)"])
            }
        }
        let result = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await end.wait()
            } onGracefulShutdown: {
                tell(.drain)
            }
        } onCancel: {
            tell(.stop)
        }
        thread.join()
        try result.get()
    }

    /// A drain and a stop; the rest is room for impatience.
    private static let lettersMax = 16

    private func startThread(_ mailbox: Mailbox<WorkerLetter>) throws -> OSThread {
        try OSThread(name: "isthmus worker") { [configuration, context, logger, end, join] in
            let result: Result<Void, WorkerError>
            do throws(WorkerError) {
                let loop = try WorkerLoop(
                    configuration: configuration, context: context, logger: logger, mailbox: mailbox,
                    joined: { join.reach(.success(())) })
                try loop.run()
                result = .success(())
            } catch {
                result = .failure(error)
            }
            let early = WorkerError("The worker left before the scheduler had welcomed it.")
            join.reach(result.flatMap { .failure(early) })
            end.reach(result)
        }
    }

    /// Returns when the scheduler has welcomed this worker for the first time.
    ///
    /// - Throws: what `run` throws when it ends before that.
    package func joined() async throws {
        try await join.wait().get()
    }
}

/// Something that happens once, and that any number of tasks may wait for.
private final class Milestone: Sendable {
    private typealias Outcome = Result<Void, WorkerError>

    private struct State {
        var outcome: Outcome?
        var waiting: [CheckedContinuation<Outcome, Never>] = []
    }

    private let state = Mutex(State())

    /// Only the first call counts.
    func reach(_ outcome: Result<Void, WorkerError>) {
        let waiting = state.withLock { state in
            guard state.outcome == nil else { return [] as [CheckedContinuation<Outcome, Never>] }
            state.outcome = outcome
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: outcome) }
    }

    func wait() async -> Result<Void, WorkerError> {
        await withCheckedContinuation { continuation in
            let outcome = state.withLock { state in
                if state.outcome == nil { state.waiting.append(continuation) }
                return state.outcome
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }
}
