// A peer goes, or is sent away.

import Logging
import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    mutating func heard(_ handle: SessionHandle) {
        switch peers[handle] {
        case .client(let client): client.lastHeard = now
        case .worker(let worker): worker.lastHeard = now
        case nil: break
        }
    }

    /// The peer's session has ended; its handle is void.
    mutating func leave(_ handle: SessionHandle, _ farewell: Farewell) {
        // What was asked for before names rows of the core that are about to be used again.
        settle()
        switch peers[handle] {
        case .client(let client): dropClient(client, lost: farewell != .closed)
        case .worker(let worker): dropWorker(worker, farewell)
        case nil: break
        }
    }

    /// Ends the session of a peer that broke the protocol. Nobody else notices.
    mutating func expel(_ handle: SessionHandle, _ error: WireError) {
        counters.malformed &+= 1
        let about: PeerDescription
        switch peers[handle] {
        case .client(let client): about = client.about
        case .worker(let worker): about = worker.about
        case nil: return
        }
        var details = metadata(about)
        details["error"] = "\(error.description)"
        logger.warning("malformed record, session closed", metadata: details)
        acceptor.refuse(
            handle, .malformed, field: "",
            message: "\(error.description): this session is closed; is the peer's version the scheduler's?",
            now: now)
        leave(handle, .silent)
    }

    private mutating func dropClient(_ client: ClientPeer, lost: Bool) {
        client.isClosed = true
        core.closeSession(client.slot, now: now, into: &actions)
        // Before the row goes: what the core asks for still names it.
        runActions()
        peers.remove(client)
        for key in client.functions.values { dropFunctionOfClosed(key) }
        if let callable = client.callable { dropFunctionOfClosed(callable) }
        if let conversion = client.conversion { dropFunctionOfClosed(conversion) }
        logger.info(lost ? "client lost" : "client left", metadata: metadata(client.about))
        publish(.clientClosed(client.about.session, lost: lost))
    }

    /// Tasks of a large session are forgotten in later turns; the last one takes the function along.
    private mutating func dropFunctionOfClosed(_ key: FunctionKey) {
        functions[key].isForgotten = true
        if functions[key].tasks == 0 { dropFunction(key) }
    }

    private mutating func dropWorker(_ worker: WorkerPeer, _ farewell: Farewell) {
        let lost = farewell != .closed
        let farewell = farewell == .gone && hasReturned(worker) ? .silent : farewell
        if farewell == .gone, let life = worker.life { departed.keep(worker.slot, of: life) }
        if lost { counters.workersLost &+= 1 }
        core.closeWorker(worker.slot, farewell, now: now, into: &actions)
        // Before the row goes: outcomes that are made now name the worker.
        runActions()
        functions.forgetWorker(worker.slot)
        for client in peers.allClients() {
            for setup in client.setups.indices { client.setups[setup].sentTo.remove(worker.slot) }
        }
        peers.remove(worker)
        let level: Logger.Level = lost ? .warning : .info
        logger.log(level: level, lost ? "worker lost" : "worker left", metadata: metadata(worker.about))
        publish(.workerLeft(worker.about.session, lost: lost))
    }
}
