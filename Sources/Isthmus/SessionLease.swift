import Posix
import SessionTransport
import Synchronization
import TaskModel

/// Keeps a client's loop and its embedded cluster running. The client and the handles of its tasks hold it;
/// when the last of them is gone, so is the session.
final class SessionLease: Sendable {
    let session: ClientSession
    private let thread: Mutex<OSThread?>
    private let finished = Finished()

    /// Everybody who waits for the loop's end.
    private final class Finished: Sendable {
        private let state = Mutex((isOver: false, waiters: [Waiter<Void>]()))

        func wait(_ waiter: Waiter<Void>) {
            let isOver = state.withLock { state in
                if !state.isOver { state.waiters.append(waiter) }
                return state.isOver
            }
            if isOver { waiter.give(()) }
        }

        func finish() {
            let waiters = state.withLock { state in
                state.isOver = true
                return state.waiters
            }
            for waiter in waiters { waiter.give(()) }
        }
    }

    init(
        _ configuration: ConnectorConfiguration, initializer: TaskInitializer?, cluster: EmbeddedCluster?,
        reconnectTimeout: Interval?, forwardOutput: Bool
    ) throws(IsthmusError) {
        let forwarder = forwardOutput ? OutputForwarder() : nil
        let session = try ClientSession(initializer, forwarder)
        let finished = finished
        self.session = session
        do {
            thread = try Mutex(
                OSThread(name: "isthmus-client") {
                    do throws(IsthmusError) {
                        try ClientLoop(
                            session, configuration, cluster: cluster, reconnectTimeout: reconnectTimeout
                        ).run()
                    } catch {
                        session.end(error)
                    }
                    forwarder?.close()
                    cluster?.stop()
                    finished.finish()
                })
        } catch {
            throw .connection("the client's thread cannot start: \(error)")
        }
    }

    deinit {
        session.requestClose()
        thread.withLock { $0.take() }?.join()
    }

    /// Says goodbye, which ends unfinished tasks, and waits until the loop and the embedded cluster are gone.
    func close() async {
        session.requestClose()
        let waiter = Waiter<Void>()
        finished.wait(waiter)
        await waiter.value
    }
}
