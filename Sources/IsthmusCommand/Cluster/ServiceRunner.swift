internal import Logging
internal import Posix
internal import ServiceLifecycle
internal import Synchronization
internal import TaskModel
internal import UnixSignals

/// Runs the services of one process until they end.
///
/// The first SIGTERM or SIGINT drains: services stop in the reverse of their order, each in its own time.
/// The second one stops at once. An embedded cluster also stops at once when its standard input ends (its
/// client is gone), and leaves SIGINT to its client: a terminal sends it to both.
struct ServiceRunner {
    private enum Request {
        case drain, stopNow
    }

    private enum End {
        case services, stopNow, ready
    }

    private final class Drain: Sendable {
        let wasAsked = Atomic(false)
    }

    var isEmbedded = false
    let logger: Logger

    /// - Parameter ready: runs beside the services, waits until they serve, and answers with the line for
    ///   standard output.
    func run(
        _ services: [ServiceGroupConfiguration.ServiceConfiguration],
        ready: @Sendable @escaping () async throws -> String
    ) async throws {
        let group = ServiceGroup(configuration: .init(services: services, logger: quiet(logger)))
        let requests = try await requests()
        let drain = Drain()
        try await withThrowingTaskGroup(of: End.self) { tasks in
            tasks.addTask {
                try await group.run()
                return .services
            }
            tasks.addTask {
                for await request in requests {
                    switch request {
                    case .drain:
                        drain.wasAsked.store(true, ordering: .relaxed)
                        await group.triggerGracefulShutdown()
                    case .stopNow: return .stopNow
                    }
                }
                return .stopNow
            }
            tasks.addTask {
                do {
                    try Self.announce(try await ready())
                } catch {
                    // What is told to stop before it serves has not failed.
                    guard drain.wasAsked.load(ordering: .relaxed) else { throw error }
                }
                return .ready
            }
            while let end = try await tasks.next() {
                switch end {
                case .ready: continue
                case .services: break
                case .stopNow:
                    // Services that hang must not keep the process: its executors die with it.
                    ProcessEnd.force(
                        afterSeconds: UInt32(Limits.forcedStopTimeout.nanoseconds / 1_000_000_000))
                }
                tasks.cancelAll()
                break
            }
            // What ends because it was cancelled has nothing to report.
            while let result = await tasks.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) {
                    logger.debug("Ended while stopping", metadata: ["reason": "\(error)"])
                }
            }
        }
    }

    /// Whoever started this process waits for the line, and would wait for ever.
    private static func announce(_ line: String) throws {
        do throws(PosixError) {
            try StandardStream.output.write(
                line + "\n", until: MonotonicClock.now + Limits.announcementTimeout)
        } catch {
            throw CommandFailure(
                "the ready line cannot be written to standard output, which must be open: \(error)"
            )
        }
    }

    private func requests() async throws -> AsyncStream<Request> {
        let (stream, continuation) = AsyncStream.makeStream(of: Request.self)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (logger, isEmbedded) = (logger, isEmbedded)
        Task {
            var count = 0
            for await signal in signals where !(isEmbedded && signal == .sigint) {
                count += 1
                logger.notice(
                    count == 1
                        ? "Stopping when what runs has ended; a second signal stops at once"
                        : "Stopping at once",
                    metadata: ["signal": "\(signal)"])
                continuation.yield(count == 1 ? .drain : .stopNow)
            }
        }
        if isEmbedded {
            // Never joined: it blocks until the client or this process ends.
            _ = try OSThread(name: "client watch", stackBytes: 256 << 10) {
                StandardStream.input.waitForEnd()
                continuation.yield(.stopNow)
            }
        }
        return stream
    }

    /// The group's own events are of interest to its developers only.
    private func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}
