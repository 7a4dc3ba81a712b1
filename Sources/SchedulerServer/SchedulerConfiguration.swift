package import SchedulerCore
package import TaskModel

/// What a scheduler is told at its start.
package struct SchedulerConfiguration: Sendable {
    /// Shown in listings and logs.
    package var name: String
    /// Addresses to serve, for example `ipc:///run/user/1000/isthmus/default/scheduler.ipc`,
    /// `tcp://0.0.0.0:7077`, `inproc://scheduler`.
    package var addresses: [String]
    /// Folder made by `isthmus keys`; a tcp address is refused without one.
    package var keysDirectory: String?
    package var epoch: Epoch
    /// Unfinished tasks and payload bytes that each client may have at once.
    package var sessionTasks: Int
    package var sessionBytes: Int
    /// How long a graceful stop waits for accepted tasks to end.
    package var stopTimeout: Interval
    /// How long a peer may be silent before it counts as gone, and how often each side says something.
    /// A client may ask for another lease, up to `clientLeaseMax`.
    package var clientLease = Limits.clientLease
    package var clientLeaseMax = Limits.clientLeaseMax
    package var workerLease = Limits.workerLease
    package var heartbeat = Limits.heartbeatInterval
    package var placement = PlacementStrategy.combined
    /// How long a task that no connected or expected worker can run waits before it is refused; zero: it is
    /// refused when it is submitted; nil: it waits for ever.
    package var unservableGrace: Interval? = Limits.unservableGrace
    /// What workers will have that have not joined yet.
    package var expected: [ExpectedOffer] = []

    package init(
        name: String, addresses: [String], keysDirectory: String? = nil, epoch: Epoch = Epoch(1),
        sessionTasks: Int = Limits.sessionTasksMax, sessionBytes: Int = Limits.sessionPayloadBytesMax,
        stopTimeout: Interval = .seconds(10)
    ) {
        self.name = name
        self.addresses = addresses
        self.keysDirectory = keysDirectory
        self.epoch = epoch
        self.sessionTasks = sessionTasks
        self.sessionBytes = sessionBytes
        self.stopTimeout = stopTimeout
    }
}

extension SchedulerConfiguration {
    /// Names of the strategies of placement.
    package static var placements: [String] { PlacementStrategy.allCases.map(\.rawValue) }

    /// A name that is none of these changes nothing.
    package mutating func place(by name: String) {
        placement = PlacementStrategy(rawValue: name) ?? placement
    }
}

extension SchedulerConfiguration {
    /// Five heartbeats make a lease, or more.
    package mutating func lease(workers lease: Interval) {
        workerLease = lease
        heartbeat = min(heartbeat, Interval(nanoseconds: lease.nanoseconds / 5))
    }
}

/// What an operator announces of a worker that will join.
package struct ExpectedOffer: Hashable, Sendable {
    /// Memory in bytes, everything else in thousandths.
    package var resources: [String: UInt64]
    /// `key=value`.
    package var labels: [String]

    package init(resources: [String: UInt64], labels: [String]) {
        self.resources = resources
        self.labels = labels
    }
}
