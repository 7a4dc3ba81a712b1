import Logging
import Metrics
import Posix
import SessionTransport
import TaskModel
import Wire
import WorkerCore

/// Does what the core says.
extension WorkerLoop {
    func runActions() {
        // An action may find out something (a process that cannot be started) that leads to further ones.
        var next = 0
        while next < actions.count {
            run(actions[next])
            next += 1
        }
        actions.removeAll(keepingCapacity: true)
    }

    private func run(_ action: Action) {
        switch action {
        case .start(let executor): start(executor)
        case .send(let slot, let executor, let devices): send(slot, to: executor, devices)
        case .retire(let executor): retire(executor)
        case .retract(let slot, let executor): ask(.retract, slot, executor)
        case .stop(let slot, let executor, let timedOut):
            ask(.stop, slot, executor, flags: timedOut ? 1 : 0)
        case .look(let slot, let executor):
            guard let process = processes[executor.int] else { break }
            core.absorb(.looked(slot, executor, process.activity), now: now, into: &actions)
        case .kill(let executor): kill(executor)
        case .giveBack(let slot):
            writeAttempt(.returned, attempt(slot))
            release(slot)
        case .reportStarted(let slot): writeAttempt(.workerStarted, attempt(slot))
        case .conclude(let slot, let status, let reason, let executor):
            conclude(slot, status, reason, executor)
            release(slot)
        case .forget(let slot): release(slot)
        case .leave: leave()
        }
    }

    /// The attempt's record is kept until it is released, also when the core has dropped it.
    private func attempt(_ slot: AttemptSlot) -> AttemptID {
        let payload = payloads[Int(slot.index)]
        guard let frame = payload.frame else { preconditionFailure("the attempt was released before") }
        return frame.withBytes(of: 0) { bytes in
            var reader = ByteReader(bytes.extracting(payload.record.body))
            guard let assignment = try? Assignment(decoding: &reader, flags: payload.record.flags) else {
                preconditionFailure("the record was decoded when it was admitted")
            }
            return assignment.attempt
        }
    }

    func release(_ slot: AttemptSlot) {
        payloads[Int(slot.index)].frame = nil
        payloads[Int(slot.index)].values = []
        definitions.release(payloads[Int(slot.index)].function)
    }

    // MARK: To executors

    private func send(_ slot: AttemptSlot, to executor: ExecutorIndex, _ devices: UInt64) {
        guard let process = processes[executor.int], !process.isClosed else { return }
        let payload = payloads[Int(slot.index)]
        guard let frame = payload.frame else { preconditionFailure("the attempt was released before") }
        if devices != 0 { sendDevices(devices, to: process) }
        definitions.needs(of: payload.function, at: executor, into: &needs)
        for need in needs {
            // Initializers of the other language are not for this executor.
            if case .setup(let session, let number) = need,
                !keptDefinitions.isCalled(
                    definitions.function(ofSetup: number, in: session), by: core.kind(of: executor))
            {
                continue
            }
            keptDefinitions.write(need, to: &process.output)
        }
        needs.removeAll(keepingCapacity: true)
        guard payload.values.isEmpty else {
            process.output.write(payload.record, of: frame, with: payload.values)
            return
        }
        frame.withBytes(of: 0) { process.output.tail.raw($0.extracting(payload.record.whole)) }
        for attachment in 0..<payload.record.attachments {
            process.output.attach(part: 1 + payload.record.firstAttachment + attachment, of: frame)
        }
    }

    /// In front of each attempt with devices, since a task may have changed its environment.
    private func sendDevices(_ devices: UInt64, to process: ExecutorProcess) {
        let list = Devices.list(devices, of: configuration.devices)
        let body = process.output.tail.beginRecord(.devices)
        process.output.tail.uint32(UInt32(list.utf8.count))
        process.output.tail.uint32(0)
        process.output.tail.text(list)
        process.output.tail.endRecord(body)
    }

    /// Asks an executor for an attempt back, or to stop it. Its outcome may have come later in the turn in
    /// which the core decided to ask; then there is nothing left to ask for.
    private func ask(
        _ type: RecordType, _ slot: AttemptSlot, _ executor: ExecutorIndex, flags: UInt8 = 0
    ) {
        guard let process = processes[executor.int], !process.isClosed, let attempt = core.id(of: slot)
        else { return }
        let body = process.output.tail.beginRecord(type, flags: flags)
        process.output.tail.uint32(1)
        process.output.tail.uint32(0)
        process.output.tail.attempt(attempt)
        process.output.tail.endRecord(body)
    }

    func flushExecutors() {
        for case let process? in processes where !process.output.isEmpty { flush(process) }
    }

    func flush(_ process: ExecutorProcess) {
        guard !process.isClosed else {
            process.output.removeAll()
            return
        }
        do {
            let isComplete = try process.output.flush(into: process.socket)
            watch(process, writable: !isComplete)
        } catch {
            // The other side is gone: its end tells why.
            process.output.removeAll()
        }
    }

    // MARK: To the scheduler

    func writeAttempt(_ type: RecordType, _ attempt: AttemptID) {
        guard let link = connector?.link else { return }
        link.beginRecord(type)
        link.writer.uint32(1)
        link.writer.uint32(0)
        link.writer.attempt(attempt)
        link.endRecord()
    }

    func writeOutcome(
        _ attempt: AttemptID, _ status: OutcomeStatus, _ reason: OutcomeReason, _ detail: String,
        parts: [(kind: OutcomePart, bytes: [UInt8])]
    ) {
        guard let connector else { return }
        let link = connector.link
        link.beginRecord(.workerFinished)
        link.writer.outcomeHead(
            OutcomeHead(
                attempt: attempt, status: status, reason: reason, parts: parts.count,
                worker: connector.session, detailCount: detail.utf8.count))
        link.writer.text(detail)
        for part in parts {
            link.writer.outcomePartHead(part.kind)
            link.writer.inlinePayload(.raw, part.bytes)
        }
        link.endRecord()
    }

    private func conclude(
        _ slot: AttemptSlot, _ status: OutcomeStatus, _ reason: OutcomeReason, _ executor: ExecutorIndex?
    ) {
        let attempt = attempt(slot)
        let process = executor.flatMap { processes[$0.int] }
        var parts: [(kind: OutcomePart, bytes: [UInt8])] = []
        if let process, reason != .unservable {
            let tail = process.outputTail(bytesMax: Limits.outputBytesPerTaskMax / 2)
            if !tail.standardOutput.isEmpty { parts.append((.standardOutput, tail.standardOutput)) }
            if !tail.standardError.isEmpty { parts.append((.standardError, tail.standardError)) }
        }
        let detail = words(status, reason, attempt, process)
        if reason == .initializerFailed, let executor {
            keptDefinitions.breakSession(
                attempt.task.session, core.kind(of: executor), because: detail)
        }
        finishedCounter.increment()
        writeOutcome(attempt, status, reason, detail, parts: parts)
    }

    private func words(
        _ status: OutcomeStatus, _ reason: OutcomeReason, _ attempt: AttemptID, _ process: ExecutorProcess?
    ) -> String {
        let worker = configuration.name
        switch status {
        case .cancelled:
            return process == nil
                ? "Cancelled before it started on worker \(worker)."
                : "Cancelled; it did not stop by itself, so its executor on worker \(worker) was killed."
        case .timedOut:
            return
                "Its time was up; it did not stop by itself, so its executor on worker \(worker) was killed."
        case .lost where reason == .unservable:
            let why = process.map { startFailure(of: $0) } ?? "It has no executor of this kind."
            return "Worker \(worker) cannot run attempt \(attempt): \(why)"
        case .lost where reason == .workerLost:
            return
                "The executor of attempt \(attempt) on worker \(worker) was killed because of another task."
        case .lost where reason == .initializerFailed:
            guard let process else { return "the initializer failed on worker \(worker)." }
            return
                "the initializer of the session ended its executor (process \(process.processID) on worker "
                + "\(worker)): \(howItEnded(process))"
        case .value, .exception, .lost, .refused:
            guard let process else { return "Lost on worker \(worker)." }
            return
                "The executor (process \(process.processID) on worker \(worker)) died while it ran attempt "
                + "\(attempt): \(howItEnded(process))"
        }
    }

    private func howItEnded(_ process: ExecutorProcess) -> String {
        let how = process.killed ?? process.status.map { "it \($0)" } ?? "it ended"
        let lines = process.lastWords()
        return how + "." + (lines.isEmpty ? " It wrote no output." : " Its last output:\n\(lines)")
    }
}
