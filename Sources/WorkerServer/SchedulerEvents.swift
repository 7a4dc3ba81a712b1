import Logging
import Posix
import SessionTransport
import TaskModel
import Wire
import WorkerCore

/// What comes from the scheduler.
extension WorkerLoop {
    func takeSchedulerEvents() {
        guard let connector else { return }
        while let event = connector.next(now: now) {
            switch event {
            case .welcomed(_, let resumed):
                logger.info(
                    "joined", metadata: ["session": "\(connector.session)", "resumed": "\(resumed)"])
                isWelcome = true
                giveUpAt = .distantFuture
                reportRunning()
                reportAt = now
                joined()
            case .received(let frame):
                absorb(frame)
            case .interrupted:
                logger.warning("the connection to the scheduler is gone; what runs goes on")
                isWelcome = false
                if let time = configuration.giveUpAfter { giveUpAt = min(giveUpAt, now + time) }
            case .unblocked:
                break
            case .refused(let refusal):
                refused(refusal)
            case .closed:
                logger.info("the scheduler has closed the session")
                beginAnew(after: Limits.reconnectDelayMax)
            }
        }
    }

    /// Why there is no connection (a wrong key, nobody there), when that has changed.
    func noteTrouble() {
        guard let connector, connector.trouble != toldTrouble else { return }
        toldTrouble = connector.trouble
        guard let why = toldTrouble else { return }
        logger.warning("no connection to the scheduler; trying on", metadata: ["why": "\(why)"])
    }

    private func refused(_ refusal: Refusal) {
        switch RefusalCode(rawValue: refusal.code) {
        case .session, .epoch:
            logger.warning("the scheduler does not know this worker any more; joining anew")
            beginAnew(after: .zero)
        case .malformed, .hello:
            logger.error("refused by the scheduler; joining anew", metadata: ["why": "\(refusal)"])
            beginAnew(after: Limits.reconnectDelayMax)
        case .version, .role, .python, .cloudpickle, .limit, .unauthorised, .field, nil:
            failure = WorkerError(
                "The scheduler at \(configuration.scheduler) refuses this worker: \(refusal)")
        }
    }

    /// What ran for the old session is void: the scheduler has given it to others.
    private func beginAnew(after delay: Interval) {
        isWelcome = false
        giveUpAt = .distantFuture
        reportAt = .distantFuture
        let before = actions.count
        core.absorb(.expelled, now: now, into: &actions)
        for case .kill(let executor) in actions[before...] {
            processes[executor.int]?.killed = "the scheduler had given up this worker and what it ran"
        }
        definitions.forgetAll()
        keptDefinitions.mendAll()
        heldValues.removeAll()
        restartAt = now + delay
        if case .leaving = stage { stage = .ended }
    }

    /// Nobody can want what runs any more. A scheduler that comes back after this is joined anew, for the old
    /// session promised attempts that are gone.
    func giveUpWhenDue() {
        guard now >= giveUpAt else { return }
        giveUpAt = .distantFuture
        logger.warning(
            "the scheduler has not been heard of for too long; what runs is stopped",
            metadata: ["attempts": "\(core.attemptCount)"])
        beginAnew(after: .zero)
    }

    func restartWhenDue() {
        guard now >= restartAt, let connector else { return }
        restartAt = .distantFuture
        connector.restart(session: SessionID(randomUInt64()), fields: helloFields(), now: now)
    }

    // MARK: Records

    private func absorb(_ frame: ReceivedFrame) {
        var position = FrameHeader.bytes
        var attachmentsBefore = 0
        do {
            for _ in 0..<frame.header.records {
                let record = try frame.withBytes(of: 0) { (bytes) throws(WireError) in
                    var reader = ByteReader(bytes, at: position)
                    return try reader.record(attachmentsBefore: attachmentsBefore)
                }
                position = record.bodyStart + record.bodyCount
                attachmentsBefore += record.attachments
                try absorb(record, of: frame)
            }
        } catch {
            logger.error("a frame of the scheduler cannot be read", metadata: ["why": "\(error)"])
        }
    }

    private func absorb(_ record: Record, of frame: ReceivedFrame) throws(WireError) {
        switch record.type {
        case .assign: try assign(record, of: frame)
        case .function: try define(record, of: frame)
        case .workerSetup: try addSetup(record, of: frame)
        case .retract:
            for attempt in try attempts(record, of: frame) {
                guard let slot = core.find(attempt) else { continue }
                core.absorb(.retractRequested(slot), now: now, into: &actions)
            }
        case .stop:
            for attempt in try attempts(record, of: frame) {
                guard let slot = core.find(attempt) else { continue }
                core.absorb(.cancelRequested(slot), now: now, into: &actions)
            }
        case .forgetSession:
            let session = SessionID(try read(record, of: frame).session)
            core.absorb(.sessionForgotten(session), now: now, into: &actions)
            definitions.forget(session)
            keptDefinitions.mend(session)
            heldValues.forget(session)
        case .value: try hold(record, of: frame)
        case .forgetValues:
            let tasks = try frame.withBytes(of: 0) { (bytes) throws(WireError) in
                var reader = ByteReader(bytes.extracting(record.body))
                return try reader.taskIDs()
            }
            for task in tasks { heldValues.forget(task) }
        case .forgetWorkerFunction:
            let (session, function) = try read(record, of: frame)
            definitions.forget(function, in: SessionID(session))
        case .drain:
            logger.info("draining on request", metadata: ["attempts": "\(core.attemptCount)"])
            drainDeadline = now + configuration.drainTimeout
            core.absorb(.drainRequested, now: now, into: &actions)
        case .defineFunction, .forgetFunction, .defineOptions, .submit, .cancel, .release, .setup, .want,
            .accepted,
            .outcome, .started, .workerFinished, .workerStarted, .returned, .report, .greeting, .ready,
            .failed, .shutdown, .devices:
            throw WireError("a scheduler does not send \(record.type) to a worker")
        }
    }

    private func assign(_ record: Record, of frame: ReceivedFrame) throws(WireError) {
        let assignment = try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(bytes.extracting(record.body))
            return try Assignment(decoding: &reader, flags: record.flags)
        }
        let attempt = assignment.attempt
        guard assignment.kind != .command else {
            writeOutcome(
                attempt, .lost, .unservable,
                "This worker has no executor for commands; start one that has.", parts: [])
            return
        }
        guard UInt64.bitWidth - assignment.devices.leadingZeroBitCount <= configuration.devices.count else {
            writeOutcome(
                attempt, .lost, .unservable,
                "This worker has \(configuration.devices.count) gpus, and was told to use others.", parts: [])
            return
        }
        if let words = keptDefinitions.whyBroken(attempt.task.session, assignment.kind) {
            writeOutcome(attempt, .lost, .initializerFailed, words, parts: [])
            return
        }
        guard frame.missingBytes(of: record) == 0 else {
            return writeShortOfMemory(attempt, bytes: frame.missingBytes(of: record))
        }
        if let bytes = try missingBytes(ofValuesOf: assignment, record, of: frame) {
            return writeShortOfMemory(attempt, bytes: bytes)
        }
        guard let values = try referredValues(assignment, record, of: frame) else {
            writeOutcome(
                attempt, .lost, .malformed,
                "Attempt \(attempt) refers to a value that worker \(configuration.name) does not hold, so it "
                    + "was not run; are scheduler and worker of one release?", parts: [])
            return
        }
        let function = definitions.place(of: assignment.function, in: attempt.task.session) {
            core.addFunction()
        }
        let milliseconds = Int64(assignment.timeoutMilliseconds)
        let order = AttemptOrder(
            id: attempt, function: FunctionSlot(UInt32(function)), kind: assignment.kind,
            timeout: milliseconds == 0 ? nil : .milliseconds(milliseconds),
            grace: .milliseconds(Int64(assignment.graceMilliseconds)), rank: assignment.rank,
            devices: assignment.devices, isCounted: assignment.isCounted)
        guard let slot = core.admit(order) else {
            if core.find(attempt) == nil { writeAttempt(.returned, attempt) }
            return
        }
        definitions.retain(function)
        let payload = AttemptPayload(frame: frame, record: record, function: function, values: values)
        if Int(slot.index) < payloads.count {
            payloads[Int(slot.index)] = payload
        } else {
            payloads.append(payload)
        }
    }

    private func writeShortOfMemory(_ attempt: AttemptID, bytes: Int) {
        writeOutcome(
            attempt, .lost, .memoryLimit,
            "Worker \(configuration.name) has no memory for \(bytes) bytes of the arguments of attempt "
                + "\(attempt), so it was not run; give the worker more (ulimit -v, cgroup), or send less.",
            parts: [])
    }

    private func define(_ record: Record, of frame: ReceivedFrame) throws(WireError) {
        let (session, number) = try read(record, of: frame)
        let place = definitions.place(of: number, in: SessionID(session)) { core.addFunction() }
        definitions.define(place)
        keptDefinitions.keep(KeptRecord(record, of: frame), function: place)
    }

    private func addSetup(_ record: Record, of frame: ReceivedFrame) throws(WireError) {
        let (id, number) = try read(record, of: frame)
        let function = definitions.place(of: number, in: SessionID(id)) { core.addFunction() }
        let session = definitions.session(SessionID(id))
        definitions.addSetup(calling: function, session: session)
        keptDefinitions.keep(KeptRecord(record, of: frame), setupOf: session)
    }

    /// The session and, when the body is long enough, the function that a record begins with.
    private func read(
        _ record: Record, of frame: ReceivedFrame
    ) throws(WireError) -> (session: UInt64, function: UInt32) {
        try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(bytes.extracting(record.body))
            let session = try reader.uint64("session")
            return (session, reader.remaining >= 4 ? try reader.uint32("function") : 0)
        }
    }

    private func attempts(_ record: Record, of frame: ReceivedFrame) throws(WireError) -> [AttemptID] {
        try frame.withBytes(of: 0) { (bytes) throws(WireError) in
            var reader = ByteReader(bytes.extracting(record.body))
            return try reader.attempts()
        }
    }

    // MARK: Forgetting

    /// Tells executors what no attempt uses any more.
    func tellWhatIsGone() {
        definitions.takeNews(into: &news)
        for gone in news {
            switch gone {
            case .forgetFunction(let session, let number, let executor):
                guard let process = processes[executor.int], !process.isClosed else { break }
                let body = process.output.tail.beginRecord(.forgetWorkerFunction)
                process.output.tail.uint64(session.rawValue)
                process.output.tail.uint32(number)
                process.output.tail.endRecord(body)
            case .forgetSession(let session, let executor):
                guard let process = processes[executor.int], !process.isClosed else { break }
                let body = process.output.tail.beginRecord(.forgetSession)
                process.output.tail.uint64(session.rawValue)
                process.output.tail.endRecord(body)
            case .functionGone(let place):
                keptDefinitions.dropFunction(place)
                core.removeFunction(FunctionSlot(UInt32(place)))
            case .sessionGone(let place):
                keptDefinitions.dropSession(place)
            }
        }
        news.removeAll(keepingCapacity: true)
    }
}
