import Logging
import Metrics
import Posix
import SessionTransport
import TaskModel
import Wire
import WorkerCore

/// What comes from executors: records, and their ends.
extension WorkerLoop {
    /// So many reads of one executor per turn, so that a flood of results of one does not starve the others.
    private static let readsPerTurnMax = 8

    func absorbInput(of process: ExecutorProcess) {
        guard !process.isClosed else { return }
        for _ in 0..<Self.readsPerTurnMax {
            let transferred: Transferred
            do {
                transferred = try process.input.read(from: process.socket)
            } catch {
                // A process that dies with unread bytes resets its socket: its end says the rest.
                close(process)
                return
            }
            switch transferred {
            case .bytes: break
            case .wouldBlock: return
            case .endOfFile:
                close(process)
                return
            }
            guard absorbRecords(of: process) else { return }
            if process.input.hasRoom { return }
        }
    }

    /// False when the executor broke the protocol.
    private func absorbRecords(of process: ExecutorProcess) -> Bool {
        do {
            while let record = try process.input.next() { try absorb(record, of: process) }
            return true
        } catch {
            logger.error(
                "an executor wrote what no executor writes; it is killed",
                metadata: ["executor": "\(process.index.rawValue)", "why": "\(error)"])
            process.kill(because: "it wrote bytes to its worker's socket that no executor writes: \(error)")
            core.absorb(.executorBroke(process.index), now: now, into: &actions)
            close(process)
            return false
        }
    }

    /// Its end of the socket is gone. Usually the process is about to be; otherwise it is killed.
    private func close(_ process: ExecutorProcess) {
        guard !process.isClosed else { return }
        process.isClosed = true
        process.closeDeadline = now + Self.closeTimeout
        unwatch(process)
    }

    private static let closeTimeout = Interval.seconds(1)

    func killClosed() {
        for case let process? in processes where process.closeDeadline <= now {
            process.closeDeadline = .distantFuture
            process.kill(because: "it closed its worker's socket and did not end")
            core.absorb(.executorBroke(process.index), now: now, into: &actions)
        }
    }

    private func absorb(_ record: ExecutorRecord, of process: ExecutorProcess) throws(WireError) {
        switch record.type {
        case .workerFinished:
            try finished(record, of: process)
        case .returned:
            let attempts = try process.input.withBody(record) { (body) throws(WireError) in
                var reader = ByteReader(body)
                return try reader.attempts()
            }
            for attempt in attempts {
                guard let slot = core.find(attempt) else { continue }
                core.absorb(.attemptReturned(slot, by: process.index), now: now, into: &actions)
            }
        case .ready:
            process.fields = try process.input.withBody(record) { (body) throws(WireError) in
                var reader = ByteReader(body)
                let count = try reader.uint32("number of fields")
                try reader.skip(4, "zero")
                return try reader.fields(count: count)
            }
            ready(process)
        case .failed:
            process.failure = try process.input.withBody(record) { (body) throws(WireError) in
                var reader = ByteReader(body)
                let count = Int(try reader.uint32("text length"))
                try reader.skip(4, "zero")
                return try reader.string(count, "text")
            }
            // One that served until now replaces itself; what it has not begun runs in another.
            if !process.fields.isEmpty {
                process.killed = process.failure
                core.absorb(.executorUnfit(process.index), now: now, into: &actions)
            }
        case .defineFunction, .forgetFunction, .defineOptions, .submit, .cancel, .release, .setup, .want,
            .accepted,
            .outcome, .started, .workerStarted, .report, .function, .assign, .retract, .stop, .workerSetup,
            .forgetSession, .forgetWorkerFunction, .drain, .value, .forgetValues, .greeting, .shutdown,
            .devices:
            throw WireError("an executor does not send \(record.type)")
        }
    }

    private func ready(_ process: ExecutorProcess) {
        guard process.fields["wire"]?.unsigned == UInt64(ProtocolVersion.highest) else {
            let spoken = process.fields["wire"]?.unsigned.map { "\($0)" } ?? "none"
            process.failure =
                "\(commandLine(of: process)) speaks version \(spoken) of the executor protocol, this worker "
                + "\(ProtocolVersion.highest); install both from one release."
            process.kill(because: process.failure)
            return
        }
        executorStart.recordNanoseconds((now - process.startedAt).nanoseconds)
        core.absorb(.executorReady(process.index), now: now, into: &actions)
    }

    // MARK: Results

    private func finished(_ record: ExecutorRecord, of process: ExecutorProcess) throws(WireError) {
        var (head, value) = try process.input.withBody(record) { (body) throws(WireError) in
            try checkedHead(body, attachments: record.attachments.count)
        }
        let ran: Interval? =
            switch head.status {
            case .value, .exception: .microseconds(Int64(head.ranMicroseconds))
            case .cancelled, .lost, .timedOut, .refused: nil
            }
        guard
            let (verdict, slot) = core.finish(
                head.attempt, status: head.status, ran: ran, by: process.index, now: now, into: &actions)
        else { return }
        release(slot)
        switch verdict {
        case .forward: break
        case .forwardAs(let status, let reason):
            head.status = status
            head.reason = reason
        case .discard, .stale: return
        }
        guard let link = connector?.link, let session = connector?.session else { return }
        head.worker = session
        finishedCounter.increment()
        let isHeld = head.status == .value && value.map { hold($0, of: record, head, process) } ?? false
        link.beginRecord(.workerFinished, flags: isHeld ? Record.valueIsHeld : 0)
        link.writer.outcomeHead(head)
        process.input.withBody(record) { body in
            link.writer.raw(body.extracting(OutcomeHead.bytes..<body.byteCount))
        }
        for attachment in record.attachments { link.attach(attachment) }
        link.endRecord()
    }

    /// Checks all of an outcome, for code of a user's task could have written it, and the scheduler would
    /// blame this worker.
    private func checkedHead(
        _ body: RawSpan, attachments: Int
    ) throws(WireError) -> (OutcomeHead, value: ValuePlace?) {
        var reader = ByteReader(body)
        let head = try OutcomeHead(decoding: &reader)
        var owned = 0
        var value: ValuePlace?
        for _ in 0..<head.parts {
            let part = try reader.outcomePart()
            if part.kind == .value { value = ValuePlace(payload: part.payload, firstAttachment: owned) }
            owned += part.payload.attachments
        }
        guard owned == attachments, reader.remaining == 0 else {
            throw WireError("an outcome with \(attachments) attachments, of which its parts name \(owned)")
        }
        return (head, value)
    }

    // MARK: Ends

    /// Everything that the process wrote is read before its death counts.
    func absorbEnd(of process: ExecutorProcess) {
        guard process.status == nil else { return }
        do {
            guard let status = try process.reap() else { return }
            readRest(of: process)
            process.status = status
        } catch {
            logger.error("an executor cannot be waited for", metadata: ["why": "\(error)"])
            process.status = .signal(9)
        }
        if !process.isClosed {
            process.isClosed = true
            unwatch(process)
        }
        process.closeDeadline = .distantFuture
        unwatchEnd(of: process)
        if case .leaving = stage { return }
        if !process.isRetired { executorsLostCounter.increment() }
        var told: Logger.Metadata = [
            "executor": "\(process.index.rawValue)", "pid": "\(process.processID)",
        ]
        if let status = process.status { told["how"] = "\(status)" }
        if let why = process.killed ?? process.failure { told["why"] = "\(why)" }
        logger.log(level: process.isRetired ? .info : .warning, "an executor ended", metadata: told)
        if process.activity == .initializer {
            core.absorb(.initializerEnded(process.initializing, in: process.index), now: now, into: &actions)
        }
        core.absorb(.executorDied(process.index), now: now, into: &actions)
        endOrphans()
        failWhenColdStartFails(process)
    }

    private func readRest(of process: ExecutorProcess) {
        while !process.isClosed {
            guard let transferred = try? process.input.read(from: process.socket) else { break }
            guard case .bytes = transferred else { break }
            guard absorbRecords(of: process) else { return }
        }
        let unwritten = process.unwrittenResults()
        guard !unwritten.isEmpty else { return }
        process.input.restart(with: unwritten)
        _ = absorbRecords(of: process)
    }

    /// Before the worker has joined, an executor that says why it cannot work, or that fails repeatedly, is
    /// the end: whoever started the worker is there to read the error.
    private func failWhenColdStartFails(_ process: ExecutorProcess) {
        guard case .warming = stage else { return }
        let isFinal =
            process.failure != nil || core.failures(of: process.index) >= Limits.executorStartFailuresMax
        guard isFinal else { return }
        failure = WorkerError(startFailure(of: process))
    }

    /// Why no task can run in this place, in words.
    func startFailure(of process: ExecutorProcess) -> String {
        if let failure = process.failure { return failure }
        let how = process.killed ?? process.status.map { "it \($0)" } ?? "it cannot be started"
        let words = process.lastWords()
        let output = words.isEmpty ? "" : " Its last output:\n\(words)"
        let isSwift = core.kind(of: process.index) == .swift
        let advice =
            isSwift && process.status == .code(0)
            ? " The main of an executable for --swift calls `TaskRegistry`, which serves tasks."
            : ""
        return "The executor \(commandLine(of: process)) does not start: \(how).\(advice)\(output)"
    }

    func commandLine(of process: ExecutorProcess) -> String {
        commandLines[core.kind(of: process.index)]?.arguments.joined(separator: " ") ?? "of no kind"
    }
}
