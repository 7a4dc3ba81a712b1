import Posix
import TaskModel
internal import ZeroMQ

/// What libzmq tells of a listening socket, and what is done when the system refuses to open connections.
///
/// libzmq tries to accept again at once, and would do nothing else. So the socket stops listening for a
/// while; whoever wants to connect meanwhile tries again by itself.
final class KeyedListener {
    private let channel: SocketChannel
    private let endpoint: String
    private var monitor: SocketMonitor
    /// It does not listen, and tries to do so again then.
    private var resumes = Instant.distantFuture

    init(_ channel: SocketChannel, context: Context) throws {
        self.channel = channel
        endpoint = channel.socket.lastEndpoint
        monitor = try SocketMonitor(of: channel.socket, name: "\(randomUInt64())", context: context)
    }

    deinit { monitor.stop(channel.socket) }

    var descriptor: Int32 { monitor.descriptor }
    var wakeUp: Instant { resumes }

    func endTurn(now: Instant, _ reserve: DescriptorReserve, _ tell: (DoorTrouble) -> Void) {
        while let event = monitor.next() {
            switch event {
            case .handshakeFailed: tell(.handshakeFailed(at: endpoint))
            case .acceptFailed: pause(now, reserve, tell)
            // The allow-list tells of these, and where they came from.
            case .keyRefused, .connected, .disconnected, .retried: continue
            }
        }
        guard now >= resumes else { return }
        // Without room for the control API nobody else is let in.
        let listens = reserve.refill() && (try? channel.socket.bind(endpoint)) != nil
        resumes = listens ? .distantFuture : now + Limits.listenPause
    }

    private func pause(_ now: Instant, _ reserve: DescriptorReserve, _ tell: (DoorTrouble) -> Void) {
        // There are many such events for one pause.
        guard resumes == .distantFuture, (try? channel.socket.unbind(endpoint)) != nil else { return }
        resumes = now + Limits.listenPause
        reserve.release()
        tell(.noDescriptors(at: endpoint))
    }
}
