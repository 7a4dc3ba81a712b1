import TaskModel

/// Connections between the scheduler and its peers, and everything that can befall what travels over them.
final class Network {
    struct Connection {
        let node: Int
        /// Closed by its peer or cut.
        var isOpen = true
        /// The scheduler's session that uses it.
        var entry: Int?
        /// A connection keeps order in each direction, unless frames are reordered.
        var lastToScheduler = Instant.origin
        var lastToPeer = Instant.origin
    }

    private unowned let world: World
    private(set) var connections: [Connection] = []
    /// Per node, until when nothing gets through to the scheduler, and from it.
    private var deafToScheduler: [Instant]
    private var deafToPeer: [Instant]

    init(world: World, nodes: Int) {
        self.world = world
        deafToScheduler = [Instant](repeating: .origin, count: nodes)
        deafToPeer = [Instant](repeating: .origin, count: nodes)
    }

    func open(by node: Int) -> Int {
        connections.append(Connection(node: node))
        return connections.count - 1
    }

    func close(_ connection: Int) { connections[connection].isOpen = false }
    func use(_ connection: Int, by entry: Int?) { connections[connection].entry = entry }

    // MARK: Mishaps

    func partition(_ node: Int, toScheduler: Bool, toPeer: Bool, until instant: Instant) {
        if toScheduler { deafToScheduler[node] = max(deafToScheduler[node], instant) }
        if toPeer { deafToPeer[node] = max(deafToPeer[node], instant) }
    }

    func heal() {
        for node in deafToScheduler.indices {
            deafToScheduler[node] = .origin
            deafToPeer[node] = .origin
        }
    }

    // MARK: Sending

    /// False if the connection is known to be gone.
    @discardableResult func send(_ frame: Frame, over connection: Int, toScheduler: Bool) -> Bool {
        guard connections[connection].isOpen else { return false }
        let node = connections[connection].node
        let deafUntil = toScheduler ? deafToScheduler[node] : deafToPeer[node]
        if deafUntil > world.now {
            let isOneWay = min(deafToScheduler[node], deafToPeer[node]) <= world.now
            world.coverage.count(isOneWay ? .oneWayPartition : .partition)
            return true
        }
        if strikes(.loss) { return true }
        var arrival = world.now + world.random.interval(.microseconds(40), .microseconds(400))
        if strikes(.delay) { arrival = arrival + world.random.interval(.zero, world.faults.delayMax) }
        if strikes(.reordering) {
            arrival = arrival + world.random.interval(.zero, .milliseconds(4))
        } else if toScheduler {
            arrival = max(arrival, connections[connection].lastToScheduler)
            connections[connection].lastToScheduler = arrival
        } else {
            arrival = max(arrival, connections[connection].lastToPeer)
            connections[connection].lastToPeer = arrival
        }
        world.queue.plan(.arrival(frame, connection: connection, toScheduler: toScheduler), at: arrival)
        if !frame.isHandshake, strikes(.duplication) {
            let again = arrival + world.random.interval(.zero, .milliseconds(20))
            world.queue.plan(.arrival(frame, connection: connection, toScheduler: toScheduler), at: again)
        }
        return true
    }

    private func strikes(_ fault: Fault) -> Bool { world.strikes(fault) }
}
