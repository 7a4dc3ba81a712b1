// What befalls whole nodes and their connections.

import TaskModel

extension World {
    func mishap() {
        let fault = random.element(of: faults.mishaps)
        let peer = 1 + random.below(workers.count + clients.count)
        switch fault {
        case .partition: partition(peer, fault, toScheduler: true, toPeer: true)
        case .oneWayPartition:
            let isDeaf = random.happens(500)
            partition(peer, fault, toScheduler: isDeaf, toPeer: !isDeaf)
        case .connectionCut: cut(peer)
        case .workerCrash: crashWorker()
        case .clientCrash:
            coverage.count(fault)
            let client = random.element(of: clients)
            note(nil, at: client.index) { "client \(client.index) crashes" }
            client.crash()
        case .longPause:
            coverage.count(fault)
            let index = random.below(1 + workers.count + clients.count)
            let length = someDuration()
            note(nil, at: index) { "node \(index) stands still for \(milliseconds(length)) ms" }
            node(index).pause(until: now + length)
        case .pauseWithExecutors:
            coverage.count(fault)
            pause(random.element(of: workers), for: someDuration())
        case .pauseOfAll:
            coverage.count(fault)
            let length = someDuration()
            for index in 0...(workers.count + clients.count) where worker(index) == nil {
                node(index).pause(until: now + length)
            }
            for worker in workers { pause(worker, for: length) }
        case .executorPause:
            let worker = random.element(of: workers)
            guard worker.isRunning, let place = worker.busyPlace else { return }
            coverage.count(fault)
            let length = someDuration()
            note(nil, at: worker.index) { "executor \(place) stands still for \(milliseconds(length)) ms" }
            worker.executors[place].pause(until: now + length)
        case .slowNode:
            coverage.count(fault)
            let index = random.below(1 + workers.count + clients.count)
            node(index).slowness = Int64(random.element(of: [1, 10, 100]))
            note(nil, at: index) { "node \(index) is \(node(index).slowness) times slower" }
        case .executorBroken, .memoryExceeded:
            let worker = random.element(of: workers)
            guard worker.isRunning, let place = worker.busyPlace else { return }
            coverage.count(fault)
            note(nil, at: worker.index) { "\(fault) at worker \(worker.index)" }
            worker.mishap(isMemory: fault == .memoryExceeded, at: place)
        case .loss, .delay, .reordering, .duplication, .clockSkew, .executorCrash, .executorHang,
            .executorStartFailure, .poisonTask, .slowDeath,
            .poisonForWorkers, .slowStore:
            preconditionFailure("not a mishap of a node")
        }
    }

    private func pause(_ worker: WorkerNode, for length: Interval) {
        note(nil, at: worker.index) {
            "worker \(worker.index) and its executors stand still for \(milliseconds(length)) ms"
        }
        worker.pause(until: now + length)
        for executor in worker.executors { executor.pause(until: now + length) }
    }

    private func milliseconds(_ interval: Interval) -> Int64 { interval.nanoseconds / 1_000_000 }

    /// From hardly noticed to longer than every lease.
    private func someDuration() -> Interval {
        let longest: Interval = random.element(of: [
            .milliseconds(50), .seconds(2), .seconds(9), .seconds(30),
        ])
        return random.interval(.milliseconds(1), longest)
    }

    private func partition(_ peer: Int, _ fault: Fault, toScheduler: Bool, toPeer: Bool) {
        let length = someDuration()
        note(nil, at: peer) { "\(fault) of node \(peer) for \(length.nanoseconds / 1_000_000) ms" }
        network.partition(peer, toScheduler: toScheduler, toPeer: toPeer, until: now + length)
    }

    private func cut(_ peer: Int) {
        guard let connection = worker(peer)?.connection ?? (isWorker(peer) ? nil : client(peer).connection)
        else { return }
        coverage.count(.connectionCut)
        note(nil, at: peer) { "the connection of node \(peer) is cut" }
        network.close(connection)
        // Sometimes the peer is told, sometimes it has to find out.
        guard random.happens(700) else { return }
        queue.plan(.connectionLost(connection: connection), at: now + random.interval(.zero, .seconds(1)))
    }

    private func crashWorker() {
        let worker = random.element(of: workers)
        guard worker.isRunning else { return }
        coverage.count(.workerCrash)
        note(nil, at: worker.index) { "worker \(worker.index) crashes" }
        worker.crash()
    }
}
