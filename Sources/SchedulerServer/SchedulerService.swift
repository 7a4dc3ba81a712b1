package import Logging
import Posix
import ServiceLifecycle
import SessionTransport
import Synchronization
import TaskModel
package import ZeroMQ

/// The scheduler as a service: one loop thread that binds the addresses and serves them from `run()` to the
/// end of a graceful shutdown.
package final class SchedulerService: Service {
    /// For the control API. Requests wait until the loop runs.
    package let control: SchedulerControl

    private let configuration: SchedulerConfiguration
    private let context: Context
    private let logger: Logger
    private let mailbox: Mailbox<ControlRequest>
    private let signal = StopSignal()
    private let bound = Announcement<[String]>()

    /// - Parameter context: shared with whoever connects over `inproc`.
    package init(configuration: SchedulerConfiguration, context: Context, logger: Logger) {
        self.configuration = configuration
        self.context = context
        self.logger = logger
        do {
            mailbox = try Mailbox(capacity: Limits.controlRequestsMax)
        } catch {
            preconditionFailure("\(error)")
        }
        control = SchedulerControl(mailbox: mailbox)
    }

    /// Returns as soon as every address is bound, with the addresses as they are after binding (a tcp port 0
    /// is replaced by the one chosen). Needs a `run()` beside it.
    /// - Throws: `TransportError` when an address, a directory or a key file cannot be used.
    package func listening() async throws -> [String] { try await bound.value() }

    /// Serves until graceful shutdown (accepted tasks are finished as far as workers are there, within
    /// `SchedulerConfiguration.stopTimeout`) or cancellation (at once).
    package func run() async throws {
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await runLoop()
            } onGracefulShutdown: {
                self.stop(atOnce: false)
            }
        } onCancel: {
            stop(atOnce: true)
        }
        logger.info("scheduler has stopped")
    }

    private func stop(atOnce: Bool) {
        if atOnce { signal.stopAtOnce() } else { signal.stopGracefully() }
        // Wakes the loop. A full mailbox has woken it already, and a closed one has no loop.
        _ = try? mailbox.post(ControlRequest(answer: { _ in }, abandon: {}))
    }

    private func runLoop() async throws {
        let ended = Announcement<Void>()
        let thread = try OSThread(name: "scheduler") { [self] in
            do {
                let acceptor = try Acceptor(acceptorConfiguration(), context: context)
                let addresses = acceptor.addresses.map(\.description)
                logger.info(
                    "scheduler listens",
                    metadata: [
                        "name": "\(configuration.name)", "addresses": "\(addresses.joined(separator: " "))",
                        "epoch": "\(configuration.epoch.rawValue)",
                    ])
                bound.say(.success(addresses))
                var loop = SchedulerLoop(
                    configuration: configuration, acceptor: acceptor, mailbox: mailbox, signal: signal,
                    logger: logger)
                try loop.run()
                ended.say(.success(()))
            } catch {
                SchedulerLoop.close(mailbox)
                bound.say(.failure(error))
                ended.say(.failure(error))
            }
        }
        let result: Result<Void, any Error>
        do {
            result = .success(try await ended.value())
        } catch {
            result = .failure(error)
        }
        thread.join()
        try result.get()
    }

    private func acceptorConfiguration() throws(TransportError) -> AcceptorConfiguration {
        var keys: SchedulerKeys?
        if let folder = configuration.keysDirectory { keys = try SchedulerKeys(readingFolder: folder) }
        var addresses: [Address] = []
        for text in configuration.addresses {
            let address = try Address(text)
            if case .tcp = address, keys == nil {
                throw TransportError(
                    "\(text) needs keys: make them with `isthmus keys --directory DIR` and pass --keys DIR")
            }
            addresses.append(address)
        }
        var acceptor = AcceptorConfiguration(addresses: addresses, keys: keys, epoch: configuration.epoch)
        acceptor.sessionsMax = Limits.sessionsMax + Limits.workersMax
        acceptor.clientLease = configuration.clientLease
        acceptor.clientLeaseMax = max(configuration.clientLease, configuration.clientLeaseMax)
        acceptor.workerLease = configuration.workerLease
        acceptor.heartbeat = configuration.heartbeat
        return acceptor
    }
}

/// Something that is said once and may be heard by many, before or after.
final class Announcement<Value: Sendable>: Sendable {
    private enum State {
        case expected([CheckedContinuation<Value, any Error>])
        case said(Result<Value, any Error>)
    }

    private let state = Mutex(State.expected([]))

    /// Only the first word counts.
    func say(_ result: Result<Value, any Error>) {
        let listeners = state.withLock { state in
            guard case .expected(let listeners) = state else {
                return [CheckedContinuation<Value, any Error>]()
            }
            state = .said(result)
            return listeners
        }
        for listener in listeners { listener.resume(with: result) }
    }

    func value() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let said = state.withLock { state -> Result<Value, any Error>? in
                switch state {
                case .expected(let listeners):
                    state = .expected(listeners + [continuation])
                    return nil
                case .said(let result):
                    return result
                }
            }
            if let said { continuation.resume(with: said) }
        }
    }
}
