// The times and bounds of a session, as an argument: tests choose small ones.

package import TaskModel

package struct SessionPolicy: Hashable, Sendable, BitwiseCopyable {
    package var lowestVersion: UInt16 = 1
    package var highestVersion: UInt16 = 1
    /// The longest time without a frame to the peer.
    package var heartbeat = Limits.heartbeatInterval
    /// The longest time without a frame from the peer.
    package var lease = Limits.workerLease
    /// Accepting side: the transport tells when the peer is gone, so silence over a connection that is there
    /// is not held against it (a process that is stopped); the lease counts from the loss of the connection.
    package var isPatient = false
    /// How long a received frame may wait for its acknowledgement, and how many may.
    package var acknowledgeDelay = Limits.acknowledgeDelay
    package var acknowledgeFrames = Limits.acknowledgeFrames
    /// A connecting side that has no welcome after this long makes a new connection.
    package var handshakeTimeout = Limits.handshakeTimeout
    package var reconnectDelayMin = Limits.reconnectDelayMin
    package var reconnectDelayMax = Limits.reconnectDelayMax
    package var unacknowledgedFramesMax = Limits.unacknowledgedFramesMax
    package var unacknowledgedBytesMax = Limits.unacknowledgedBytesMax

    package init() {}
}
