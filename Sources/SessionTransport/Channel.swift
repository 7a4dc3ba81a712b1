import TaskModel
internal import ZeroMQ

/// What frames travel over: a libzmq socket, a Unix socket, or the memory of this process. Belongs to one
/// thread.
///
/// A turn of the loop: `receive` until nil, any number of `send`, `endTurn`; before the loop sleeps on
/// `descriptor`, it asks `hasInput`.
protocol Channel: AnyObject {
    /// Becomes readable when something has arrived.
    var descriptor: Int32 { get }

    /// Something is waiting of which `descriptor` may say nothing.
    var hasInput: Bool { get }

    /// The next message; nil: none was waiting when this turn last looked.
    func receive() -> RawFrame?

    /// Sends a frame and its attachments, all or nothing; their bytes are shared. `peer` is needed by the
    /// listening side only.
    func send(_ frame: borrowing Message, _ attachments: [MessagePart], to peer: UInt32?) -> Socket.Sent

    /// Whether a peer that takes nothing of what waits for it may keep its connection: what waits is bounded
    /// by its session, and the connection is how its owner knows that it lives.
    func spare(_ peer: UInt32, _ isSpared: Bool)

    func endTurn(now: Instant)

    /// When the next turn is due even if nothing arrives.
    var wakeUp: Instant { get }
}

extension Channel {
    func spare(_ peer: UInt32, _ isSpared: Bool) {}

    var wakeUp: Instant { .distantFuture }
}
