package import TaskModel

package struct AcceptorConfiguration: Sendable {
    package var addresses: [Address]
    /// For tcp addresses.
    package var keys: SchedulerKeys?
    package var epoch: Epoch
    /// Of a client that asks for none, and the most that one may ask for.
    package var clientLease = Limits.clientLease
    package var clientLeaseMax = Limits.clientLeaseMax
    /// Of a client over `ipc`, from the end of its connection.
    package var detachedClientLease = Limits.detachedClientLease
    package var workerLease = Limits.workerLease
    package var heartbeat = Limits.heartbeatInterval
    package var sessionsMax = Limits.sessionsMax
    /// Of a connection, before its session's hello.
    package var handshakeTimeout = Limits.handshakeTimeout
    /// How long a connection over `ipc` may take nothing of what waits for it.
    package var stallTimeout = Limits.connectionStallMax

    package init(addresses: [Address], keys: SchedulerKeys? = nil, epoch: Epoch) {
        self.addresses = addresses
        self.keys = keys
        self.epoch = epoch
    }
}

/// A session of an `Acceptor`: a place in its table (`index`, dense, used again) and which occupant of it.
package struct SessionHandle: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package let generation: UInt32

    package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

package enum AcceptorEvent {
    /// A peer said hello. Answer with `welcome` or `refuse`; no frame of it is delivered before.
    case opened(SessionHandle, Hello)
    case received(SessionHandle, ReceivedFrame)
    /// The session continues over a new connection; nothing was lost.
    case resumed(SessionHandle)
    /// Enough was acknowledged again: the link's `isBlocked` is false.
    case unblocked(SessionHandle)
    /// Silent for longer than its lease, or it broke the protocol. The handle is void.
    case lost(SessionHandle)
    /// Its connection was closed without a goodbye, and it did not come back. The handle is void.
    case gone(SessionHandle)
    /// It said goodbye. The handle is void.
    case closed(SessionHandle)
    /// Somebody could not be let in.
    case troubled(DoorTrouble)
}

package struct AcceptorCounters: Hashable, Sendable, BitwiseCopyable {
    package var framesReceived: UInt64 = 0
    package var framesSent: UInt64 = 0
    /// Data frames that were not delivered: repeated ones, and those beyond a gap.
    package var framesIgnored: UInt64 = 0
    /// Messages that no peer of ours would send.
    package var malformed: UInt64 = 0
    package var refused: UInt64 = 0
    /// Connections whose key was not on the allow-list, or that did not know this scheduler's.
    package var unauthorised: UInt64 = 0
}
