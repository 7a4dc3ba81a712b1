// What can happen to a session, as facts. Bytes never come in here: a frame is its number and its size.

package import TaskModel

package enum SessionEvent: Hashable, Sendable, BitwiseCopyable {
    /// Connecting side: the owner wants the session.
    case opened
    /// The connection is gone (or the peer cannot be reached over it).
    case connectionLost
    /// Accepting side: a hello for this session, with what its frame says.
    case helloReceived(epoch: Epoch, received: UInt64, lowest: UInt16, highest: UInt16)
    /// Accepting side: the owner answers `ask` with yes.
    case granted
    /// Connecting side. `begun`: which of its sessions with this id the peer means; see `Session.begun`.
    case welcomeReceived(epoch: Epoch, received: UInt64, version: UInt16, begun: UInt64)
    /// Connecting side. `hello`: only this connection is unknown; else the session is refused for good.
    case refusalReceived(hello: Bool)
    /// The owner has closed a frame of so many bytes; it gets the next number.
    case frameClosed(bytes: Int)
    case dataReceived(number: UInt64, acknowledged: UInt64, epoch: Epoch)
    case acknowledgeReceived(number: UInt64, acknowledged: UInt64, epoch: Epoch)
    case resendReceived(number: UInt64, acknowledged: UInt64, epoch: Epoch)
    case goodbyeReceived(epoch: Epoch)
    /// The owner is done with the session, or turns it away (the owner says so to the peer itself).
    case closeRequested
    case turnedAway
}

/// What the owner must do, in this order. Each frame that is sent carries `Session.received` as its
/// acknowledgement and `Session.epoch`.
package enum SessionAction: Hashable, Sendable, BitwiseCopyable {
    /// Make a new connection; what arrives over an older one is void.
    case connect
    /// Close the connection.
    case disconnect
    case sendHello(received: UInt64)
    case sendWelcome(received: UInt64, resumed: Bool)
    case sendRefusal(SessionFault)
    /// Send this data frame, for the first time or again.
    case transmit(UInt64)
    case sendAcknowledge(last: UInt64)
    case sendResend(from: UInt64)
    case sendGoodbye
    /// Use the data frame that was just absorbed. One without this action is to be ignored.
    case deliver
    /// The peer has every data frame up to this one: they need not be kept any longer.
    case drop(through: UInt64)
    /// A new session asks to be let in: answer with `granted` or `turnedAway`.
    case ask
    case established(resumed: Bool)
    /// The session goes on without a connection; frames may still be closed, they go out later.
    case interrupted
    /// So much is unacknowledged that no further work should be taken on for this peer.
    case blocked
    case unblocked
    /// Nothing follows; no frame need be kept.
    case ended(SessionEnding)
}

/// Why the accepting side refuses a hello, or either side a frame.
package enum SessionFault: Hashable, Sendable, BitwiseCopyable {
    /// No common protocol version.
    case version
    /// The session is unknown here, or what it lacks is no longer kept.
    case session
    /// The peer knows a newer leader than this one.
    case epoch
    /// It acknowledges what was never sent.
    case malformed
}

package enum SessionEnding: Hashable, Sendable, BitwiseCopyable {
    /// One side said goodbye.
    case closed
    /// The peer was silent for longer than its lease, over a connection that stands: it is paused, its
    /// machine is gone, or the network between is.
    case lost
    /// Its connection was closed, as when a process dies, and it did not come back within its lease.
    case gone
    /// The peer turned the session away, or this side did.
    case refused
    /// The peer does not know what it had acknowledged: it is not the one it was.
    case forgotten
    case malformed
}
